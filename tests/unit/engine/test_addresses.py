"""Which addresses are public, how a host may be spelled, and what the deployment can allow."""

from ipaddress import ip_address

import pytest

from scheduler.engine.addresses import Guard, InvalidHost, is_public, read_host


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001::1"])
def test_it_takes_public_addresses_for_public(text):
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",  # noqa: S104
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_it_takes_no_other_address_for_public(text):
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("example.com", "example.com"),
        ("Example.COM", "example.com"),
        ("example.com.", "example.com."),
        ("a_b.example", "a_b.example"),
        ("1.2.3.4.example", "1.2.3.4.example"),
        ("8.8.8.8", ip_address("8.8.8.8")),
        ("::1", ip_address("::1")),
    ],
)
def test_it_reads_names_and_addresses(text, host):
    assert read_host(text) == host


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2130706433",
        "127.1",
        "127.0.1",
        "0x7f.0.0.1",
        "0x7f000001",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.01",
        "127.0.0.1.",
        "1.2.3.256",
        "1.2.3.4.5",
        "example.0x",
        "fe80::1%eth0",
        "::1%1",
        "-x.example",
        "a b",
        "a\x00b",
        "a..b",
        "ex%61mple.com",
        "x" * 300,
    ],
)
def test_it_refuses_hosts_that_hide_an_address_or_are_none(text):
    with pytest.raises(InvalidHost):
        read_host(text)


@pytest.mark.parametrize(
    ("entry", "host", "address", "port"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", 80),
        ("127.0.0.1:8000", "127.0.0.1", "127.0.0.1", 8000),
        ("10.0.0.0/8", "intranet.example", "10.1.2.3", 443),
        ("10.0.0.0/8:443", "intranet.example", "10.1.2.3", 443),
        ("::1", "localhost", "::1", 80),
        ("fd00::/8", "intranet.example", "fd00::1", 80),
        ("[fd00::/8]:443", "intranet.example", "fd00::1", 443),
        ("[::1]", "localhost", "::1", 80),
        ("Intranet.Example", "intranet.example", "192.168.0.1", 80),
        ("intranet.example", "intranet.example.", "192.168.0.1", 80),
        ("intranet.example:8080", "intranet.example", "192.168.0.1", 8080),
        (" 127.0.0.1 ", "127.0.0.1", "127.0.0.1", 80),
    ],
)
def test_it_permits_what_the_deployment_allows(entry, host, address, port):
    assert Guard.parse([entry]).permits(host=host, address=ip_address(address), port=port)


@pytest.mark.parametrize(
    ("entry", "host", "address", "port"),
    [
        ("127.0.0.1", "127.0.0.2", "127.0.0.2", 80),
        ("127.0.0.1:8000", "127.0.0.1", "127.0.0.1", 6379),
        ("127.0.0.0/8", "x", "::ffff:127.0.0.1", 80),
        ("intranet.example", "sub.intranet.example", "192.168.0.1", 80),
        ("intranet.example", "evil.example", "192.168.0.1", 80),
        ("", "127.0.0.1", "127.0.0.1", 80),
    ],
)
def test_it_permits_nothing_beside_that(entry, host, address, port):
    assert not Guard.parse([entry]).permits(host=host, address=ip_address(address), port=port)


def test_it_permits_public_addresses_by_itself():
    assert Guard().permits(host="example.com", address=ip_address("93.184.216.34"), port=443)


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "a b", "host:0", "host:70000", "127.1", "[::1", "300.0.0.0/8", "*"])
def test_it_refuses_entries_that_it_cannot_read(entry):
    with pytest.raises(InvalidHost):
        Guard.parse([entry])
