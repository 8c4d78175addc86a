"""`platform.http` over real sockets on loopback."""

import json
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from tests.handler_cast import EXECUTION, Loopback, a_context, answering, dripping, silent
from workers.addresses import AddressRefused
from workers.exchange import NoAnswer
from workers.handlers.http import BODY_BYTES, UnexpectedStatus, call
from workers.masking import Mask


@pytest.fixture(autouse=True)
def allowed(settings):
    settings.HTTP_ALLOWED_ADDRESSES = ["127.0.0.1", "::1"]


@pytest.fixture
def names(monkeypatch) -> dict[str, Iterator[str]]:
    """What names resolve to, a fresh answer each time they are asked for; other names are not known."""
    answers: dict[str, Iterator[str]] = {}

    def getaddrinfo(host, port, *_arguments, **_options):
        if host.replace(".", "").isdigit() or ":" in host:
            return real(host, port, *_arguments, **_options)
        if host not in answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port)) for number in next(answers[host]).split()]

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return answers


def test_it_returns_status_headers_and_body():
    with Loopback(answering(201, "grüße".encode(), X_Job="7")) as server:
        result = call({"url": server.url("/jobs?x=1")}, a_context())
    assert result["status"] == 201
    assert result["headers"]["X-Job"] == "7"
    assert (result["body"], result["bodyIsCut"]) == ("grüße", False)
    assert server.requests[0].line == "GET /jobs?x=1 HTTP/1.1"


def test_it_sends_execution_and_fence_and_says_who_it_is():
    with Loopback(answering()) as server:
        call({"url": server.url()}, a_context(fence=7))
    headers = server.requests[0].headers
    assert headers["Idempotency-Key"] == str(EXECUTION)
    assert headers["X-Fence"] == "7"
    assert headers["Host"] == f"127.0.0.1:{server.port}"
    assert headers["User-Agent"] == "platform-scheduler"
    assert headers["Accept-Encoding"] == "identity"


def test_it_sends_json():
    with Loopback(answering()) as server:
        call({"url": server.url(), "method": "POST", "body": {"ä": [1, None]}}, a_context())
    assert server.requests[0].headers["Content-Type"] == "application/json"
    assert json.loads(server.requests[0].body) == {"ä": [1, None]}


def test_it_sends_text_with_the_task_s_own_content_type():
    headers = {"content-type": "text/csv", "Authorization": "Bearer x"}
    with Loopback(answering()) as server:
        call({"url": server.url(), "method": "PUT", "body": "a;b", "headers": headers}, a_context())
    assert server.requests[0].headers["content-type"] == "text/csv"
    assert "Content-Type" not in server.requests[0].headers
    assert server.requests[0].headers["Authorization"] == "Bearer x"
    assert server.requests[0].body == b"a;b"


def test_it_gives_an_empty_post_a_length():
    with Loopback(answering()) as server:
        call({"url": server.url(), "method": "POST"}, a_context())
    assert server.requests[0].headers["Content-Length"] == "0"


def test_it_fails_on_another_status_with_the_head_of_the_body():
    with Loopback(answering(503, b"try later " * 1000)) as server, pytest.raises(UnexpectedStatus) as failure:
        call({"url": server.url("/x")}, a_context())
    assert str(failure.value).startswith(f"GET {server.url('/x')} answered 503, expected was 2xx.\ntry later")
    assert len(str(failure.value)) < 2_200


def test_it_takes_the_status_that_the_task_expects():
    with Loopback(answering(404)) as server:
        assert call({"url": server.url(), "expectedStatus": [404]}, a_context())["status"] == 404


def test_it_follows_no_redirect():
    target = "http://169.254.169.254/latest/meta-data/"
    with Loopback(answering(302, Location=target)) as server, pytest.raises(UnexpectedStatus, match="leads to") as seen:
        call({"url": server.url()}, a_context())
    assert target in str(seen.value)
    assert server.connections == 1


def test_it_takes_a_redirect_for_an_answer_where_that_is_expected():
    with Loopback(answering(302, Location="http://127.0.0.1:1/")) as server:
        assert call({"url": server.url(), "expectedStatus": "3xx"}, a_context())["status"] == 302


def test_it_cuts_a_body_that_never_ends():
    with Loopback(dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 10_000, every=0.0001)) as server:
        result = call({"url": server.url()}, a_context())
    assert result["bodyIsCut"] is True
    assert len(result["body"]) == BODY_BYTES


def test_it_cuts_a_huge_body_and_does_not_wait_for_the_rest():
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"
    with Loopback(dripping(head + b"y" * (BODY_BYTES + 1), b"y")) as server:
        assert len(call({"url": server.url()}, a_context())["body"]) == BODY_BYTES


def test_it_unpacks_nothing():
    with Loopback(answering(body=b"\x1f\x8b not really", Content_Encoding="gzip")) as server:
        assert call({"url": server.url()}, a_context())["body"] == "\x1f\ufffd not really"


@pytest.mark.parametrize(
    "behaviour",
    [
        silent,
        dripping(b"HTTP/1.1 200 OK\r\n", b"X-More: a\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
    ],
    ids=["nothing", "headers byte by byte", "body byte by byte"],
)
def test_it_waits_no_longer_for_the_whole_than_the_task_says(behaviour):
    with Loopback(behaviour) as server, pytest.raises(NoAnswer, match=r"had no whole answer within 0\.3 s"):
        call({"url": server.url(), "timeoutSeconds": 0.3}, a_context())


def test_it_waits_no_longer_than_the_execution_may():
    with Loopback(silent) as server, pytest.raises(NoAnswer, match="within 1 s"):
        call({"url": server.url(), "timeoutSeconds": 60}, a_context(timeout_seconds=0))


def test_it_refuses_an_answer_with_endless_headers():
    with Loopback(dripping(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 50_000, every=0.001)) as server, pytest.raises(NoAnswer):
        call({"url": server.url()}, a_context())


def test_it_refuses_what_is_no_http():
    with Loopback(lambda peer: peer.sendall(b"+PONG\r\n")) as server, pytest.raises(NoAnswer, match="had no answer"):
        call({"url": server.url()}, a_context())


def test_it_says_that_nobody_listens():
    with Loopback(silent) as server:
        url = server.url()
    with pytest.raises(NoAnswer, match=r"had no answer: .*Connection refused"):
        call({"url": url}, a_context())


def test_it_says_that_a_name_is_not_known(names):
    with pytest.raises(NoAnswer, match=r"nowhere\.test cannot be resolved"):
        call({"url": "http://nowhere.test/"}, a_context())


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"],
)
def test_it_connects_to_no_address_that_is_not_public(settings, host):
    settings.HTTP_ALLOWED_ADDRESSES = []
    with Loopback(answering()) as server, pytest.raises(AddressRefused):
        call({"url": server.url(host=host)}, a_context())
    assert server.connections == 0


def test_it_judges_a_name_by_what_it_resolves_to(names, settings):
    settings.HTTP_ALLOWED_ADDRESSES = []
    names["innocent.test"] = iter(["127.0.0.1"])
    with Loopback(answering()) as server, pytest.raises(AddressRefused, match=r"innocent\.test leads to 127\.0\.0\.1"):
        call({"url": server.url(host="innocent.test")}, a_context())
    assert server.connections == 0


def test_it_asks_for_a_name_once_and_connects_to_that_answer(names):
    # The second answer would be the metadata of a cloud; a second question would show in `names` as well.
    names["rebinding.test"] = iter(["127.0.0.1", "169.254.169.254"])
    with Loopback(answering()) as server:
        assert call({"url": server.url(host="rebinding.test")}, a_context())["status"] == 200
    assert server.requests[0].headers["Host"] == f"rebinding.test:{server.port}"
    assert next(names["rebinding.test"]) == "169.254.169.254"


def test_it_passes_over_refused_addresses_of_a_name(names):
    names["mixed.test"] = iter(["10.0.0.1 127.0.0.1"])
    with Loopback(answering()) as server:
        assert call({"url": server.url(host="mixed.test")}, a_context())["status"] == 200


def test_it_tries_the_next_address_of_a_name(names, settings):
    settings.HTTP_ALLOWED_ADDRESSES = ["127.0.0.0/8"]
    names["two.test"] = iter(["127.0.0.9 127.0.0.1"])
    with Loopback(answering()) as server:
        assert call({"url": server.url(host="two.test")}, a_context())["status"] == 200


def test_it_reaches_a_name_that_is_allowed_on_its_port_only(names, settings):
    with Loopback(answering()) as server:
        settings.HTTP_ALLOWED_ADDRESSES = [f"intranet.test:{server.port}"]
        names["intranet.test"] = iter(["127.0.0.1", "127.0.0.1"])
        assert call({"url": server.url(host="intranet.test")}, a_context())["status"] == 200
        with pytest.raises(AddressRefused):
            call({"url": "http://intranet.test:6379/"}, a_context())


def test_it_stops_waiting_for_a_resolver_that_does_not_answer(monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_o: released.wait(30) and [])
    with pytest.raises(NoAnswer, match=r"within 0\.2 s"):
        call({"url": "http://slow.test/", "timeoutSeconds": 0.2}, a_context())
    released.set()


def test_it_uses_no_proxy_of_the_environment(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Loopback(answering()) as server:
        assert call({"url": server.url()}, a_context())["status"] == 200


def test_it_shows_no_session_keys():
    with Loopback(answering(Set_Cookie="session=abc")) as server:
        assert call({"url": server.url()}, a_context())["headers"]["Set-Cookie"] == "***"


def test_it_bounds_the_headers_of_the_result():
    many: dict[str, Any] = {f"X_{number}": "v" * 2_000 for number in range(40)} | {"X_Last": "w" * 500}
    with Loopback(answering(**many)) as server:
        shown = call({"url": server.url()}, a_context())["headers"]
    assert len(shown) <= 50
    assert max(map(len, shown.values())) == 1_000


def test_it_hides_a_secret_that_the_answer_repeats_also_where_it_is_cut():
    body = b"x" * (BODY_BYTES - 8) + b"s3cr3t-token" + b"x" * 100
    with Loopback(answering(body=body, X_Echo="s3cr3t-token")) as server:
        result = call({"url": server.url()}, a_context(mask=Mask(["s3cr3t-token"])))
    assert result["body"].endswith("xxx***")
    assert result["headers"]["X-Echo"] == "***"


def test_it_logs_what_it_called(caplog):
    caplog.set_level(logging.INFO)
    with Loopback(answering()) as server:
        call({"url": server.url("/x")}, a_context())
    assert caplog.messages == [f"GET {server.url('/x')} answered 200."]


@pytest.fixture
def authority(settings, tmp_path) -> trustme.CA:
    """An authority that the platform trusts, and no other."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    settings.HTTP_CA_FILE = str(tmp_path / "ca.pem")
    return authority


def secured_by(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def test_it_verifies_the_certificate_by_the_name_and_connects_by_the_number(authority, names):
    names["shop.test"] = iter(["127.0.0.1"])
    with Loopback(answering(), context=secured_by(authority, "shop.test")) as server:
        assert call({"url": server.url(host="shop.test", scheme="https")}, a_context())["status"] == 200


def test_it_refuses_a_certificate_of_another_name(authority, names):
    names["shop.test"] = iter(["127.0.0.1"])
    context = secured_by(authority, "other.test", "127.0.0.1")
    with Loopback(answering(), context=context) as server, pytest.raises(NoAnswer, match="CERTIFICATE_VERIFY_FAILED"):
        call({"url": server.url(host="shop.test", scheme="https")}, a_context())
    assert server.requests == []


def test_it_refuses_a_certificate_of_an_unknown_authority(authority):
    context = secured_by(trustme.CA(), "127.0.0.1")
    with Loopback(answering(), context=context) as server, pytest.raises(NoAnswer, match="CERTIFICATE_VERIFY_FAILED"):
        call({"url": server.url(scheme="https")}, a_context())


def test_it_waits_no_longer_for_tls_than_for_the_whole(authority):
    with Loopback(silent) as server, pytest.raises(NoAnswer, match=r"within 0\.2 s"):
        call({"url": server.url(scheme="https"), "timeoutSeconds": 0.2}, a_context())
