"""Fields that take exactly the JSON type they name; the framework's own would turn 5 into "5" and "5" into 5."""

import json
import re
from datetime import UTC, datetime
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from register.names import is_key
from scheduler import idempotency
from scheduler.engine import strict_json
from scheduler.engine.schedules import InvalidSchedule, require_cron, require_zone
from scheduler.engine.suggestions import did_you_mean

TASK_DATA_MAX_BYTES = 64 * 1024
RECORDS_MAX_COUNT = 10_000
LABELS_MAX_COUNT = 64
LABEL_KEY_MAX_LENGTH = 63
LABEL_VALUE_MAX_LENGTH = 255

# Letters of every script are welcome in names; what moves the cursor or ends the line is not.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Python's own reader lets more through: weeks, a NUL at the end.
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{5,8}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:?[0-9]{2})?")
_TIME_OF_DAY = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]")
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class Text(serializers.CharField):
    """A JSON text."""

    default_error_messages = {"invalid": "This must be a text."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Line(Text):
    """A text of one line."""

    default_error_messages = {"control_characters": "This may not hold line breaks or other control characters."}

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Return the line; most are plain, and need not go through every check of the framework one by one."""
        return self.to_internal_value(data) if self._is_plain(data) else super().run_validation(data)

    def _is_plain(self, data: Any) -> bool:
        if type(data) is not str or not data.isascii() or not data.isprintable():
            return False
        return data == data.strip() != "" and len(data) <= (self.max_length or 0)

    def to_internal_value(self, data: Any) -> str:
        line = super().to_internal_value(data)
        if _CONTROL.search(line):
            self.fail("control_characters")
        return line


class Key(Line):
    """A name that is part of addresses and queue names, hence of plain characters."""

    # Each `stated` is what the document says of a field beyond its type; blanks around a line are cut off.
    stated: ClassVar = {"pattern": r"^\s*[A-Za-z0-9][A-Za-z0-9._-]*\s*$"}

    default_error_messages = {
        "characters": "Use letters A to Z, digits, dots, hyphens and underscores, and begin with a letter or digit.",
        "reserved": "{input!r} is kept for the platform's own work.",
    }

    def __init__(self, *, reserved: frozenset[str] = frozenset(), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reserved = reserved

    def to_internal_value(self, data: Any) -> str:
        key = super().to_internal_value(data)
        if not is_key(key):
            self.fail("characters")
        if key in self.reserved:
            self.fail("reserved", input=key)
        return key


class RequestKey(Text):
    """An idempotency key in a body; it is minded before the view runs."""

    stated: ClassVar = {"pattern": rf"^{idempotency.KEY_PATTERN}$"}

    default_error_messages = {"invalid_key": idempotency.KEY_RULE}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        key = super().to_internal_value(data)
        if not idempotency.is_key(key):
            self.fail("invalid_key")
        return key


class Identifier(serializers.UUIDField):
    """A UUID as text."""

    default_error_messages = {"invalid": "This must be an id, a UUID."}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    """A JSON number without a fraction; one of zero is none (10.0 is whole: JSON Schema 2020-12, validation, 6.1.1)."""

    default_error_messages = {"invalid": "This must be a whole number."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and data.is_integer():
            return int(data)
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return data


class Number(serializers.FloatField):
    """A JSON number."""

    default_error_messages = {"invalid": "This must be a number."}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, int | float) or isinstance(data, bool):
            self.fail("invalid")
        return data


class Flag(serializers.BooleanField):
    """true or false."""

    default_error_messages = {"invalid": "This must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class Word(serializers.ChoiceField):
    """One of a few words."""

    default_error_messages = {
        "invalid": "This must be a text.",
        "invalid_choice": "There is no {input!r} here; use one of {choices}.{suggestion}",
    }

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if data in self.choices:
            return str(data)
        known = ", ".join(self.choices)
        self.fail("invalid_choice", input=data[:50], choices=known, suggestion=did_you_mean(data, self.choices))


class Instant(serializers.DateTimeField):
    """An instant with its offset from UTC; one without would be a guess."""

    stated: ClassVar = {"pattern": "^(19[7-9][0-9]|20[0-9]{2}|21[0-9]{2})-"}

    default_error_messages = {
        "invalid": "This must be an instant in ISO 8601, such as 2030-01-31T06:00:00Z.",
        "naive": "Say which zone this is in: end it with Z for UTC, or with an offset such as +02:00.",
        "range": "This must lie between 1970 and 2199.",
    }

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not _INSTANT.fullmatch(value):
            self.fail("invalid")
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            self.fail("invalid")
        if instant.tzinfo is None:
            self.fail("naive")
        if not _EARLIEST <= instant < _LATEST:
            self.fail("range")
        return instant.astimezone(UTC)


class TimeOfDay(Line):
    """A time of day by the clock of some zone, to the minute."""

    stated: ClassVar = {"pattern": r"^\s*([01][0-9]|2[0-3]):[0-5][0-9]\s*$"}

    default_error_messages = {"time": "This must be a time of day from 00:00 to 23:59, such as 06:00."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not _TIME_OF_DAY.fullmatch(text):
            self.fail("time")
        return text


class CronText(Line):
    """A cron expression that can be read; whether it fires is asked once the task's window is known."""

    def to_internal_value(self, data: Any) -> str:
        expression = super().to_internal_value(data)
        return _accepted(expression, lambda: require_cron(expression))


class Zone(Line):
    """A name of the IANA time zone database."""

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        return _accepted(name, lambda: require_zone(name))


@extend_schema_field({"oneOf": [{"type": "object"}, {"type": "string", "contentMediaType": "application/json"}]})
class TaskData(serializers.Field[str, Any, str, Any]):
    """A JSON object, as such or as text; kept as text, the caller's own where it came as text."""

    default_error_messages = {
        "invalid": "This must be a JSON object, or the text of one.",
        "json": "This text is not JSON: {reason}",
        "max_bytes": "This may have {limit} bytes; it has {size}.",
        "null_characters": "This may not hold the character NUL.",
    }

    def to_internal_value(self, data: Any) -> str:
        text = data if isinstance(data, str) else task_data_text(data)
        size = len(text.encode())
        if size > TASK_DATA_MAX_BYTES:
            self.fail("max_bytes", limit=f"{TASK_DATA_MAX_BYTES:,}", size=f"{size:,}")
        if data is not text and _is_plain(data, text):
            return text
        try:
            value = strict_json.loads(text)
        except strict_json.InvalidJson as error:
            self.fail("json", reason=error)
        if not isinstance(value, dict):
            self.fail("invalid")
        # Handlers pass their data on to databases and programs that end a text at NUL.
        if "\\u0000" in text and strict_json.holds(value, "\x00"):
            self.fail("null_characters")
        return text

    def to_representation(self, value: Any) -> str:
        return str(value)


class Items(serializers.ListField):
    """A list; one that is too long is refused before anybody looks into it, for each bad item would be a fault."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list) and self.max_length is not None and len(data) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        return list(super().to_internal_value(data))


class Records(serializers.Field[list[Any], Any, list[Any], Any]):
    """Many records, each of which is read by itself later on."""

    default_error_messages = {
        "invalid": "This must be a list of tasks.",
        "max_count": "There may be {limit:,} tasks in one request; send them in several.",
    }

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("invalid")
        if len(data) > RECORDS_MAX_COUNT:
            self.fail("max_count", limit=RECORDS_MAX_COUNT)
        return data

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field(
    {
        "type": "object",
        "maxProperties": LABELS_MAX_COUNT,
        "propertyNames": {"minLength": 1, "maxLength": LABEL_KEY_MAX_LENGTH, "pattern": "^[^:]*$"},
        "additionalProperties": {"type": "string", "maxLength": LABEL_VALUE_MAX_LENGTH},
    }
)
class Labels(serializers.Field[dict[str, str], Any, dict[str, str], Any]):
    """Free key-values, all texts."""

    default_error_messages = {
        "invalid": "This must be an object whose values are texts.",
        "max_count": "There may be {limit} labels.",
        "key": "A label's key has 1 to {limit} characters, none of them a control character or a colon.",
        "value": "This must be a text of at most {limit} characters, none of them a control character.",
    }

    def to_internal_value(self, data: Any) -> dict[str, str]:
        if not isinstance(data, dict):
            self.fail("invalid")
        if len(data) > LABELS_MAX_COUNT:
            self.fail("max_count", limit=LABELS_MAX_COUNT)
        refused: dict[str, list[Any]] = {}
        for key, value in data.items():
            if not 0 < len(key.strip()) <= LABEL_KEY_MAX_LENGTH or _CONTROL.search(key) or ":" in key:
                refused[key[:LABEL_KEY_MAX_LENGTH]] = self._refusal("key", LABEL_KEY_MAX_LENGTH)
            elif not isinstance(value, str) or len(value) > LABEL_VALUE_MAX_LENGTH or _CONTROL.search(value):
                refused[key] = self._refusal("value", LABEL_VALUE_MAX_LENGTH)
        if refused:
            raise ValidationError(refused)
        return dict(data)

    def to_representation(self, value: Any) -> dict[str, str]:
        return dict(value)

    def _refusal(self, code: str, limit: int) -> list[Any]:
        return [ErrorDetail(self.error_messages[code].format(limit=limit), code=code)]


def task_data_text(data: Any) -> str:
    """Return task data that came as an object in the text in which they are kept."""
    return _ENCODER.encode(data)


_ENCODER = json.JSONEncoder(ensure_ascii=False)
_PLAIN = frozenset({str, int, bool, type(None)})


def _is_plain(data: Any, text: str) -> bool:
    """Tell whether task data, and the text of them, hold nothing that could be refused: read back it is the same."""
    if type(data) is not dict or not text.isascii() or "\\" in text:
        return False
    return all(type(name) is str and type(value) in _PLAIN for name, value in data.items())


def _accepted(text: str, check: Any) -> str:
    try:
        check()
    except InvalidSchedule as refusal:
        raise ValidationError(str(refusal), code=refusal.code) from None
    return text
