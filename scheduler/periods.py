"""What executions are filtered by: the period of their slots first, for it bounds what is read."""

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import BooleanField, DateTimeField, F, Func, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.db.models.lookups import In
from django_filters import CharFilter, Filter, UUIDFilter  # type: ignore[import-untyped]

from scheduler.engine.identity import BACKFILL, lower_bound
from scheduler.engine.states import OPEN, Status, Trigger
from scheduler.filtering import ListFilter, WordsFilter
from scheduler.filters import LabelFilter, TextFilter, beside, searched
from scheduler.instants import DayOrInstantField, ZoneField
from scheduler.keysets import Order
from scheduler.models import Execution, Operation
from scheduler.models.choices import OperationKind
from scheduler.models.execution import UNUSUAL
from scheduler.totals import Counting, expected

LATEST_FIRST = Order("id", is_descending=True)
# Without a task or a period, so far back: otherwise a filter that matches little would read all history.
LISTED = timedelta(days=7)
AHEAD = timedelta(days=1)
# Of the slots of a period so many that a backfill ran later are shown among the others on one page of the console.
MOST_LATER = 1_000
# The ids of so many tasks are gathered within milliseconds. They take 400 kB; with a work_mem below half of that
# PostgreSQL would go through them for each execution instead (4 MB is its default).
MOST_GATHERED = 10_000
# What leads to executions by an index of its own.
NARROWING = ("taskId", "namespace", "queue", "trigger", "nodeId", "runId")

_MILLISECOND = timedelta(milliseconds=1)
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)
_BOUNDS = {"begin": "from", "end": "to"}


class _Gathered(Func):
    """A condition by a subquery that PostgreSQL does not make a join of, but a table of hashes, once per partition."""

    template = "(%(expressions)s) IS TRUE"
    output_field = BooleanField()


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

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now

    def leave_to_period(self, rows: QuerySet[Execution], _name: str, _value: Any) -> QuerySet[Execution]:
        """Leave the rows as they are: a period is filtered by as a whole."""
        return rows

    def filter_queryset(self, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        """Filter by everything, and by slot with the bounds on `id` that it implies: they alone spare partitions."""
        return self._bounded(queryset).filter(self._in_period())

    def sparse(self) -> QuerySet[Execution]:
        """Return the filtered rows as they are found soonest where they lie far apart."""
        rows: QuerySet[Execution] = self.qs
        return rows

    def matching(self, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        """Filter by everything but the period."""
        rows: QuerySet[Execution] = super().filter_queryset(queryset)
        return rows

    def parts(self, *, is_sparse: bool = False) -> list[QuerySet[Execution]]:
        """Return the rows in parts, which lie one behind the other in the order of ids from the latest on.

        Of a long period the last days come first, for most often they fill the page. Before them, what `_later` finds.
        """
        first, last = self.period()
        recent = min(last, self.now) - LISTED
        rows = self.sparse() if is_sparse else self.qs
        if first is not None and first >= recent:
            return [*self._later(), rows]
        bound = lower_bound(recent)
        return [*self._later(), rows.filter(id__gte=bound), rows.filter(id__lt=bound)]

    def whole(self) -> QuerySet[Execution]:
        """Return the rows as one query: what `_later` finds by its ids, so that nothing is looked for between."""
        later = [one for part in self._later() for one in part.values_list("id", flat=True)[:MOST_LATER]]
        if not later:
            return super().whole()
        return self.matching(self.queryset.all()).filter(self._bounds() & self._in_period() | Q(id__in=later))

    def counted(self) -> list[QuerySet[Execution]]:
        """Return what is counted: by the bounds on `id` alone, where they say all of the period, within an index."""
        rows = self._bounded(self.queryset.all()) if self._are_bounds_exact() else self.qs
        return [*self._later(), rows]

    def overcounted(self) -> list[QuerySet[Execution]]:
        """Return the backfills among what is counted whose slots lie outside the period."""
        in_period = self._in_period()
        if not in_period or not self._are_bounds_exact() or not self._may_hold_others:
            return []
        return [self._bounded(self.queryset.all()).filter(~in_period, cause__startswith=BACKFILL)]

    def period(self) -> tuple[datetime | None, datetime]:
        """Return the first instant that the list reaches, None where it has no such end, and the last."""
        first, last = self.asked_period()
        return first, last or self.now + AHEAD

    def asked_period(self) -> tuple[datetime | None, datetime | None]:
        """Return the first and the last instant of the period that was asked for, None where it has no such end."""
        values = self.form.cleaned_data
        zone: ZoneInfo = values["timeZone"]
        start, end = values["startDate"], values["endDate"]
        return start and start.first(zone), end and end.last(zone)

    def _bounded(self, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        """Filter by everything, and of the period by the bounds on `id` alone."""
        return self.matching(queryset).filter(self._bounds())

    def _bounds(self) -> Q:
        first, last = self.period()
        wanted = Q(id__lt=lower_bound(last + _MILLISECOND))
        return wanted & Q(id__gte=lower_bound(first)) if first else wanted

    def _in_period(self) -> Q:
        """Return the condition on the slot; empty where nobody has named the period, for then the bounds will do."""
        first, last = self.asked_period()
        wanted = Q(scheduled_for__gte=first) if first and first > _BEFORE_ALL else Q()
        return wanted & Q(scheduled_for__lte=last) if last else wanted

    def _are_bounds_exact(self) -> bool:
        """Tell whether the period begins and ends with a millisecond, as ids do: days do so."""
        first, last = self.asked_period()
        return (first is None or first.microsecond % 1_000 == 0) and (last is None or last.microsecond % 1_000 == 999)

    def _later(self) -> list[QuerySet[Execution]]:
        """Return the backfills of slots in the period that were asked for after it, if anything was.

        The id of a backfill's execution holds the instant at which it was asked for, which is later than its slot.
        """
        first, last = self.period()
        if last >= self.now or not self._was_backfilled:
            return []
        after = lower_bound(last + _MILLISECOND)
        rows = self.matching(self.queryset.all()).filter(
            cause__startswith=BACKFILL, scheduled_for__lte=last, id__gte=after
        )
        return [rows.filter(scheduled_for__gte=first) if first else rows]

    @cached_property
    def _was_backfilled(self) -> bool:
        """Tell whether a backfill was ever asked for of slots in the period; what follows its runs has their slots."""
        first, last = self.period()
        asked = _backfills().filter(begin__lte=last)
        return (asked.filter(end__gt=first) if first else asked).exists()

    @cached_property
    def _may_hold_others(self) -> bool:
        """Tell whether a backfill may have been asked for in the period of slots outside it."""
        first, last = self.period()
        outside = Q(end__gt=last) | Q(begin__lt=first) if first else Q(end__gt=last)
        return _backfills().filter(outside, created_at__lte=last + AHEAD).exists()


def _backfills() -> QuerySet[Any]:
    """Return all backfills that there ever were, with `begin` and `end` of the slots that they are about."""
    bounds = {name: Cast(KeyTextTransform(key, "arguments"), DateTimeField()) for name, key in _BOUNDS.items()}
    return Operation.objects.filter(kind=OperationKind.BACKFILL).annotate(**bounds)


class ExecutionFilter(HistoryFilter):
    """Executions across tasks."""

    namespace = CharFilter()
    taskId = UUIDFilter(field_name="task_id")
    taskClass = TextFilter(field_name="task_class")
    queue = CharFilter()
    trigger = WordsFilter(words=tuple(trigger.value for trigger in Trigger))
    nodeId = CharFilter(field_name="node_id")
    runId = UUIDFilter(field_name="run_id")
    label = LabelFilter()

    def __init__(self, *args: Any, bound_to: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bound_to = bound_to

    def matching(self, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        """Filter by everything but the period, and by what is asked of the tasks."""
        rows, tasks = super().matching(queryset), self._tasks()
        return rows if tasks is None else rows.filter(task__in=tasks)

    def sparse(self) -> QuerySet[Execution]:
        """Return the filtered rows; where nothing else narrows them, the ids of the tasks are gathered beforehand.

        A page is found along the newest executions, of which thousands are looked at; where PostgreSQL may join, it
        looks for the task of each of them by itself.
        """
        tasks = self._tasks()
        is_narrowed = self._bound_to is not None or self.count_given(*NARROWING)
        if tasks is None or is_narrowed or expected(tasks) > MOST_GATHERED:
            return super().sparse()
        rows = super().matching(self.queryset.all()).filter(self._bounds() & self._in_period())
        return rows.filter(_Gathered(In(F("task_id"), tasks)))

    def _tasks(self) -> QuerySet[Any, Any] | None:
        """Return the ids of the tasks that match, None where nothing is asked of the tasks."""
        wanted = beside(self)
        if not wanted:
            return None
        # A task's namespace never changes: of the tasks that match, only those of one need be looked at.
        for namespace in filter(None, (self._bound_to, self.form.cleaned_data["namespace"])):
            wanted &= Q(namespace=namespace)
        return searched(wanted)

    def counting(self) -> Counting:
        """Tell whether an index has all that is asked: of what is rare, or of one filter that is not of the tasks."""
        status = set(self.form.cleaned_data["status"])
        if self.count_given("taskId", "runId") or (status and status <= UNUSUAL | OPEN):
            return Counting.QUICK
        names = ("status", "namespace", "taskClass", "queue", "trigger", "nodeId", "label")
        if self.count_given(*names) + (self._bound_to is not None) > 1:
            return Counting.MANY_ROWS
        return Counting.ROWS if self.count_given("taskClass", "label") else Counting.QUICK

    def is_read_by_keys(self) -> bool:
        """Tell whether what matches is found by its tasks, which gives it no order, or within an index."""
        return bool(self.count_given("taskClass", "label")) or self.count_given("namespace", "queue", "nodeId") > 1

    def period(self) -> tuple[datetime | None, datetime]:
        """Return the period; of no single task it always has both ends."""
        first, last = super().period()
        if self.form.cleaned_data["taskId"]:
            return first, last
        return first or min(last, self.now) - LISTED, last
