"""What the list of tasks can be filtered and sorted by."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Upper
from django_filters import CharFilter, Filter  # type: ignore[import-untyped]

from scheduler import lateness
from scheduler.engine.states import TaskStatus
from scheduler.filtering import FlagFilter, InstantFilter, ListFilter, WordsFilter
from scheduler.keysets import Order
from scheduler.models import Task, TaskSearch

BANDS: dict[str, tuple[int, int]] = {"LOW": (1, 3), "NORMAL": (4, 6), "HIGH": (7, 9), "CRITICAL": (10, 10)}
PRIORITIES = tuple(str(priority) for priority in range(1, 11))

SORTS = {
    "name": "name",
    "priority": "priority",
    "status": "status",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "lastExecutedAt": "last_executed_at",
    "nextExecutionTime": "next_execution_time",
}
DEFAULT_SORT = "-createdAt"


class PriorityFilter(WordsFilter):
    """By number, 1 to 10, or by band."""

    def filter(self, qs: QuerySet[Any], value: list[str]) -> QuerySet[Any]:
        wanted = Q()
        for word in value:
            low, high = BANDS[word] if word in BANDS else (int(word), int(word))
            wanted |= Q(priority__range=(low, high))
        return qs.filter(wanted)


class StatusFilter(WordsFilter):
    """Tasks with one of these statuses; deleted ones are left out unless they are asked for."""

    def filter(self, qs: QuerySet[Any], value: list[str]) -> QuerySet[Any]:
        if not value:
            return qs.exclude(status=TaskStatus.DELETED)
        if TaskStatus.ACTIVE in value:
            return super().filter(qs, value)
        # All others are few; said of both, neither way to find them can show what the other would not.
        return super().filter(qs, value).filter(id__in=searched(status__in=value))


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
            labels[key] = wanted
        return labels


def searched(**conditions: Any) -> QuerySet[TaskSearch, Any]:
    """Return the ids of the tasks that meet these conditions, found beside the hot table."""
    return TaskSearch.objects.filter(**conditions).values("task_id")


class LabelFilter(Filter):  # type: ignore[misc]
    """Rows whose task, named by `field_name`, has all of these labels."""

    field_class = LabelsField

    def filter(self, qs: QuerySet[Any], value: dict[str, str]) -> QuerySet[Any]:
        return qs.filter(**{f"{self.field_name}__in": searched(labels__contains=value)}) if value else qs


class TaskClassFilter(CharFilter):  # type: ignore[misc]
    """Rows whose task, named by `field_name`, is of this class."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return qs.filter(**{f"{self.field_name}__in": searched(task_class=value)}) if value else qs


class SearchFilter(CharFilter):  # type: ignore[misc]
    """Tasks whose name has this part, in any case."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return qs.filter(id__in=searched(name__contains=Upper(Value(value)))) if value else qs


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
        return Order(SORTS[name.removeprefix("-")], is_descending=name.startswith("-") or direction == "desc")


class SortFilter(Filter):  # type: ignore[misc]
    """Says in which order; the list sorts itself (`TaskFilter.order`), for a cursor needs the order too."""

    field_class = SortField

    def filter(self, qs: QuerySet[Any], value: Order) -> QuerySet[Any]:
        return qs


class TaskFilter(ListFilter):
    """The list of tasks; what is late is told by `now`."""

    status = StatusFilter(words=tuple(status.value for status in TaskStatus))
    priority = PriorityFilter(words=(*BANDS, *PRIORITIES))
    namespace = CharFilter()
    taskClass = TaskClassFilter(field_name="id")
    queue = CharFilter()
    label = LabelFilter(field_name="id")
    search = SearchFilter(max_length=255)
    nextAfter = InstantFilter(method="due_from")
    nextBefore = InstantFilter(method="due_before")
    late = FlagFilter(method="is_late")
    sort = SortFilter()

    class Meta:
        model = Task
        fields: list[str] = []

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now

    def order(self) -> Order:
        """Return the order that was asked for."""
        order: Order = self.form.cleaned_data["sort"]
        return order

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
        late = lateness.late_tasks(now=self.now)
        return tasks.filter(id__in=late) if value else tasks.exclude(id__in=late)
