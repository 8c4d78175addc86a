"""How well tasks keep their SLA: slots under one, and those that broke it, by task, label, namespace or week."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from scheduler.engine.sla import Promise
from scheduler.models import Task

GROUPINGS: Final = ("namespace", "task", "label", "week")
DEFAULT_GROUPING: Final = "namespace"
# Four weeks with today.
DEFAULT_DAYS: Final = timedelta(days=27)
LONGEST: Final = timedelta(days=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose slots are counted, of the days (UTC) from `first` to `last`, both included.

    `bound_to` is the namespace that the caller is bound to; `labels` a task has to have all.
    """

    first: date
    last: date
    bound_to: str | None = None
    namespace: str | None = None
    task_id: UUID | None = None
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Slots that were under an SLA and are decided, those that broke any promise, and each promise."""

    slots: int = 0
    broken: int = 0
    lateness: int = 0
    duration: int = 0
    deadline: int = 0

    @property
    def kept(self) -> int:
        """The slots that broke nothing."""
        return self.slots - self.broken

    @property
    def share(self) -> float | None:
        """The share of slots that broke nothing, 0 to 1; None where there are no slots."""
        return self.kept / self.slots if self.slots else None

    @property
    def by_promise(self) -> dict[str, int]:
        """How many slots broke each promise."""
        return {promise.value: getattr(self, promise.lower()) for promise in Promise}


@dataclass(frozen=True, slots=True)
class Line:
    """One namespace, task, label (`key:value`) or week (its Monday), by `key`, and its counts."""

    key: str
    counts: Counts
    namespace: str | None = None
    task_name: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Some of the lines of a grouping, those with the most breaches first, and the sums of all of them.

    A task counts once in `total`, and by label in the line of each of its labels.
    """

    by: str
    scope: Scope
    total: Counts
    line_count: int
    lines: tuple[Line, ...]


_WITHIN = """
r.day BETWEEN %(first)s AND %(last)s
    AND (%(bound_to)s::text IS NULL OR r.namespace = %(bound_to)s)
    AND (%(namespace)s::text IS NULL OR r.namespace = %(namespace)s)
    AND (%(task_id)s::uuid IS NULL OR r.task_id = %(task_id)s)
    AND (%(labels)s::jsonb IS NULL OR r.task_id IN (
        SELECT s.task_id FROM scheduler_task_search s WHERE s.labels @> %(labels)s::jsonb
    ))
"""
_NAMES: Final = ("slots", "broken", "lateness", "duration", "deadline")
_SUMS: Final = ", ".join(f"sum(r.{name})::bigint AS {name}" for name in _NAMES)

_TOTAL = f"SELECT {_SUMS} FROM scheduler_sla_rollups r WHERE {_WITHIN}"  # noqa: S608 - the parts stand above

_KEYS: Final = {
    "namespace": ("r.namespace", ""),
    "task": ("r.task_id", ""),
    "week": ("date_trunc('week', r.day::timestamp)::date", ""),
    "label": (
        "l.key || ':' || l.value",
        "JOIN scheduler_task_search t ON t.task_id = r.task_id CROSS JOIN LATERAL jsonb_each_text(t.labels) l",
    ),
}
_LINES: Final = {
    by: f"SELECT {key} AS key, {_SUMS} FROM scheduler_sla_rollups r {joined} WHERE {_WITHIN} GROUP BY 1"  # noqa: S608
    for by, (key, joined) in _KEYS.items()
}

_ORDERS: Final = {"week": "key DESC"}
_MOST_BROKEN_FIRST: Final = "broken DESC, slots DESC, key"


def _page_of(by: str) -> str:
    """Return SQL for one page of lines beside the number and the sums of all: whatever is shown, one reading."""
    return f"""
    WITH lines AS MATERIALIZED ({_LINES[by]})
    SELECT total.*, page.* FROM (SELECT count(*), {_SUMS} FROM lines r) total LEFT JOIN (
        SELECT row_number() OVER (ORDER BY {_ORDERS.get(by, _MOST_BROKEN_FIRST)}) AS place, lines.* FROM lines
        ORDER BY place LIMIT %(size)s OFFSET %(skipped)s
    ) page ON true ORDER BY page.place
    """  # noqa: S608 - the parts stand above


def report(by: str, scope: Scope, *, page: int, size: int) -> Report:
    """Return one page of the lines of a grouping, one of GROUPINGS; by week the latest first."""
    parameters = _parameters(scope) | {"skipped": page * size, "size": size}
    rows = _read(_page_of(by), parameters)
    line_count, *sums = rows[0][: len(_NAMES) + 1]
    if by == "label":
        (sums,) = map(list, _read(_TOTAL, parameters))  # a task counts once, however many labels it has
    lines = tuple(
        Line(str(key), Counts(*counts), key if by == "namespace" else None)
        for _, key, *counts in (row[len(_NAMES) + 1 :] for row in rows)
        if key is not None
    )
    return Report(
        by, scope, Counts(*(count or 0 for count in sums)), line_count, _named(lines) if by == "task" else lines
    )


def _named(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Return lines of tasks with their names and namespaces."""
    tasks = Task.objects.only("name", "namespace").in_bulk([UUID(line.key) for line in lines])
    return tuple(
        Line(line.key, line.counts, task.namespace, task.name)
        for line, task in ((line, tasks[UUID(line.key)]) for line in lines)
    )


def _parameters(scope: Scope) -> dict[str, Any]:
    return {
        "first": scope.first,
        "last": scope.last,
        "bound_to": scope.bound_to,
        "namespace": scope.namespace,
        "task_id": scope.task_id,
        "labels": json.dumps(dict(scope.labels)) if scope.labels else None,
    }


def _read(query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
