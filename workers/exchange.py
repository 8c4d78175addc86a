"""One guarded HTTP exchange: a request that cannot be bent, and no more of the answer than was asked for."""

import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import certifi
import httpcore

from scheduler.engine import urls
from scheduler.engine.addresses import Guard
from workers.addresses import Deadline, GuardedBackend
from workers.errors import ExpectedFailure, PermanentFailure

# What the connection and its framing hang on, and what the platform says itself.
_OURS = frozenset(
    "connection content-length expect host idempotency-key keep-alive te trailer transfer-encoding upgrade "
    "x-fence".split()
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


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
    try:
        url = urls.read_url(text)
    except urls.InvalidUrl as refusal:
        raise InvalidRequest(str(refusal)) from None
    target = httpcore.URL(scheme=url.scheme.encode(), host=url.host.encode(), port=url.port, target=url.target.encode())
    return Address(target, url.host_header.encode(), url.text)


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
    context = trusting(authorities) if address.url.scheme == b"https" else None
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
def trusting(authorities: str | None) -> ssl.SSLContext:
    """Return what trusts the authorities in this file, or those of certifi. Raises OSError for what is no such file."""
    return ssl.create_default_context(cafile=authorities or certifi.where())
