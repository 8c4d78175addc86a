"""The request bodies of calendars: which fields there are, of which type and within which bounds."""

from datetime import date
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from register.api.documents import CalendarDocument
from register.api.fields import Key, Line, Text, Whole, Zone
from register.api.strict import Strict
from register.given import Given
from register.names import KEY_MAX_LENGTH
from scheduler.engine.calendars import as_document
from scheduler.errors import InvalidInput
from scheduler.parameters import Reader, read_day

NAME_MAX_LENGTH = 100
DESCRIPTION_MAX_LENGTH = 10_000
MOST_DAYS = 400
DEFAULT_DAYS = 366

Json = dict[str, Any]


@extend_schema_field({"type": "object", "description": "What the calendar excludes; see docs/schedules.md."})
class Rules(CalendarDocument):
    """A rule document; comes out as the one that equal rules have."""

    def to_internal_value(self, data: Any) -> Any:
        return as_document(super().to_internal_value(data))


class Day(serializers.DateField):
    """A date, written as 2026-12-24."""

    default_error_messages = {"invalid": "This must be a date of the years 1970 to 2199, such as 2026-12-24."}

    def to_internal_value(self, value: Any) -> date:
        day = read_day(value) if isinstance(value, str) else None
        if day is None:
            self.fail("invalid")
        return day


class CalendarInput(Strict):
    """A calendar; without a namespace it is the token's own or, of a token of every namespace, shared by all."""

    name = Line(max_length=NAME_MAX_LENGTH)
    namespace = Key(max_length=KEY_MAX_LENGTH, allow_null=True, required=False)
    description = Text(
        max_length=DESCRIPTION_MAX_LENGTH, allow_null=True, allow_blank=True, trim_whitespace=False, required=False
    )
    rules = Rules()


class CalendarPreviewInput(Strict):
    """Rules to look at, on some days from a first one on; without it, from today."""

    rules = Rules()
    timeZone = Zone(source="time_zone", max_length=64, default="UTC")
    days = Whole(min_value=1, max_value=MOST_DAYS, default=DEFAULT_DAYS)

    def get_fields(self) -> Any:
        """Return the fields with `from`, which is a word of Python, among them."""
        return {**super().get_fields(), "from": Day(source="first", required=False)}


def read_new_calendar(data: Any) -> Given:
    """Return a new calendar."""
    return CalendarInput().read(data)


def read_calendar_changes(data: Any) -> Given:
    """Return the fields to change; the others keep what they have."""
    return CalendarInput(partial=True).read(data)


def read_calendar_preview(data: Any) -> Json:
    """Return rules to look at, and on which days. Raises InvalidInput."""
    given = CalendarPreviewInput().read(data)
    if given.faults:
        raise InvalidInput(given.faults)
    return given.values


def read_period(reader: Reader, *, today: date) -> tuple[date, int]:
    """Return the first day and the number of days of `from` and `to`, both included. Raises InvalidInput."""
    first = reader.day("from", default=today)
    last = reader.day("to", default=None)
    count = DEFAULT_DAYS if last is None else (last - first).days + 1
    if not 1 <= count <= MOST_DAYS:
        reader.refuse("to", "range", f"This must not lie before from, nor more than {MOST_DAYS} days on from there.")
    reader.raise_faults()
    return first, count
