"""A small HTTP client for the platform under drill."""

import json
import urllib.error
import urllib.request
from typing import Any, NamedTuple

SECONDS = 10


class Answer(NamedTuple):
    """Status and JSON body of an answer; errors of HTTP are answers too."""

    status: int
    body: Any
    retry_after: str | None = None


def send(method: str, url: str, body: object = None, *, token: str = "") -> Answer:
    """Send a request and return its answer. Raises OSError where there is none."""
    request = urllib.request.Request(  # noqa: S310 - our own address
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
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
