"""A small HTTP client for the platform under drill."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

SECONDS = 10

T = TypeVar("T")


class Answer(NamedTuple):
    """Status and JSON body of an answer; errors of HTTP are answers too."""

    status: int
    body: Any
    retry_after: str | None = None


class BrokenOff(ConnectionError):
    """An answer that began and did not end: who gave it died meanwhile."""


def send(method: str, url: str, body: object = None, *, token: str = "") -> Answer:
    """Send a request and return its answer. Raises OSError where there is none, or no whole one."""
    request = urllib.request.Request(  # noqa: S310 - our own address
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    return whole(lambda: _exchange(request))


def whole(exchange: Callable[[], T]) -> T:
    """Return what an exchange over HTTP returns. Raises BrokenOff, an OSError, where Python says neither."""
    try:
        return exchange()
    except http.client.RemoteDisconnected:  # before it began; an OSError already
        raise
    except http.client.HTTPException as error:
        raise BrokenOff(f"The answer broke off: {error!r}") from error


def _exchange(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - the same
            return Answer(answer.status, _read(answer.read()))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _read(error.read()), error.headers.get("Retry-After"))


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
