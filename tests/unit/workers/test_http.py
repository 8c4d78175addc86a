"""What `platform.http` reads from task data, before anything is sent."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.handler_cast import a_context
from workers import registry
from workers.errors import PermanentFailure
from workers.exchange import InvalidRequest, read_headers, read_url
from workers.handlers import http


@pytest.mark.parametrize(
    ("text", "host", "host_header", "target", "port"),
    [
        ("http://example.com", b"example.com", b"example.com", b"/", 80),
        ("HTTPS://Example.COM/a?b=c#d", b"example.com", b"example.com", b"/a?b=c", 443),
        ("http://example.com:80/", b"example.com", b"example.com", b"/", 80),
        ("http://example.com:8080/", b"example.com", b"example.com:8080", b"/", 8080),
        ("https://[2001:DB8::1]:8443/x", b"2001:db8::1", b"[2001:db8::1]:8443", b"/x", 8443),
        ("https://bücher.example/ä?q=ö", b"xn--bcher-kva.example", b"xn--bcher-kva.example", b"/%C3%A4?q=%C3%B6", 443),
        ("http://example.com/%20a?x=%2F", b"example.com", b"example.com", b"/%20a?x=%2F", 80),
        ("http://example.com?a=b", b"example.com", b"example.com", b"/?a=b", 80),
        ('http://example.com/"<>', b"example.com", b"example.com", b"/%22%3C%3E", 80),
    ],
)
def test_it_reads_urls(text, host, host_header, target, port):
    address = read_url(text)
    assert (address.url.host, address.host_header, address.url.target, address.url.port) == (
        host, host_header, target, port,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ftp://example.com/", "must begin with"),
        ("file:///etc/passwd", "must begin with"),
        ("gopher://example.com/", "must begin with"),
        ("example.com", "must begin with"),
        ("http:/example.com", "names no host"),
        ("http://", "names no host"),
        ("http://user:password@example.com/", "user name or password"),
        ("http://@example.com/", "user name or password"),
        ("http://example.com:0/", "port"),
        ("http://example.com:99999/", "url is none"),
        ("http://example.com:x/", "url is none"),
        ("http://[::1/", "url is none"),
        ("http://[fe80::1%25eth0]/", "names no host"),
        ("http://example.com/a b", "percent-encode"),
        ("http://example.com/\r\nX-Evil: 1", "percent-encode"),
        ("http://example.com\\@evil.example/", "percent-encode"),
        ("http://exam\x00ple.com/", "percent-encode"),
        ("http://2130706433/", "names no host"),
        ("http://0x7f.1/", "names no host"),
        ("http://0177.0.0.1/", "names no host"),
        ("http://①②⑦.0.0.1.⑩/", "names no host"),
        ("http://ex%61mple.com/", "names no host"),
    ],
)
def test_it_refuses_urls_that_hide_something(text, why):
    with pytest.raises(InvalidRequest, match=why):
        read_url(text)


def test_it_reads_wide_digits_as_the_address_that_they_mean():
    assert read_url("http://①②⑦.0.0.1/").url.host == b"127.0.0.1"


def test_it_reads_headers():
    assert read_headers({"X-One": " a\tb ", "x_two": "ü"}) == [(b"X-One", b"a\tb"), (b"x_two", b"\xfc")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Evil", "a\r\nX-More: b"),
        ("X-Evil", "a\nb"),
        ("X-Evil", "a\rb"),
        ("X-Evil", "a\x00b"),
        ("X-Evil", "\x1b[31m"),
        ("X-Evil", "€"),
        ("X-Evil\r\nX-More", "a"),
        ("X Evil", "a"),
        ("X-Evil:", "a"),
        ("", "a"),
        ("Ümlaut", "a"),
    ],
)
def test_it_refuses_headers_that_would_bend_the_request(name, value):
    with pytest.raises(InvalidRequest):
        read_headers({name: value})


@pytest.mark.parametrize(
    "name",
    [
        "Host", "HOST", "Idempotency-Key", "x-fence", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade",
        "Proxy-Authorization", "TE", "Trailer", "Expect", "Keep-Alive",
    ],
)  # fmt: skip
def test_it_lets_no_task_set_the_headers_that_are_the_platform_s(name):
    with pytest.raises(InvalidRequest, match="is not a task's to set"):
        read_headers({name: "x"})


@pytest.mark.parametrize(
    ("status", "expected", "verdict"),
    [
        (200, "2xx", True),
        (299, "2xx", True),
        (300, "2xx", False),
        (204, 204, True),
        (200, 204, False),
        (204, "204", True),
        (404, [200, 404], True),
        (404, ["2xx", "400-404"], True),
        (405, ["2xx", "400-404"], False),
        (350, "2xx-399", True),
    ],
)
def test_it_tells_what_is_expected(status, expected, verdict):
    assert http.is_expected(status, expected) is verdict


@pytest.mark.parametrize(
    "data",
    [
        {"url": "https://example.com/"},
        {"url": "https://example.com/", "method": "POST", "body": {"a": 1}, "expectedStatus": ["2xx", 404, "300-399"]},
        {"url": "https://example.com/", "headers": {"Authorization": "x"}, "timeoutSeconds": 0.5, "body": "text"},
    ],
)
def test_its_schema_takes_what_it_understands(data):
    assert registry.find("platform.http").faults(data) == []


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"url": 5},
        {"url": "https://example.com/", "method": "get"},
        {"url": "https://example.com/", "method": "CONNECT"},
        {"url": "https://example.com/", "headers": {"X": 1}},
        {"url": "https://example.com/", "expectedStatus": "6xx"},
        {"url": "https://example.com/", "expectedStatus": 99},
        {"url": "https://example.com/", "expectedStatus": []},
        {"url": "https://example.com/", "expectedStatus": True},
        {"url": "https://example.com/", "timeoutSeconds": 0},
        {"url": "https://example.com/", "followRedirects": True},
    ],
)
def test_its_schema_refuses_the_rest(data):
    assert registry.find("platform.http").faults(data) != []


def test_it_stops_a_worker_whose_setting_cannot_be_read():
    with pytest.raises(ImproperlyConfigured, match=r"HTTP_ALLOWED_ADDRESSES: '10\.0\.0\.1/8' is no network"):
        http.guard(("10.0.0.1/8",))


def test_it_sends_nothing_to_a_refused_address(settings):
    settings.HTTP_ALLOWED_ADDRESSES = []
    with pytest.raises(PermanentFailure, match=r"169\.254\.169\.254 is not a public address"):
        http.call({"url": "http://169.254.169.254/latest/meta-data/"}, a_context())
