"""Fields that hold a whole JSON object: bounded in bytes, and of what the database can store."""

import json
from math import isfinite
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from scheduler.engine import strict_json
from scheduler.engine.calendars import CalendarRules, InvalidCalendar, read_calendar

FAULTS_SHOWN = 20

Json = dict[str, Any]


class _Bounded(serializers.Field[Any, Any, Any, Any]):
    """What has at most `max_bytes` as JSON."""

    max_bytes: ClassVar = 64 * 1024

    default_error_messages = {"max_bytes": "This may have {limit} bytes as JSON; it has {size}."}

    def to_internal_value(self, data: Any) -> Any:
        size = len(json.dumps(data, ensure_ascii=False).encode())
        if size > self.max_bytes:
            self.fail("max_bytes", limit=f"{self.max_bytes:,}", size=f"{size:,}")
        return data

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"type": "object", "additionalProperties": True})
class Document(_Bounded):
    """A JSON object."""

    default_error_messages = {
        "invalid": "This must be a JSON object.",
        "null_characters": "This may not hold the character NUL.",
        "numbers": "Numbers here lie between -2^63 and 2^63.",
    }

    def to_internal_value(self, data: Any) -> Json:
        if not isinstance(data, dict):
            self.fail("invalid")
        values = dict(super().to_internal_value(data))
        if strict_json.holds(values, "\x00"):
            self.fail("null_characters")
        if not _has_plain_numbers(values):
            self.fail("numbers")
        return values


def _has_plain_numbers(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(map(_has_plain_numbers, value.values() if isinstance(value, dict) else value))
    if isinstance(value, float):
        return isfinite(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63


@extend_schema_field({"type": "object"})
class CalendarDocument(_Bounded):
    """A calendar's rules, as docs/schedules.md has them."""

    def to_internal_value(self, data: Any) -> CalendarRules:
        try:
            return read_calendar(super().to_internal_value(data))
        except InvalidCalendar as refusal:
            refused: dict[str, list[Any]] = {}
            for fault in refusal.faults[:FAULTS_SHOWN]:
                refused.setdefault(fault.path, []).append(ErrorDetail(fault.message, code=fault.code))
            raise ValidationError(refused if "" not in refused else refused[""]) from None
