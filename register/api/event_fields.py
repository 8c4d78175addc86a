"""Fields of events: what comes with one, and what a task that listens asks of it."""

import json
from math import isfinite
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from register.api.fields import TaskData
from scheduler.engine import strict_json

EVENT_NAME_MAX_LENGTH = 255
MATCH_MAX_BYTES = 4 * 1024


class Payload(TaskData):
    """The JSON object that an event brings along; kept as text."""

    default_error_messages = {"invalid": "This must be a JSON object."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, dict):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field({"type": "object"})
class Match(serializers.Field[dict[str, Any], Any, dict[str, Any], Any]):
    """What the payload of an event must hold; it is looked up by the database, hence no number beyond its own."""

    default_error_messages = {
        "invalid": "This must be a JSON object.",
        "max_bytes": "This may have {limit} bytes as JSON; it has {size}.",
        "null_characters": "This may not hold the character NUL.",
        "numbers": "Numbers here lie between -2^63 and 2^63.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            self.fail("invalid")
        size = len(json.dumps(data, ensure_ascii=False).encode())
        if size > MATCH_MAX_BYTES:
            self.fail("max_bytes", limit=f"{MATCH_MAX_BYTES:,}", size=f"{size:,}")
        if strict_json.holds(data, "\x00"):
            self.fail("null_characters")
        if not _has_plain_numbers(data):
            self.fail("numbers")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


def _has_plain_numbers(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(map(_has_plain_numbers, value.values() if isinstance(value, dict) else value))
    if isinstance(value, float):
        return isfinite(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63
