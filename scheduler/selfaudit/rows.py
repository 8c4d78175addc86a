"""What history holds of the slots of some tasks, as the audit judges it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from scheduler.engine.identity import lower_bound
from scheduler.engine.slotaudit import Record
from scheduler.engine.states import Reason, Status, Trigger
from scheduler.models import Task

_MILLISECOND: Final = timedelta(milliseconds=1)

_COLUMNS = """
h.task_id, h.scheduled_for, coalesce(h.scheduled_until, h.scheduled_for), h.due_at, h.status, h.reason, h.trigger,
h.queued_at, h.end_time, h.handed_back_count
"""

# A slot's rows, its own and ranges, are told by their cause; runs by hand, by events and backfills have others.
_OF_SLOTS = f"""
SELECT {_COLUMNS} FROM task_execution_history h
WHERE h.task_id = ANY(%(tasks)s::uuid[]) AND h.id >= %(low)s AND h.id < %(high)s
    AND h.attempt = 1 AND h.cause LIKE 'slot:%%'
"""  # noqa: S608 - the columns stand above

# A range may begin long before the slots that are looked at; nothing of the task's own slots lies in between.
_BEFORE = f"""
SELECT {_COLUMNS} FROM unnest(%(tasks)s::uuid[]) AS t (id) CROSS JOIN LATERAL (
    SELECT * FROM task_execution_history
    WHERE task_id = t.id AND id < %(low)s AND cause LIKE 'slot:%%' ORDER BY id DESC LIMIT 1
) h
"""  # noqa: S608 - the columns stand above


def of_slots(
    connection: psycopg.Connection, tasks: Mapping[UUID, Task], *, first: datetime, last: datetime
) -> dict[UUID, list[Record]]:
    """Return what stands for the slots from `first` to `last`, both included, by task."""
    bounds = {"low": lower_bound(first), "high": lower_bound(last + _MILLISECOND)}
    return _by_task(connection.execute(_OF_SLOTS, {"tasks": list(tasks), **bounds}), tasks)


def before(
    connection: psycopg.Connection, tasks: Mapping[UUID, Task], ids: Collection[UUID], *, first: datetime
) -> dict[UUID, list[Record]]:
    """Return the last row before `first` of each of some tasks."""
    return _by_task(connection.execute(_BEFORE, {"tasks": list(ids), "low": lower_bound(first)}), tasks)


def _by_task(rows: Iterable[Sequence[Any]], tasks: Mapping[UUID, Task]) -> dict[UUID, list[Record]]:
    found: dict[UUID, list[Record]] = defaultdict(list)
    for task_id, *row in rows:
        found[task_id].append(_record(tasks[task_id], *row))
    return found


def _record(
    task: Task,
    slot: datetime,
    until: datetime,
    due_at: datetime,
    status: str,
    reason: str | None,
    trigger: str,
    queued_at: datetime | None,
    end_time: datetime | None,
    handed_back_count: int,
) -> Record:
    """Return a row with when the claim wrote it; what waited for its turn has been queued since, nobody knows when."""
    if status == Status.SKIPPED:
        is_misfire = reason == Reason.MISFIRE
        return Record(slot, until, end_time if is_misfire else None, is_caught_up=is_misfire)
    if trigger == Trigger.CATCH_UP:
        at = due_at + timedelta(seconds=task.misfire_grace_seconds)
        return Record(slot, until, at, is_caught_up=True, due_at=due_at)
    went_at_once = queued_at is not None and not handed_back_count and not _may_be_held(task)
    return Record(slot, until, queued_at if went_at_once else None, due_at=due_at)


def _may_be_held(task: Task) -> bool:
    return bool(
        task.overlap_policy != "ALLOW" or task.max_concurrency is not None or task.has_dependencies or task.uses
    )
