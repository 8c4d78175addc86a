"""Periods of slots, given as instants or as days in some zone."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import CharFilter, Filter, FilterSet  # type: ignore[import-untyped]

from query.filters import WordsFilter
from scheduler.engine.identity import lower_bound
from scheduler.engine.schedules import InvalidSchedule, require_zone
from scheduler.engine.states import Status
from scheduler.models import Execution

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
# Python's own reader lets more through, such as weeks.
_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:]{5,8}(\.[0-9]{1,9})?(Z|[ +-][0-9]{2}:?[0-9]{2}))?")
_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
_MILLISECOND = timedelta(milliseconds=1)


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
        try:
            found = _read(text)
        except ValueError:
            found = None
        if found is None:
            raise ValidationError(
                "This must be a day such as 2023-01-31, or an instant with its zone such as 2023-01-31T06:00:00Z, "
                "between 1970 and 2199.",
                code="invalid",
            )
        return found


class ZoneField(forms.CharField):
    """A name of the IANA time zone database, UTC where none is given."""

    def clean(self, value: Any) -> ZoneInfo:
        name: str = super().clean(value) or "UTC"
        try:
            require_zone(name)
        except InvalidSchedule as refusal:
            raise ValidationError(str(refusal), code=refusal.code) from None
        return ZoneInfo(name)


class PeriodForm(forms.Form):
    """Both ends together."""

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        start, end, zone = (values.get(name) for name in ("startDate", "endDate", "timeZone"))
        if start and end and zone and end.last(zone) < start.first(zone):
            self.add_error("endDate", ValidationError("This is before startDate.", code="invalid"))
        return values


class _DayOrInstantFilter(Filter):  # type: ignore[misc]
    field_class = DayOrInstantField


class _ZoneFilter(CharFilter):  # type: ignore[misc]
    field_class = ZoneField


class HistoryFilter(FilterSet):  # type: ignore[misc]
    """A task's history, by slot (`scheduledFor`) and status."""

    startDate = _DayOrInstantFilter(label="A day, or an instant: slots from it on.")
    endDate = _DayOrInstantFilter(label="A day, or an instant: slots up to it, itself included.")
    timeZone = _ZoneFilter(label="Zone of the days, default UTC.")
    status = WordsFilter(words=tuple(status.value for status in Status))

    class Meta:
        model = Execution
        fields: list[str] = []
        form = PeriodForm

    def filter_queryset(self, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        """Filter by slot with the bounds on `id` that it implies: they alone spare the other partitions."""
        values = self.form.cleaned_data
        zone: ZoneInfo = values["timeZone"]
        if start := values["startDate"]:
            first = start.first(zone)
            queryset = queryset.filter(id__gte=lower_bound(first), scheduled_for__gte=first)
        if end := values["endDate"]:
            last = end.last(zone)
            queryset = queryset.filter(id__lt=lower_bound(last + _MILLISECOND), scheduled_for__lte=last)
        statuses: list[str] = values["status"]
        return queryset.filter(status__in=statuses) if statuses else queryset


def _read(text: str) -> DayOrInstant | None:
    if not _FORM.fullmatch(text):
        return None
    if "T" not in text:
        day = date.fromisoformat(text)
        return DayOrInstant(day=day) if _EARLIEST.date() <= day < _LATEST.date() else None
    # A plus sign that was not escaped arrives as a space.
    instant = datetime.fromisoformat(text.replace(" ", "+"))
    if instant.tzinfo is None or not _EARLIEST <= instant < _LATEST:
        return None
    return DayOrInstant(instant=instant.astimezone(UTC))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
