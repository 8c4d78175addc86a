"""One guarded HTTP exchange: a request that cannot be bent, and no more of the answer than was asked for."""

import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, quote, urlsplit

import certifi
import httpcore

from scheduler.engine.addresses import PORT_MAX, Guard, InvalidHost, read_host
from workers.addresses import Deadline, GuardedBackend
from workers.errors import ExpectedFailure, PermanentFailure

PORTS = {"http": 80, "https": 443}

# What the connection and its framing hang on, and what the platform says itself.
_OURS = frozenset(
    "connection content-length expect host idempotency-key keep-alive te trailer transfer-encoding upgrade "
    "x-fence".split()
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_UNWELCOME_IN_URL = re.compile(r"[\x00-\x20\x7f\\]")
_KEPT_IN_URL = "%!$&'()*+,;=:@/?~"


class InvalidRequest(PermanentFailure):
    """The request cannot be sent as it is."""


class NoAnswer(ExpectedFailure):
    """There was no whole answer: no connection, no agreement on TLS, no HTTP, or not in time."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request goes."""

    url: httpcore.URL
    host_header: bytes
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and at most so many bytes of the body as were asked for."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    is_cut: bool


def read_url(text: str) -> Address:
    """Return where a URL leads. Raises InvalidRequest for all but plain http and https URLs of a host."""
    if _UNWELCOME_IN_URL.search(text):
        raise InvalidRequest("The url holds a space, a control character or a backslash: percent-encode it.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidRequest(f"The url is none: {error}.") from None
    if parts.scheme not in PORTS:
        raise InvalidRequest("The url must begin with http:// or https://.")
    if "@" in parts.netloc:
        raise InvalidRequest("The url holds a user name or password: send an Authorization header, from a $secret.")
    if port is not None and not 0 < port <= PORT_MAX:
        raise InvalidRequest(f"The url names the port {port}, which there cannot be.")
    return _address(parts, _host(parts.hostname or ""), port)


def _host(name: str) -> str:
    try:
        host = read_host(name if name.isascii() else name.encode("idna").decode())
    except (InvalidHost, UnicodeError) as error:
        raise InvalidRequest(f"The url names no host: {error}") from None
    return str(host)


def _address(parts: SplitResult, host: str, port: int | None) -> Address:
    target = quote(parts.path or "/", safe=_KEPT_IN_URL) + (
        f"?{quote(parts.query, safe=_KEPT_IN_URL)}" * bool(parts.query)
    )
    shown = f"[{host}]" if ":" in host else host
    with_port = shown if port in (None, PORTS[parts.scheme]) else f"{shown}:{port}"
    url = httpcore.URL(
        scheme=parts.scheme.encode(), host=host.encode(), port=port or PORTS[parts.scheme], target=target.encode()
    )
    return Address(url, with_port.encode(), f"{parts.scheme}://{with_port}{target}")


def read_headers(given: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return a task's headers as they are sent. Raises InvalidRequest for what would bend the request."""
    headers = []
    for name, value in given.items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidRequest(f"{name[:100]!a} is no name of a header.")
        if name.lower() in _OURS or name.lower().startswith("proxy-"):
            raise InvalidRequest(f"The header {name} is not a task's to set.")
        if not _HEADER_VALUE.fullmatch(value):
            raise InvalidRequest(f"The header {name} holds a line break or another character that no header may.")
        headers.append((name.encode("ascii"), value.strip().encode("latin-1")))
    return headers


def exchange(
    method: str,
    address: Address,
    *,
    headers: Iterable[tuple[bytes, bytes]],
    content: bytes | None,
    guard: Guard,
    deadline: Deadline,
    authorities: str | None,
    body_bytes: int,
) -> Answer:
    """Send one request and return the answer; redirects are answers like others.

    After `body_bytes` of the body the connection is closed. Raises AddressRefused, NoAnswer.
    """
    context = _trusting(authorities) if address.url.scheme == b"https" else None
    try:
        with (
            httpcore.ConnectionPool(ssl_context=context, network_backend=GuardedBackend(guard, deadline)) as pool,
            pool.stream(
                method, address.url, headers=[(b"Host", address.host_header), *headers], content=content
            ) as response,
        ):
            body, is_cut = _head(response.iter_stream(), body_bytes)
            shown = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
            return Answer(response.status, shown, body, is_cut)
    except httpcore.TimeoutException:
        raise NoAnswer(f"{method} {address.text} had no whole answer within {deadline.seconds:g} s.") from None
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise NoAnswer(f"{method} {address.text} had no answer: {error or type(error).__name__}") from None


def _head(chunks: Iterable[bytes], size: int) -> tuple[bytes, bool]:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > size:
            return bytes(body[:size]), True
    return bytes(body), False


@lru_cache(maxsize=4)
def _trusting(authorities: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authorities or certifi.where())
