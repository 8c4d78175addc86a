"""How well tasks keep their SLA: slots under one, and those that broke it, by task, label, namespace or week."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from scheduler.engine.sla import Promise
from scheduler.models import Task

GROUPINGS: Final = ("namespace", "task", "label", "week")
DEFAULT_GROUPING: Final = "namespace"
# Whole weeks are read as such: this one and the four before it.
DEFAULT_WEEKS: Final = timedelta(weeks=4)
LONGEST: Final = timedelta(days=400)
_WEEK: Final = timedelta(weeks=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Whose slots are counted, of the days (UTC) from `first` to `last`, both included.

    `bound_to` is the namespace that the caller is bound to; `labels` a task has to have all. Behind `today` nothing is
    counted yet.
    """

    first: date
    last: date
    today: date
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
(%(bound_to)s::text IS NULL OR r.namespace = %(bound_to)s)
    AND (%(namespace)s::text IS NULL OR r.namespace = %(namespace)s)
    AND (%(task_id)s::uuid IS NULL OR r.task_id = %(task_id)s)
    AND (%(labels)s::jsonb IS NULL OR r.task_id IN (
        SELECT s.task_id FROM scheduler_task_search s WHERE s.labels @> %(labels)s::jsonb
    ))
"""
_NAMES: Final = ("slots", "broken", "lateness", "duration", "deadline")
# As floating point, which is exact up to 2^53: a sum of bigint is a numeric, which would take half of all the time.
_SUMS: Final = ", ".join(f"sum(r.{name}::float8)::bigint AS {name}" for name in _NAMES)

# Whole weeks as such, and the days before and after them.
_ROLLED_UP = f"""
r AS (
    SELECT r.task_id, r.namespace, r.week AS day, {", ".join(f"r.{name}" for name in _NAMES)}
    FROM scheduler_sla_weeks r WHERE r.week >= %(first_week)s AND r.week < %(behind_weeks)s AND {_WITHIN}
    UNION ALL
    SELECT r.task_id, r.namespace, r.day, {", ".join(f"r.{name}" for name in _NAMES)}
    FROM scheduler_sla_rollups r WHERE r.day BETWEEN %(first)s AND %(last)s
        AND (r.day < %(first_week)s OR r.day >= %(behind_weeks)s) AND {_WITHIN}
)
"""  # noqa: S608 - the parts stand above

_LINES: Final = {
    "namespace": f"SELECT r.namespace AS key, {_SUMS} FROM r GROUP BY 1",  # noqa: S608
    "week": f"SELECT date_trunc('week', r.day::timestamp)::date AS key, {_SUMS} FROM r GROUP BY 1",  # noqa: S608
    "task": f"SELECT r.task_id AS key, {_SUMS} FROM r GROUP BY 1",  # noqa: S608
    "label": f"SELECT l.key || ':' || l.value AS key, {_SUMS} FROM labelled r, jsonb_each_text(r.labels) l GROUP BY 1",  # noqa: S608
}

# By sets of labels first, for most tasks have those of others. Not by task before that: PostgreSQL takes the tasks of a
# union to be 200, and would look up the labels of each.
_BY_LABELS: Final = f""",
labelled AS (SELECT t.labels, {_SUMS} FROM r JOIN scheduler_task_search t ON t.task_id = r.task_id GROUP BY 1)
"""  # noqa: S608 - the parts stand above

_ORDERS: Final = {"week": "key DESC"}
_MOST_BROKEN_FIRST: Final = "broken DESC, slots DESC, key"


def _page_of(by: str) -> str:
    """Return SQL for one page of lines beside the number of all, and the sums of what they are made of."""
    is_by_label = by == "label"
    order = _ORDERS.get(by, _MOST_BROKEN_FIRST)
    # A task counts once, however many labels it has.
    count, summed = ("(SELECT count(*) FROM lines)", "labelled") if is_by_label else ("count(*)", "lines")
    return f"""
    WITH {_ROLLED_UP}{_BY_LABELS if is_by_label else ""}, lines AS MATERIALIZED ({_LINES[by]})
    SELECT total.*, page.* FROM (SELECT {count} AS lines, {_SUMS} FROM {summed} r) total LEFT JOIN (
        SELECT row_number() OVER (ORDER BY {order}) AS place, shown.* FROM (
            SELECT * FROM lines ORDER BY {order} LIMIT %(size)s OFFSET %(skipped)s
        ) shown
    ) page ON true ORDER BY page.place
    """  # noqa: S608 - the parts stand above


def report(by: str, scope: Scope, *, page: int, size: int) -> Report:
    """Return one page of the lines of a grouping, one of GROUPINGS; by week the latest first."""
    parameters = _parameters(scope) | {"skipped": page * size, "size": size}
    rows = _read(_page_of(by), parameters)
    line_count, *sums = rows[0][: len(_NAMES) + 1]
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
    first_week = _monday(scope.first + timedelta(days=6))
    # The week that goes on is whole, as long as nothing of it is left out.
    behind_weeks = _monday(scope.last) + _WEEK if scope.last >= scope.today else _monday(scope.last + timedelta(days=1))
    return {
        "first_week": first_week,
        "behind_weeks": max(first_week, behind_weeks),
        "first": scope.first,
        "last": scope.last,
        "bound_to": scope.bound_to,
        "namespace": scope.namespace,
        "task_id": scope.task_id,
        "labels": json.dumps(dict(scope.labels)) if scope.labels else None,
    }


def _monday(day: date) -> date:
    """Return the Monday on or before a day."""
    return day - timedelta(days=day.weekday())


def _read(query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with transaction.atomic(), connection.cursor() as cursor:
        # So many groups would be sorted on the disk.
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
