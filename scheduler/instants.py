"""Instants and days as query parameters."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError

from scheduler.engine.schedules import InvalidSchedule, require_zone

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
# Python's own reader lets more through, such as weeks.
_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:]{5,8}(\.[0-9]{1,9})?(Z|[ +-][0-9]{2}:?[0-9]{2}))?")
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class DayOrInstant:
    """A whole day of a zone not yet known, or an instant."""

    day: date | None = None
    instant: datetime | None = None

    def first(self, zone: ZoneInfo) -> datetime:
        """Return its first instant."""
        return self.instant or _midnight(self.day or date.min, zone)

    def last(self, zone: ZoneInfo) -> datetime:
        """Return its last instant: the end of the day, which belongs to it."""
        return self.instant or _midnight((self.day or date.min) + _DAY, zone) - _TICK


class DayOrInstantField(forms.CharField):
    """2023-01-31, or 2023-01-31T06:00:00Z."""

    def clean(self, value: Any) -> DayOrInstant | None:
        text: str = super().clean(value)
        if not text:
            return None
        found = _read(text)
        if found is None:
            raise ValidationError(
                "This must be a day such as 2023-01-31, or an instant with its zone such as 2023-01-31T06:00:00Z, "
                "between 1970 and 2199.",
                code="invalid",
            )
        return found


class InstantField(forms.CharField):
    """2023-01-31T06:00:00Z."""

    def clean(self, value: Any) -> datetime | None:
        text: str = super().clean(value)
        if not text:
            return None
        found = _read(text)
        if found is None or found.instant is None:
            raise ValidationError(
                "This must be an instant with its zone such as 2023-01-31T06:00:00Z, between 1970 and 2199.",
                code="invalid",
            )
        return found.instant


class ZoneField(forms.CharField):
    """A name of the IANA time zone database, UTC where none is given."""

    def clean(self, value: Any) -> ZoneInfo:
        name: str = super().clean(value) or "UTC"
        try:
            require_zone(name)
        except InvalidSchedule as refusal:
            raise ValidationError(str(refusal), code=refusal.code) from None
        return ZoneInfo(name)


def _read(text: str) -> DayOrInstant | None:
    if not _FORM.fullmatch(text):
        return None
    try:
        if "T" not in text:
            day = date.fromisoformat(text)
            return DayOrInstant(day=day) if _EARLIEST.date() <= day < _LATEST.date() else None
        # A plus sign that was not escaped arrives as a space.
        instant = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    if instant.tzinfo is None or not _EARLIEST <= instant < _LATEST:
        return None
    return DayOrInstant(instant=instant.astimezone(UTC))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
