"""Strips: the last runs of tasks, many tasks in one query."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from scheduler.engine.retry import RETRYABLE
from scheduler.engine.states import Status

LENGTH: Final = 20


class Run(NamedTuple):
    """One execution as a strip shows it; `took_ms` None where it has not ended, or never began."""

    id: UUID
    task_id: UUID
    scheduled_for: datetime
    status: Status
    attempt: int
    took_ms: int | None


_LAST = """
SELECT h.id, h.task_id, h.scheduled_for, h.status, h.attempt, h.execution_time_ms
FROM unnest(%(tasks)s::uuid[]) AS t (id)
CROSS JOIN LATERAL (
    SELECT id, task_id, scheduled_for, status, attempt, execution_time_ms FROM task_execution_history
    WHERE task_id = t.id ORDER BY id DESC LIMIT %(count)s
) h
"""


def last_runs(task_ids: Collection[UUID], *, count: int = LENGTH) -> dict[UUID, list[Run]]:
    """Return the last runs of each task, the oldest of them first; a task without any has an empty list."""
    runs: dict[UUID, list[Run]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_LAST, {"tasks": list(task_ids), "count": count})
        for row in cursor.fetchall():
            run = Run(*row)._replace(status=Status(row[3]))
            runs[run.task_id].append(run)
    return {task_id: sorted(runs[task_id], key=_place) for task_id in task_ids}


def trouble_of(runs: Collection[Run]) -> Run | None:
    """Return the run in which a task's latest slot has failed for good, None where it has not, or is tried again."""
    ended = [run for run in runs if run.status is not Status.SKIPPED]
    latest = max(ended, key=_place, default=None)
    return latest if latest is not None and latest.status in RETRYABLE else None


def _place(run: Run) -> tuple[Any, ...]:
    return run.scheduled_for, run.attempt, run.id
