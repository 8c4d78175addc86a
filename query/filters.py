"""What lists can be filtered and sorted by."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django_filters import CharFilter, Filter, FilterSet  # type: ignore[import-untyped]

from scheduler.engine.states import TaskStatus
from scheduler.engine.suggestions import did_you_mean
from scheduler.models import Task

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


class WordsField(forms.CharField):
    """One or more of a few words, separated by commas."""

    def __init__(self, *, words: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.words = words

    def clean(self, value: Any) -> list[str]:
        text: str = super().clean(value)
        chosen = [word.strip() for word in text.split(",")] if text else []
        for word in chosen:
            if word not in self.words:
                known = ", ".join(self.words)
                hint = did_you_mean(word, self.words)
                raise ValidationError(f"There is no {word[:50]!r} here; use {known}.{hint}", code="invalid_choice")
        return chosen


class WordsFilter(Filter):  # type: ignore[misc]
    """Rows whose column is one of the words given."""

    field_class = WordsField

    def filter(self, qs: QuerySet[Any], value: list[str]) -> QuerySet[Any]:
        return qs.filter(**{f"{self.field_name}__in": value}) if value else qs


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
        return super().filter(qs, value) if value else qs.exclude(status=TaskStatus.DELETED)


class SortField(forms.CharField):
    """`name`, `-name`, `name,asc` or `name,desc`; comes out as `name` or `-name`."""

    def clean(self, value: Any) -> str:
        text: str = super().clean(value) or DEFAULT_SORT
        name, _, direction = text.partition(",")
        if direction not in {"", "asc", "desc"} or name.removeprefix("-") not in SORTS:
            raise ValidationError(
                f"Sort by one of {', '.join(SORTS)}; with - before it, or ,desc after it, downwards.",
                code="invalid_choice",
            )
        return f"-{name.removeprefix('-')}" if direction == "desc" else name


class SortFilter(Filter):  # type: ignore[misc]
    """In this order; the id breaks ties, so that pages neither overlap nor leave gaps."""

    field_class = SortField

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        column = F(SORTS[value.removeprefix("-")])
        first = column.desc(nulls_last=True) if value.startswith("-") else column.asc(nulls_last=True)
        return qs.order_by(first, "id")


class TaskFilter(FilterSet):  # type: ignore[misc]
    """The list of tasks."""

    status = StatusFilter(words=tuple(status.value for status in TaskStatus))
    priority = PriorityFilter(words=(*BANDS, *PRIORITIES))
    namespace = CharFilter()
    taskClass = CharFilter(field_name="task_class")
    queue = CharFilter()
    search = CharFilter(field_name="name", lookup_expr="icontains", max_length=255)
    sort = SortFilter()

    class Meta:
        model = Task
        fields: list[str] = []
