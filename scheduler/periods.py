"""What executions are filtered by: the period of their slots first, for it bounds what is read."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import CharFilter, Filter, UUIDFilter  # type: ignore[import-untyped]

from scheduler.engine.identity import BACKFILL, lower_bound
from scheduler.engine.states import Status, Trigger
from scheduler.filtering import ListFilter, WordsFilter
from scheduler.filters import LabelFilter, TaskClassFilter
from scheduler.instants import DayOrInstantField, ZoneField
from scheduler.keysets import Order
from scheduler.models import Execution

LATEST_FIRST = Order("id", is_descending=True)
# Without a task or a period, so far back: otherwise a filter that matches little would read all history.
LISTED = timedelta(days=7)
AHEAD = timedelta(days=1)

_MILLISECOND = timedelta(milliseconds=1)


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


class HistoryFilter(ListFilter):
    """A task's history, by slot (`scheduledFor`) and status."""

    startDate = _DayOrInstantFilter(method="leave_to_period")
    endDate = _DayOrInstantFilter(method="leave_to_period")
    timeZone = _ZoneFilter(method="leave_to_period")
    status = WordsFilter(words=tuple(status.value for status in Status))

    class Meta:
        model = Execution
        fields: list[str] = []
        form = PeriodForm

    def leave_to_period(self, rows: QuerySet[Execution], _name: str, _value: Any) -> QuerySet[Execution]:
        """Leave the rows as they are: a period is filtered by as a whole."""
        return rows

    def filter_queryset(self, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        """Filter by everything, and by slot with the bounds on `id` that it implies: they alone spare partitions."""
        rows: QuerySet[Execution] = super().filter_queryset(queryset)
        first, last = self.period()
        if first:
            rows = rows.filter(id__gte=lower_bound(first), scheduled_for__gte=first)
        if last:
            rows = rows.filter(id__lt=lower_bound(last + _MILLISECOND), scheduled_for__lte=last)
        return rows

    def parts(self) -> list[QuerySet[Execution]]:
        """Return the rows in parts, which lie one behind the other in the order of ids from the latest on.

        The id of a backfill's execution holds the instant at which it was asked for, which is later than its slot:
        those that the period's bounds leave out come first, by an index of their own.
        """
        first, last = self.period()
        if last is None:
            return [self.qs]
        rows: QuerySet[Execution] = super().filter_queryset(self.queryset.all())
        later = rows.filter(
            cause__startswith=BACKFILL, scheduled_for__lte=last, id__gte=lower_bound(last + _MILLISECOND)
        )
        return [later.filter(scheduled_for__gte=first) if first else later, self.qs]

    def period(self) -> tuple[datetime | None, datetime | None]:
        """Return the first and the last instant of the period, None where it has no such end."""
        values = self.form.cleaned_data
        zone: ZoneInfo = values["timeZone"]
        start, end = values["startDate"], values["endDate"]
        return start and start.first(zone), end and end.last(zone)


class ExecutionFilter(HistoryFilter):
    """Executions across tasks."""

    namespace = CharFilter()
    taskId = UUIDFilter(field_name="task_id")
    taskClass = TaskClassFilter(field_name="task")
    queue = CharFilter()
    trigger = WordsFilter(words=tuple(trigger.value for trigger in Trigger))
    nodeId = CharFilter(field_name="node_id")
    runId = UUIDFilter(field_name="run_id")
    label = LabelFilter(field_name="task")

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now

    def parts(self) -> list[QuerySet[Execution]]:
        """Return the rows in parts; nothing has been asked for later than now."""
        _, last = self.period()
        return [self.qs] if last is not None and last >= self.now else super().parts()

    def period(self) -> tuple[datetime | None, datetime | None]:
        """Return the period; of no single task it always has both ends."""
        first, last = super().period()
        if self.form.cleaned_data["taskId"]:
            return first, last
        latest = last or self.now + AHEAD
        return first or min(latest, self.now) - LISTED, latest
