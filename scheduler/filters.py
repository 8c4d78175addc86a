"""What the list of tasks can be filtered and sorted by: what a definition holds is looked for beside the hot table."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet, prefetch_related_objects
from django_filters import CharFilter, Filter  # type: ignore[import-untyped]

from scheduler import lateness
from scheduler.engine.states import TaskStatus
from scheduler.filtering import FlagFilter, InstantFilter, ListFilter, WordsFilter
from scheduler.keysets import Order
from scheduler.models import Task, TaskSearch
from scheduler.totals import MOST_COUNTED, Counting

BANDS: dict[str, tuple[int, int]] = {"LOW": (1, 3), "NORMAL": (4, 6), "HIGH": (7, 9), "CRITICAL": (10, 10)}
PRIORITIES = tuple(str(priority) for priority in range(1, 11))

SORTS = {
    "name": Order("name", at="search__own_name"),
    "priority": Order("priority", at="search__priority"),
    "status": Order("status", at="search__status"),
    "createdAt": Order("created_at", at="search__created_at"),
    "updatedAt": Order("updated_at", at="search__updated_at"),
    # An index of it would be written by every execution that ends: as far as these have been counted.
    "lastExecutedAt": Order("last_executed_at", at="last_run__began_at", is_split=True, is_behind=True),
    # The same instant, indexed: when the claim looks at it.
    "nextExecutionTime": Order("claim_at", is_split=True),
}
BESIDE = "search__"
DEFAULT_SORT = "-createdAt"
# What is asked of the tasks themselves, and changes with each slot.
TIMED = ("nextAfter", "nextBefore", "late")


class BesideFilter(Filter):  # type: ignore[misc]
    """Tasks by what stands beside the hot table (TaskSearch)."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        """Return the tasks as they are: all such conditions are put at once (TaskFilter)."""
        return qs

    def condition(self, value: Any) -> Q:
        """Return the condition on a TaskSearch; an empty one where nothing is asked for."""
        return Q(**{self.field_name: value}) if value else Q()


class PriorityFilter(WordsFilter, BesideFilter):
    """By number, 1 to 10, or by band."""

    filter = BesideFilter.filter

    def condition(self, value: list[str]) -> Q:
        wanted = Q()
        for word in value:
            low, high = BANDS[word] if word in BANDS else (int(word), int(word))
            wanted |= Q(priority=low) if low == high else Q(priority__range=(low, high))
        return wanted


class StatusFilter(WordsFilter, BesideFilter):
    """Tasks with one of these statuses; deleted ones are left out unless they are asked for."""

    filter = BesideFilter.filter

    def condition(self, value: list[str]) -> Q:
        # Not as "all but": negated, it would be an outer join, and no index of the other side could give the order.
        return Q(status__in=value or [status for status in TaskStatus if status != TaskStatus.DELETED])


class TextFilter(CharFilter, BesideFilter):  # type: ignore[misc]
    """By one text."""

    filter = BesideFilter.filter


class LabelsWidget(forms.Widget):
    """Takes all values of a parameter that is given more than once."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        return [text for text in data.getlist(name) if text] if hasattr(data, "getlist") else []


class LabelsField(forms.Field):
    """`key:value`, several of them by giving the parameter again; a value may hold colons and commas."""

    widget = LabelsWidget

    def clean(self, value: Any) -> dict[str, str]:
        labels: dict[str, str] = {}
        for text in value or []:
            key, colon, wanted = text.partition(":")
            if not key or not colon or "\0" in text:
                raise ValidationError("This must be key:value.", code="invalid")
            if labels.setdefault(key, wanted) != wanted:
                raise ValidationError(
                    f"No task has two values of {key[:50]!r}, and all that is given must hold: give one.",
                    code="invalid",
                )
        return labels


class LabelFilter(BesideFilter):
    """Rows whose task has all of these labels."""

    field_class = LabelsField

    def condition(self, value: dict[str, str]) -> Q:
        return Q(labels__contains=value) if value else Q()


class SearchFilter(TextFilter):
    """Tasks whose name has this part, in any case."""

    def condition(self, value: str) -> Q:
        return named_like(value) if value else Q()


def named_like(part: str) -> Q:
    """Return the condition on a TaskSearch that its name has this part, in any case."""
    return Q(name__holds=part)


def beside(filters: ListFilter) -> Q:
    """Return all that a list asks of what stands beside its tasks, as one condition on TaskSearch."""
    wanted = Q()
    for name, one in filters.filters.items():
        if isinstance(one, BesideFilter):
            wanted &= one.condition(filters.form.cleaned_data.get(name))
    return wanted


def searched(*wanted: Q, **conditions: Any) -> QuerySet[TaskSearch, Any]:
    """Return the ids of the tasks that meet these conditions on TaskSearch."""
    return TaskSearch.objects.filter(*wanted, **conditions).values("task_id")


def _of_task(wanted: Q) -> Q:
    """Return a condition on TaskSearch as one on the task."""
    children: list[Any] = list(wanted.children)
    parts = [_of_task(one) if isinstance(one, Q) else (f"search__{one[0]}", one[1]) for one in children]
    return Q(*parts, _connector=wanted.connector, _negated=wanted.negated)


class SortField(forms.CharField):
    """`name`, `-name`, `name,asc` or `name,desc`; comes out as an order."""

    def clean(self, value: Any) -> Order:
        text: str = super().clean(value) or DEFAULT_SORT
        name, _, direction = text.partition(",")
        if direction not in {"", "asc", "desc"} or name.removeprefix("-") not in SORTS:
            raise ValidationError(
                f"Sort by one of {', '.join(SORTS)}; with - before it, or ,desc after it, downwards.",
                code="invalid_choice",
            )
        return replace(SORTS[name.removeprefix("-")], is_descending=name.startswith("-") or direction == "desc")


class SortFilter(Filter):  # type: ignore[misc]
    """Says in which order; the list sorts itself (`TaskFilter.order`), for a cursor needs the order too."""

    field_class = SortField

    def filter(self, qs: QuerySet[Any], value: Order) -> QuerySet[Any]:
        return qs


class TaskFilter(ListFilter):
    """The list of tasks; what is late is told by `now`.

    `bound_to` is the namespace to which the queryset is narrowed, None where it has every task.
    """

    status = StatusFilter(words=tuple(status.value for status in TaskStatus))
    priority = PriorityFilter(words=(*BANDS, *PRIORITIES))
    namespace = TextFilter()
    taskClass = TextFilter(field_name="task_class")
    queue = TextFilter()
    label = LabelFilter()
    search = SearchFilter(max_length=255)
    nextAfter = InstantFilter(method="due_from")
    nextBefore = InstantFilter(method="due_before")
    late = FlagFilter(method="is_late")
    sort = SortFilter()

    class Meta:
        model = Task
        fields: list[str] = []

    def __init__(self, *args: Any, now: datetime, bound_to: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now
        self._bound_to = bound_to

    def filter_queryset(self, queryset: QuerySet[Task]) -> QuerySet[Task]:
        """Filter by everything; what stands beside the hot table is found there, and in its order."""
        rows: QuerySet[Task] = super().filter_queryset(queryset)
        return rows.filter(_of_task(self._beside()))

    def order(self) -> Order:
        """Return the order that was asked for."""
        order: Order = self.form.cleaned_data["sort"]
        return order

    def parts(self, *, is_sparse: bool = False) -> list[QuerySet[Task]]:
        """Return the tasks; sorted by what some have not, those come in a part of their own."""
        order = self.order()
        if not order.is_split:
            return [self.qs]
        return [self.qs.filter(**{f"{order.path}__isnull": is_without}) for is_without in (False, True)]

    def counted(self) -> list[QuerySet[Any]]:
        """Return the narrow rows beside the tasks, unless something is asked that only the tasks know.

        Where much is late, what is so for one reason and what is so for the other alone are two parts.
        """
        asked, narrow = self.form.cleaned_data, self._narrow()
        if narrow is not None:
            return [narrow]
        if (many := self._many_before()) is not None:
            return [many]
        tasks = self.due_before(self.due_from(Task.objects.all(), "", asked["nextAfter"]), "", asked["nextBefore"])
        if asked["late"] is None:
            return [self._narrowed(tasks, is_active=True)]
        if not asked["late"]:
            return [self._narrowed(tasks.filter(lateness.punctual(now=self.now)))]
        waiting = Q(id__in=lateness.waiting_executions(now=self.now).values("task_id"))
        return [
            self._narrowed(tasks.filter(lateness.unclaimed(now=self.now)), is_active=True),
            self._narrowed(tasks.filter(lateness.claimed(now=self.now), waiting)),
        ]

    def complete(self, rows: Sequence[Task]) -> None:
        """Read what these tasks depend on, those of them that do: to be told that there is nothing costs much more."""
        prefetch_related_objects([task for task in rows if task.has_dependencies], "dependencies__upstream")

    def counting(self) -> Counting:
        """Tell whether no filter but that of an index is to be met, one, or several that may each match much."""
        others = self.count_given("priority", "namespace", "taskClass", "queue", "label", "search", *TIMED)
        others += self._bound_to is not None
        if not others:
            return Counting.QUICK
        if others + self.count_given("status") > 1:
            return Counting.MANY_ROWS
        # Of these it is known by now whether they are many (counted).
        return Counting.QUICK if self.form.cleaned_data["nextBefore"] else Counting.ROWS

    def is_read_by_keys(self) -> bool:
        """Tell whether those that are found have to be sorted."""
        return bool(self.count_given("late", "search"))

    def keyed(self, rows: QuerySet[Task], order: Order) -> tuple[QuerySet[Any], Order]:
        """Return where the keys of these rows are found, and their order there: beside the tasks if that is all."""
        narrow = self._narrow() if order.path.startswith(BESIDE) else None
        if narrow is None:
            return rows, order
        # They have no NULLs, which is what `is_split` says of its first part.
        return narrow, replace(order, at=order.path.removeprefix(BESIDE), is_split=True)

    def _narrow(self) -> QuerySet[TaskSearch] | None:
        """Return the rows beside the tasks, None where they do not say all that is asked."""
        rows, asked = TaskSearch.objects.filter(self._beside()), self.count_given(*TIMED)
        if not asked:
            return rows
        few = self._few_late if asked == 1 and self.form.cleaned_data["late"] else None
        return rows.filter(task_id__in=few) if few is not None else None

    @cached_property
    def _few_late(self) -> QuerySet[Any, Any] | None:
        return lateness.few_late(now=self.now)

    def _many_before(self) -> QuerySet[Task] | None:
        """Return the tasks that the claim looks at before `nextBefore`, if that is all that is asked and they are many.

        Of the two instants, which are one but for a free window, PostgreSQL expects as if neither told of the other.
        """
        before = self.form.cleaned_data["nextBefore"]
        if not before or self._bound_to is not None or self.count_given(*(set(self.filters) - {"sort"})) > 1:
            return None
        tasks = Task.objects.filter(claim_at__lt=before)
        return tasks if tasks[MOST_COUNTED:].exists() else None

    def _narrowed(self, tasks: QuerySet[Task], *, is_active: bool = False) -> QuerySet[Task]:
        """Return what is found beside of the tasks, where something is asked; those with a slot to come are ACTIVE."""
        if self._bound_to is not None or self.count_given(*(set(self.filters) - {*TIMED, "sort"})):
            return tasks.filter(_of_task(self._beside()))
        return tasks if is_active else tasks.exclude(status=TaskStatus.DELETED)

    def _beside(self) -> Q:
        wanted = beside(self)
        return wanted if self._bound_to is None else wanted & Q(namespace=self._bound_to)

    def due_before(self, tasks: QuerySet[Task], _name: str, value: datetime | None) -> QuerySet[Task]:
        """Leave the tasks whose next slot, with its jitter, lies before an instant."""
        # claim_at is the same instant, indexed, and NULL where none will come.
        return tasks.filter(claim_at__lt=value, next_execution_time__lt=value) if value else tasks

    def due_from(self, tasks: QuerySet[Task], _name: str, value: datetime | None) -> QuerySet[Task]:
        """Leave the tasks whose next slot, with its jitter, does not lie before an instant."""
        return tasks.filter(claim_at__isnull=False, next_execution_time__gte=value) if value else tasks

    def is_late(self, tasks: QuerySet[Task], _name: str, value: bool | None) -> QuerySet[Task]:
        """Leave the tasks that are late, or those that are not."""
        if value is None:
            return tasks
        if value and self._few_late is not None:
            return tasks.filter(id__in=self._few_late)
        return tasks.filter(lateness.late(now=self.now) if value else lateness.punctual(now=self.now))
