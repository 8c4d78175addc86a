"""Reads request bodies: bounded, UTF-8, strict JSON; whatever is wrong with one is a 4xx."""

from collections.abc import Mapping
from typing import IO, Any

from django.http import UnreadablePostError
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from scheduler.engine import strict_json

# Of one task; views that take many say so themselves (`max_body_bytes`).
MAX_BODY_BYTES = 1024 * 1024


class BodyTooLarge(APIException):
    """The body is longer than its endpoint takes."""

    status_code = 413
    default_code = "too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body may have {limit:,} bytes.")


def limit_of(view: object) -> int:
    """Return how many bytes a body may have there."""
    limit: int = getattr(view, "max_body_bytes", MAX_BODY_BYTES)
    return limit


def body_of(request: Request, *, limit: int) -> bytes:
    """Return the body as it came; parsers find it all the same. Raises BodyTooLarge, before anything is read."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdecimal() and int(length) > limit:
        raise BodyTooLarge(limit)
    body: bytes = request.body
    return body


class StrictJSONParser(BaseParser):
    """JSON by scheduler.engine.strict_json. The framework's own parser reads without a limit."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the value of the body. Raises ParseError (400) and BodyTooLarge (413)."""
        limit = limit_of((parser_context or {}).get("view"))
        try:
            body = stream.read(limit + 1)
        except UnreadablePostError:
            raise ParseError("The body ended early.") from None
        if len(body) > limit:
            raise BodyTooLarge(limit)
        try:
            return strict_json.loads(body.decode())
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is not UTF-8: byte {error.start} cannot be read.") from None
        except strict_json.InvalidJson as error:
            raise ParseError(f"The body is not JSON: {error}") from None
