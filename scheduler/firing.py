"""Turns due slots, and requests, into executions: lock, decide, record, move the task on, in one transaction."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

import psycopg

from scheduler import claims, transitions
from scheduler.engine.admission import admit
from scheduler.engine.firing import Fire, Misfire, Pass, Plan, plan
from scheduler.engine.identity import execution_id, slot_cause
from scheduler.engine.schedules import InvalidSchedule, Schedule
from scheduler.engine.states import Status, TaskStatus, Trigger
from scheduler.errors import TaskDeleted, TaskNotFound
from scheduler.records import DueTask, NewExecution, Ready
from scheduler.schedules import build

logger = logging.getLogger(__name__)

TASKS_PER_CLAIM = 500
ROWS_PER_CLAIM = 1_000


@dataclass(frozen=True, slots=True)
class Claimed:
    """One committed claim: what is to be published, how many tasks moved on, whether more is due."""

    ready: list[Ready] = field(default_factory=list)
    task_count: int = 0
    conflict_count: int = 0
    is_full: bool = False


@dataclass(frozen=True, slots=True)
class _Move:
    """What the claim writes on one task."""

    task: DueTask
    rows: list[NewExecution]
    last_slot: datetime | None
    next_slot: datetime | None
    status: TaskStatus
    pause_reason: str | None = None


def claim(connection: psycopg.Connection, *, now: datetime, limit: int = TASKS_PER_CLAIM) -> Claimed:
    """Record the due slots of up to `limit` tasks and move those tasks on; commit, then return what to publish.

    A second scheduler's claim skips the rows that this one holds. If the process dies before the commit nothing has
    happened; after it, the sweep publishes the rows. A batch that the data itself makes fail is halved until the
    task is found, which is then paused alone.
    """
    try:
        with connection.transaction():
            return _claim(connection, now=now, limit=limit)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        if isinstance(error, psycopg.errors.CheckViolation) and "no partition" in str(error):
            raise
        if limit > 1:
            return replace(claim(connection, now=now, limit=limit // 2), is_full=True)
        with connection.transaction():
            for task in claims.due_tasks(connection, now=now, limit=1):
                logger.exception("Task %s cannot be recorded and is paused.", task.id)
                _move_on(connection, [_paused(task, error)])
        return Claimed(is_full=True)


def record_due(connection: psycopg.Connection, task_id: UUID, *, now: datetime) -> list[Ready]:
    """Record one task's slots up to `now` as the claim would have, inside the caller's transaction.

    Every change of a definition begins here, so that the old definition answers for its own slots. The task stays
    locked until the caller commits.
    """
    ready: list[Ready] = []
    while (task := claims.task(connection, task_id)) and task.status == TaskStatus.ACTIVE:
        if task.next_slot_for is None or task.next_slot_for > now:
            break
        move = _plan(task, now)
        ready += _write(connection, [move], now=now).ready
    return ready


def trigger(
    connection: psycopg.Connection, task_id: UUID, *, request: UUID, task_data: str | None, now: datetime
) -> tuple[UUID, list[Ready]]:
    """Record an execution that somebody asked for, whatever the schedule, calendar and pause say.

    `request` and `now` identify it: the same pair finds the same execution. Overlap is obeyed. Raises TaskNotFound,
    TaskDeleted.
    """
    task = claims.task(connection, task_id)
    if task is None:
        raise TaskNotFound
    if task.status == TaskStatus.DELETED:
        raise TaskDeleted
    row = replace(
        _new(task, slot=now, cause=f"manual:{request}", trigger=Trigger.MANUAL, open_count=task.open_count),
        task_data=task_data,
    )
    inserted = transitions.record(connection, [row], now=now)
    if row.id in inserted and row.status is not Status.SKIPPED:
        connection.execute(_OPENED, (1, task_id))
    return row.id, _ready([row], inserted)


def first_slot(schedule: Schedule, *, after: datetime, last_slot: datetime | None) -> datetime | None:
    """Return the first slot of a new or changed definition: after `after` and after the last one recorded."""
    return schedule.next_after(max(after, last_slot) if last_slot else after)


_OPENED = """
UPDATE scheduler_tasks SET open_count = open_count + %s WHERE id = %s AND overlap_policy <> 'ALLOW'
"""

_MOVE_ON = """
UPDATE scheduler_tasks t
SET next_slot_for = u.next_slot, next_execution_time = u.next_slot,
    claim_at = CASE WHEN u.status = 'ACTIVE' THEN u.next_slot END,
    last_slot_for = coalesce(u.last_slot, t.last_slot_for), status = u.status,
    pause_reason = coalesce(u.pause_reason, t.pause_reason),
    open_count = CASE WHEN t.overlap_policy = 'ALLOW' THEN 0 ELSE t.open_count + u.opened END
FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::int[])
    AS u (id, next_slot, last_slot, status, pause_reason, opened)
WHERE t.id = u.id
"""


def _claim(connection: psycopg.Connection, *, now: datetime, limit: int) -> Claimed:
    due = claims.due_tasks(connection, now=now, limit=limit)
    moves: list[_Move] = []
    row_count = 0
    for task in due:
        if row_count >= ROWS_PER_CLAIM:
            break
        move = _plan(task, now)
        row_count += len(move.rows)
        moves.append(move)
    claimed = _write(connection, moves, now=now)
    unfinished = any(move.next_slot is not None and move.next_slot <= now for move in moves)
    return replace(claimed, is_full=len(due) == limit or len(moves) < len(due) or unfinished)


def _write(connection: psycopg.Connection, moves: Sequence[_Move], *, now: datetime) -> Claimed:
    rows = [row for move in moves for row in move.rows]
    inserted = transitions.record(connection, rows, now=now)
    _move_on(connection, moves)
    return Claimed(_ready(rows, inserted), len(moves), len(rows) - len(inserted))


def _plan(task: DueTask, now: datetime) -> _Move:
    """Work out one task's move; whatever its definition does wrong pauses it alone, with the reason."""
    try:
        schedule = _schedule(task)
        due = task.next_slot_for
        planned = plan(_Remembering(schedule), due=due, now=now, misfire=_misfire(task)) if due else _NOTHING
    except (InvalidSchedule, ArithmeticError, ValueError) as error:
        logger.exception("Task %s has no next slot that can be worked out; it is paused.", task.id)
        return _paused(task, error)
    rows: list[NewExecution] = []
    open_count = task.open_count
    for entry in planned.records:
        row = _row(task, entry, open_count)
        open_count += row.status is not Status.SKIPPED
        rows.append(row)
    status = TaskStatus.ACTIVE if planned.next_slot is not None else TaskStatus.COMPLETED
    return _Move(task, rows, planned.last_slot, planned.next_slot, status)


_NOTHING = Plan((), None, None)


def _paused(task: DueTask, error: Exception) -> _Move:
    reason = f"Its next slot cannot be worked out: {error}"
    return _Move(task, [], None, task.next_slot_for, TaskStatus.PAUSED, reason)


def _row(task: DueTask, entry: Fire | Pass, open_count: int) -> NewExecution:
    cause = slot_cause(entry.slot)
    if isinstance(entry, Fire):
        return _new(task, slot=entry.slot, cause=cause, trigger=entry.trigger, open_count=open_count)
    row = _new(task, slot=entry.slot, cause=cause, trigger=Trigger.SCHEDULE, open_count=0)
    return replace(
        row,
        status=Status.SKIPPED,
        reason=entry.reason,
        not_before=None,
        scheduled_until=entry.until,
        slot_count=1 if entry.until == entry.slot else None,
    )


def _new(task: DueTask, *, slot: datetime, cause: str, trigger: Trigger, open_count: int) -> NewExecution:
    admission = admit(overlap_policy=task.overlap_policy, open_count=open_count)
    return NewExecution(
        id=execution_id(task.id, cause=cause, at=slot, attempt=1),
        task_id=task.id,
        cause=cause,
        attempt=1,
        trigger=trigger,
        status=admission.status,
        reason=admission.reason,
        not_before=admission.not_before,
        scheduled_for=slot,
        due_at=slot,
        namespace=task.namespace,
        queue=task.queue,
        priority=task.priority,
        timeout_seconds=task.timeout_seconds,
        revision=task.version,
    )


def _move_on(connection: psycopg.Connection, moves: Sequence[_Move]) -> None:
    if not moves:
        return
    connection.execute(
        _MOVE_ON,
        (
            [move.task.id for move in moves],
            [move.next_slot for move in moves],
            [move.last_slot for move in moves],
            [move.status for move in moves],
            [move.pause_reason for move in moves],
            [sum(row.status is not Status.SKIPPED for row in move.rows) for move in moves],
        ),
    )


def _ready(rows: Sequence[NewExecution], inserted: set[UUID]) -> list[Ready]:
    return [
        Ready(row.id, row.queue, row.priority, row.timeout_seconds)
        for row in rows
        if row.status is Status.QUEUED and row.id in inserted
    ]


def _misfire(task: DueTask) -> Misfire:
    return Misfire(task.misfire_policy, timedelta(seconds=task.misfire_grace_seconds), task.catch_up_limit)


def _schedule(task: DueTask) -> Schedule:
    return build(
        cron_expression=task.cron_expression,
        time_zone=task.time_zone,
        interval_seconds=task.interval_seconds,
        anchor_at=task.anchor_at,
        run_at=task.run_at,
        start_at=task.start_at,
        end_at=task.end_at,
    )


@lru_cache(maxsize=65_536)
def _next_after(schedule: Schedule, instant: datetime) -> datetime | None:
    return schedule.next_after(instant)


@dataclass(frozen=True, slots=True)
class _Remembering:
    """A schedule whose next slots are remembered: thousands of tasks share an expression, a zone and a slot."""

    schedule: Schedule

    def next_after(self, instant: datetime) -> datetime | None:
        return _next_after(self.schedule, instant)

    def latest_at(self, instant: datetime) -> datetime | None:
        return self.schedule.latest_at(instant)
