"""Strips: the last runs of tasks, many tasks in one query."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from scheduler.engine.retry import RETRYABLE
from scheduler.engine.states import OPEN, Status

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
    """Return the run in which a task has failed and since when it has not run well, None where it has.

    Its latest slot that has ended decides, whatever is open since: a task that fails every few seconds always has
    something open. Where none has ended, a second failing slot does, though both are tried again.
    """
    slots: dict[datetime, list[Run]] = defaultdict(list)
    for run in sorted(runs, key=_place, reverse=True):
        if run.status is not Status.SKIPPED:
            slots[run.scheduled_for].append(run)
    tried_again: list[Run] = []
    for last, *before in slots.values():
        if last.status not in OPEN:
            if last.status in RETRYABLE:
                return last
            break
        tried_again += [run for run in before if run.status in RETRYABLE][:1]
    return tried_again[0] if len(tried_again) > 1 else None


_REASONS = """
SELECT id, coalesce(reason, split_part(error_message, chr(10), 1)) FROM task_execution_history
WHERE id = ANY(%(ids)s) AND id BETWEEN %(low)s AND %(high)s
"""


def reasons(runs: Collection[Run]) -> dict[UUID, str]:
    """Return why these runs did not succeed, by their tasks: the reason, or the first line of the error."""
    if not runs:
        return {}
    tasks = {run.id: run.task_id for run in runs}
    with connection.cursor() as cursor:
        cursor.execute(_REASONS, {"ids": list(tasks), "low": min(tasks), "high": max(tasks)})
        return {tasks[row[0]]: row[1] or "" for row in cursor.fetchall()}


def _place(run: Run) -> tuple[Any, ...]:
    return run.scheduled_for, run.attempt, run.id
