"""Turns due slots, and requests, into executions: lock, decide, record, move the task on, in one transaction."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import psycopg

from scheduler import births, claims, clock, followups, schedules, transitions
from scheduler.engine.firing import Fire, Misfire, Pass, Plan, plan
from scheduler.engine.identity import slot_cause
from scheduler.engine.schedules import Schedule
from scheduler.engine.states import Status, TaskStatus, Trigger
from scheduler.errors import TaskDeleted, TaskNotFound
from scheduler.records import DueTask, NewExecution, Ready

logger = logging.getLogger(__name__)

TASKS_PER_CLAIM = 500
ROWS_PER_CLAIM = 1_000
# Task rows stay locked meanwhile, and a session that idles in its transaction for 5 s is ended.
PLANNING_SECONDS = 0.5

# What the database says of the data itself; any other error says nothing about a task.
_REFUSALS = (psycopg.DataError, psycopg.IntegrityError)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One committed claim: what is to be published, how many tasks moved on, whether more is due, what is new."""

    ready: list[Ready] = field(default_factory=list)
    task_count: int = 0
    conflict_count: int = 0
    is_full: bool = False
    recorded: list[NewExecution] = field(default_factory=list)


class _Write(Protocol):
    def __call__(self, connection: psycopg.Connection, moves: "Sequence[_Move]", *, now: datetime) -> Claimed: ...


@dataclass(frozen=True, slots=True)
class _Move:
    """What the claim writes on one task."""

    task: DueTask
    rows: list[NewExecution]
    last_slot: datetime | None
    next_slot: datetime | None
    shown_slot: datetime | None
    status: TaskStatus
    pause_reason: str | None = None


def claim(connection: psycopg.Connection, *, now: datetime, limit: int = TASKS_PER_CLAIM) -> Claimed:
    """Record the due slots of up to `limit` tasks and move those tasks on; commit, then return what to publish.

    A second scheduler's claim skips the rows that this one holds. If the process dies before the commit nothing has
    happened; after it, the sweep publishes the rows. A batch that the data itself makes fail is claimed again in
    halves, until the task is found, which is then paused alone. Raises PartitionMissing.
    """
    try:
        with connection.transaction():
            return _claim(connection, _write, now=now, limit=limit)
    except _REFUSALS as error:
        logger.warning("The database refuses a batch of the claim; it is claimed again in halves: %s", error)
    with connection.transaction():
        return _claim(connection, _write_in_halves, now=now, limit=limit)


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
    with connection.transaction():
        task = claims.task(connection, task_id)
        if task is None:
            raise TaskNotFound
        if task.status == TaskStatus.DELETED:
            raise TaskDeleted
        row = replace(
            births.fired(task, slot=now, cause=f"manual:{request}", trigger=Trigger.MANUAL, open_count=task.open_count),
            task_data=task_data,
        )
        inserted = transitions.record(connection, [row], now=now)
        if row.id in inserted and row.status is not Status.SKIPPED:
            followups.count_opened(connection, task_id)
    return row.id, _ready([row] if row.id in inserted else [])


def first_slot(schedule: Schedule, *, after: datetime, last_slot: datetime | None) -> datetime | None:
    """Return the first slot of a new or changed definition: after `after` and after the last one recorded."""
    return schedule.next_after(max(after, last_slot) if last_slot else after)


_MOVE_ON = """
UPDATE scheduler_tasks t
SET next_slot_for = u.next_slot, next_execution_time = u.shown_slot,
    claim_at = CASE WHEN u.status = 'ACTIVE' THEN u.next_slot END,
    last_slot_for = coalesce(u.last_slot, t.last_slot_for), status = u.status,
    pause_reason = coalesce(u.pause_reason, t.pause_reason),
    open_count = CASE WHEN t.overlap_policy = 'ALLOW' THEN 0 ELSE t.open_count + u.opened END
FROM unnest(
    %s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::int[]
) AS u (id, next_slot, shown_slot, last_slot, status, pause_reason, opened)
WHERE t.id = u.id
"""


def _claim(connection: psycopg.Connection, write: _Write, *, now: datetime, limit: int) -> Claimed:
    due = claims.due_tasks(connection, now=now, limit=limit)
    deadline = clock.monotonic() + PLANNING_SECONDS
    moves: list[_Move] = []
    row_count = 0
    for task in due:
        if row_count >= ROWS_PER_CLAIM or clock.monotonic() > deadline:
            break
        move = _plan(task, now)
        row_count += len(move.rows)
        moves.append(move)
    claimed = write(connection, moves, now=now)
    unfinished = any(move.next_slot is not None and move.next_slot <= now for move in moves)
    return replace(claimed, is_full=len(due) == limit or len(moves) < len(due) or unfinished)


def _write(connection: psycopg.Connection, moves: Sequence[_Move], *, now: datetime) -> Claimed:
    rows = [row for move in moves for row in move.rows]
    inserted = transitions.record(connection, rows, now=now)
    _move_on(connection, moves, inserted)
    recorded = [row for row in rows if row.id in inserted]
    return Claimed(_ready(recorded), len(moves), len(rows) - len(recorded), recorded=recorded)


def _write_in_halves(connection: psycopg.Connection, moves: Sequence[_Move], *, now: datetime) -> Claimed:
    """Write what the database takes; pause the tasks that it refuses, whose rows stay locked throughout."""
    try:
        with connection.transaction():
            return _write(connection, moves, now=now)
    except _REFUSALS as error:
        if len(moves) == 1:
            logger.exception("Task %s cannot be recorded and is paused.", moves[0].task.id)
            _move_on(connection, [_paused(moves[0].task, error)], set())
            return Claimed(task_count=1)
    middle = len(moves) // 2
    first = _write_in_halves(connection, moves[:middle], now=now)
    second = _write_in_halves(connection, moves[middle:], now=now)
    return Claimed(
        first.ready + second.ready,
        first.task_count + second.task_count,
        first.conflict_count + second.conflict_count,
        recorded=first.recorded + second.recorded,
    )


def _plan(task: DueTask, now: datetime) -> _Move:
    """Work out one task's move; whatever its definition does wrong pauses it alone, with the reason."""
    try:
        return _planned(task, now)
    except Exception as error:  # one definition may not stop the claim of all others
        logger.exception("Task %s has no next slot that can be worked out; it is paused.", task.id)
        return _paused(task, error)


def _planned(task: DueTask, now: datetime) -> _Move:
    due = task.next_slot_for
    planned = _NOTHING
    if due is not None:
        skipped = task.skip_slots or ()
        planned = plan(schedules.remembered(task), due=due, now=now, misfire=_misfire(task), skipped=skipped)
    rows: list[NewExecution] = []
    open_count = task.open_count
    for entry in planned.records:
        row = _row(task, entry, open_count)
        open_count += row.status is not Status.SKIPPED
        rows.append(row)
    status = TaskStatus.ACTIVE if planned.next_slot is not None else TaskStatus.COMPLETED
    shown = schedules.shown(task, planned.next_slot)
    return _Move(task, rows, planned.last_slot, planned.next_slot, shown, status)


_NOTHING = Plan((), None, None)


def _paused(task: DueTask, error: Exception) -> _Move:
    reason = f"Its next slot cannot be worked out: {error}"
    return _Move(task, [], None, task.next_slot_for, None, TaskStatus.PAUSED, reason)


def _row(task: DueTask, entry: Fire | Pass, open_count: int) -> NewExecution:
    if isinstance(entry, Fire):
        cause = slot_cause(entry.slot)
        return births.fired(task, slot=entry.slot, cause=cause, trigger=entry.trigger, open_count=open_count)
    return births.passed(task, entry)


def _move_on(connection: psycopg.Connection, moves: Sequence[_Move], inserted: set[UUID]) -> None:
    if not moves:
        return
    connection.execute(
        _MOVE_ON,
        (
            [move.task.id for move in moves],
            [move.next_slot for move in moves],
            [move.shown_slot for move in moves],
            [move.last_slot for move in moves],
            [move.status for move in moves],
            [move.pause_reason for move in moves],
            # A row that stood already is open or not by another copy's count.
            [sum(row.status is not Status.SKIPPED and row.id in inserted for row in move.rows) for move in moves],
        ),
    )


def _ready(recorded: Sequence[NewExecution]) -> list[Ready]:
    return [
        Ready(row.id, row.queue, row.priority, row.timeout_seconds) for row in recorded if row.status is Status.QUEUED
    ]


def _misfire(task: DueTask) -> Misfire:
    return Misfire(task.misfire_policy, timedelta(seconds=task.misfire_grace_seconds), task.catch_up_limit)
