"""Which addresses the platform may connect to on somebody's behalf: public ones, and what the deployment allows."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA's special-purpose registries by name, not Python's is_global: its lists differ from one 3.11.x to the next.
_NOT_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' shared space; also Alibaba's metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's metadata, on an address that looks public
        "169.254.0.0/16",  # link-local; the metadata of nearly every cloud
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; also Oracle's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "2001::/23",  # protocol assignments; Teredo carries any IPv4 address inside
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 carries any IPv4 address inside
        "3fff::/20",  # documentation
    )
)
# All that is allotted to the public so far. Outside it lie loopback, ULA, link-local, multicast, NAT64 and the mapped
# and compatible forms of IPv4 addresses.
_PUBLIC_IPV6 = IPv6Network("2000::/3")

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_.])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_WITH_PORT = re.compile(r"\[(?P<bracketed>[^\]]+)\](?::(?P<port6>[0-9]+))?|(?P<plain>[^:]+):(?P<port>[0-9]+)")
PORT_MAX = 65_535


class InvalidHost(ValueError):
    """The text is no host; the message says what is."""


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to the public Internet, as IANA's registries have it."""
    if isinstance(address, IPv6Address) and address not in _PUBLIC_IPV6:
        return False
    return not any(address in network for network in _NOT_PUBLIC)


def read_host(text: str) -> Address | str:
    """Return the address that a URL's host (without brackets) spells, or the name in lower case.

    Raises InvalidHost, also for an IPv4 address in fewer than four parts, octal or hexadecimal: `0x7f.1` and
    `2130706433` both mean 127.0.0.1 to a resolver, and nobody writes them without a reason.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return _read_name(text.lower())
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise InvalidHost(f"{text} names a network interface, which only this machine understands.")
    return address


def _read_name(text: str) -> str:
    if not _NAME.fullmatch(text) or ".." in text:
        raise InvalidHost(f"{text[:100]!r} is neither a host name nor an address.")
    if _NUMBER.fullmatch(text.rstrip(".").rpartition(".")[2]):
        raise InvalidHost(f"{text} is no host name: write an IPv4 address as four decimal numbers without zeros ahead.")
    return text


@dataclass(frozen=True, slots=True)
class _Allowed:
    """One entry: a name or a network, on one port or (None) on all."""

    target: Network | str
    port: int | None

    def covers(self, host: str, address: Address, port: int) -> bool:
        if self.port not in (None, port):
            return False
        if isinstance(self.target, str):
            return self.target == host
        return address in self.target


@dataclass(frozen=True, slots=True)
class Guard:
    """Decides by the address that a connection would go to, after resolution."""

    allowed: tuple[_Allowed, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> "Guard":
        """Read entries such as `10.1.0.0/16`, `[fd00::]/8`, `127.0.0.1:8000` and `intranet.example:443`.

        An address is that one alone. A name allows whatever it resolves to. Raises InvalidHost, which names the entry.
        """
        return cls(tuple(_read_allowed(entry.strip().lower()) for entry in entries if entry.strip()))

    def permits(self, *, host: str, address: Address, port: int) -> bool:
        """Tell whether `address`, found for `host` (a name in lower case, or the address itself), may be connected."""
        name = host.rstrip(".")
        return is_public(address) or any(entry.covers(name, address, port) for entry in self.allowed)


def _read_allowed(entry: str) -> _Allowed:
    try:
        return _Allowed(ip_network(entry), None)
    except ValueError:
        pass
    match = _WITH_PORT.fullmatch(entry)
    if match is None:
        return _Allowed(_read_target(entry, entry), None)
    port = match["port6"] or match["port"]
    if port is not None and not 0 < int(port) <= PORT_MAX:
        raise InvalidHost(f"{entry!r} names a port that there cannot be.")
    return _Allowed(_read_target(match["bracketed"] or match["plain"], entry), int(port) if port else None)


def _read_target(text: str, entry: str) -> Network | str:
    try:
        return ip_network(text)
    except ValueError:
        if "/" in text:
            raise InvalidHost(f"{entry!r} is no network: write one like 10.1.0.0/16 or [fd00::/8]:443.") from None
    return _read_name(text).rstrip(".")
