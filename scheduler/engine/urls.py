"""Reads URLs of web services strictly: what could be taken for another host, or bend a request, is refused."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from scheduler.engine.addresses import PORT_MAX, InvalidHost, read_host

PORTS = {"http": 80, "https": 443}

_UNWELCOME = re.compile(r"[\x00-\x20\x7f\\]")
_KEPT = "%!$&'()*+,;=:@/?~"


class InvalidUrl(ValueError):
    """The text is no URL that a request may go to; the message says why."""


@dataclass(frozen=True, slots=True)
class Url:
    """Where a request goes: `host` without brackets, `target` is the path with the query, percent-encoded."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def host_header(self) -> str:
        """The host as the request's header has it."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return shown if self.port == PORTS[self.scheme] else f"{shown}:{self.port}"

    @property
    def text(self) -> str:
        """The whole, as it is shown."""
        return f"{self.scheme}://{self.host_header}{self.target}"

    @property
    def without_query(self) -> str:
        """The whole but for what may be a key in the query."""
        path, mark, _ = self.target.partition("?")
        return f"{self.scheme}://{self.host_header}{path}{mark and '?…'}"


def read_url(text: str) -> Url:
    """Return where a URL leads. Raises InvalidUrl for all but plain http and https URLs of a host."""
    if _UNWELCOME.search(text):
        raise InvalidUrl("The url holds a space, a control character or a backslash: percent-encode it.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidUrl(f"The url is none: {error}.") from None
    if parts.scheme not in PORTS:
        raise InvalidUrl("The url must begin with http:// or https://.")
    if "@" in parts.netloc:
        raise InvalidUrl("The url holds a user name or password: send an Authorization header, from a $secret.")
    if port is not None and not 0 < port <= PORT_MAX:
        raise InvalidUrl(f"The url names the port {port}, which there cannot be.")
    return Url(parts.scheme, _host(parts.hostname or ""), port or PORTS[parts.scheme], _target(parts))


def _host(name: str) -> str:
    try:
        return str(read_host(name if name.isascii() else name.encode("idna").decode()))
    except (InvalidHost, UnicodeError) as error:
        raise InvalidUrl(f"The url names no host: {error}") from None


def _target(parts: SplitResult) -> str:
    query = f"?{quote(parts.query, safe=_KEPT)}" if parts.query else ""
    return quote(parts.path or "/", safe=_KEPT) + query
