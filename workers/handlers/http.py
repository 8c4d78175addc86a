"""`platform.http`: calls a web service, and nothing that hides behind the firewall unless the deployment allows it."""

import json
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from scheduler.engine.addresses import Guard, InvalidHost
from workers.addresses import Deadline
from workers.context import Context
from workers.errors import ExpectedFailure
from workers.exchange import Answer, exchange, read_headers, read_url, trusting
from workers.masking import HIDDEN
from workers.registry import Data, handler

BODY_BYTES = 32 * 1024
ERROR_BODY_CHARACTERS = 2_000
HEADERS_SHOWN = 50
HEADER_CHARACTERS = 1_000
# The soft limit of the execution comes first, so that the outcome is TIMED_OUT; this is for where none is armed.
AFTER_SOFT_LIMIT_SECONDS = 1
# Session keys: whoever may read history is not meant to have them.
HIDDEN_HEADERS = frozenset({"set-cookie", "set-cookie2"})

_STATUS = {
    "oneOf": [
        {"type": "integer", "minimum": 100, "maximum": 599},
        {"type": "string", "pattern": "^[1-5]([0-9]{2}|xx)(-[1-5][0-9]{2})?$"},
    ]
}
SCHEMA = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "minLength": 8, "maxLength": 8192, "description": "http:// or https://."},
        "method": {"enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], "default": "GET"},
        "headers": {
            "type": "object",
            "additionalProperties": {"type": "string", "maxLength": 8192},
            "maxProperties": 100,
            "description": "Sent as they are; a value may be a $secret.",
        },
        "body": {"description": "A text is sent as it is, anything else as JSON."},
        "expectedStatus": {
            "oneOf": [*_STATUS["oneOf"], {"type": "array", "items": _STATUS, "minItems": 1, "maxItems": 50}],
            "default": "2xx",
            "description": 'What is a success: 204, "2xx", "200-299", or a list of such.',
        },
        "timeoutSeconds": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 86_400,
            "description": "For the whole exchange; never longer than the execution's own.",
        },
    },
    "required": ["url"],
    "additionalProperties": False,
}


class UnexpectedStatus(ExpectedFailure):
    """The service answered, and not as expected."""


@handler("platform.http", schema=SCHEMA, fills_templates=True)
def call(data: Data, context: Context) -> dict[str, Any]:
    """Send an HTTP request and succeed when the status is one of `expectedStatus` (2xx).

    Sends `Idempotency-Key: <execution id>` and `X-Fence: <fence>`. Follows no redirect, uses no proxy, connects to
    public addresses only (setting HTTP_ALLOWED_ADDRESSES for others) and keeps the first 32 KiB of the body.
    """
    address, method = read_url(data["url"]), data.get("method", "GET")
    content, content_type = _content(data)
    seconds = min(data.get("timeoutSeconds", context.timeout_seconds), context.timeout_seconds)
    is_execution_s = seconds == context.timeout_seconds
    answer = exchange(
        method,
        address,
        headers=_headers(data.get("headers", {}), content_type, context),
        content=content,
        guard=guard(tuple(settings.HTTP_ALLOWED_ADDRESSES)),
        deadline=Deadline(seconds + AFTER_SOFT_LIMIT_SECONDS * is_execution_s),
        authorities=settings.HTTP_CA_FILE,
        body_bytes=BODY_BYTES,
    )
    context.log.info("%s %s answered %d.", method, address.text, answer.status)
    body = _text(answer, context)
    expected = data.get("expectedStatus", "2xx")
    if not is_expected(answer.status, expected):
        raise UnexpectedStatus(f"{method} {address.text} {_complaint(answer, body, expected)}")
    return {"status": answer.status, "headers": _shown(answer, context), "body": body, "bodyIsCut": answer.is_cut}


@lru_cache(maxsize=8)
def guard(allowed: tuple[str, ...]) -> Guard:
    """Return the guard with these exceptions. Raises ImproperlyConfigured."""
    try:
        return Guard.parse(allowed)
    except InvalidHost as error:
        raise ImproperlyConfigured(f"HTTP_ALLOWED_ADDRESSES: {error}") from None


def is_expected(status: int, expected: Any) -> bool:
    """Tell whether a status is 204, or of "2xx", or in "200-299", or any of a list of such."""
    if isinstance(expected, list):
        return any(is_expected(status, one) for one in expected)
    first, _, last = str(expected).partition("-")
    low, high = int(first.replace("x", "0")), int((last or first).replace("x", "9"))
    return low <= status <= high


def _content(data: Data) -> tuple[bytes | None, bytes | None]:
    """Return the body and the content type that goes with it unless the task names one."""
    if "body" not in data:
        # Without a length some servers wait for a body, and some refuse.
        return (None if data.get("method", "GET") in ("GET", "HEAD", "OPTIONS", "DELETE") else b""), None
    if isinstance(data["body"], str):
        return data["body"].encode(), b"text/plain; charset=utf-8"
    return json.dumps(data["body"], ensure_ascii=False).encode(), b"application/json"


def _headers(given: dict[str, str], content_type: bytes | None, context: Context) -> list[tuple[bytes, bytes]]:
    headers = read_headers(given)
    names = {name.lower() for name, _ in headers}
    usual = [
        (b"User-Agent", b"platform-scheduler"),
        (b"Accept", b"*/*"),
        # Nothing is unpacked here: a few bytes could become gigabytes.
        (b"Accept-Encoding", b"identity"),
        *([(b"Content-Type", content_type)] if content_type else []),
    ]
    return [
        *headers,
        *(header for header in usual if header[0].lower() not in names),
        (b"Connection", b"close"),
        (b"Idempotency-Key", str(context.execution_id).encode()),
        (b"X-Fence", str(context.fence).encode()),
    ]


def _text(answer: Answer, context: Context) -> str:
    text = answer.body.decode("utf-8", "replace")
    return context.mask.cut(text) if answer.is_cut else context.mask(text)


def _shown(answer: Answer, context: Context) -> dict[str, str]:
    shown: dict[str, str] = {}
    for name, value in answer.headers[:HEADERS_SHOWN]:
        text = HIDDEN if name.lower() in HIDDEN_HEADERS else context.mask(value)[:HEADER_CHARACTERS]
        shown[name] = f"{shown[name]}, {text}" if name in shown else text
    return shown


def _complaint(answer: Answer, body: str, expected: Any) -> str:
    wanted = ", ".join(map(str, expected)) if isinstance(expected, list) else expected
    target = next((value for name, value in answer.headers if name.lower() == "location"), None)
    redirect = f" Redirects are not followed; this one leads to {target}" if target else ""
    return f"answered {answer.status}, expected was {wanted}.{redirect}\n{body[:ERROR_BODY_CHARACTERS]}".strip()


def _require_authorities(file: str) -> None:
    try:
        trusting(file)
    except OSError as error:
        said = error.strerror or error
        raise ImproperlyConfigured(f"HTTP_CA_FILE: {file} holds no authorities that can be read: {said}.") from None


guard(tuple(settings.HTTP_ALLOWED_ADDRESSES))  # a setting that cannot be read stops the worker, not the first task
if settings.HTTP_CA_FILE:
    _require_authorities(settings.HTTP_CA_FILE)
