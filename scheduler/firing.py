"""Turns due slots into executions: lock, decide, record, move the task on, in one transaction."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from math import inf
from typing import Protocol
from uuid import UUID

import psycopg

from scheduler import backlog, batches, births, claims, clock, moves, overlaps, permits, transitions
from scheduler.engine.states import Reason, Status, TaskStatus
from scheduler.halving import in_halves
from scheduler.moves import Move, Planned
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
    """One committed claim: what is to be published, how many tasks moved on, whether more is due, what is new.

    `batch` is to be ended once `ready` is published (`scheduler.batches`).
    """

    ready: list[Ready] = field(default_factory=list)
    batch: UUID | None = None
    task_count: int = 0
    conflict_count: int = 0
    is_full: bool = False
    recorded: list[NewExecution] = field(default_factory=list)


class _DueTasks(Protocol):
    def __call__(self, connection: psycopg.Connection, *, now: datetime, limit: int) -> list[DueTask]: ...


class _Write(Protocol):
    def __call__(self, connection: psycopg.Connection, moving: Sequence[Move], *, now: datetime) -> Claimed: ...


def claim(
    connection: psycopg.Connection, *, now: datetime, limit: int = TASKS_PER_CLAIM, is_backlogged: bool = False
) -> Claimed:
    """Record the due slots of up to `limit` tasks and move those tasks on; commit, then return what to publish.

    The oldest come first; where the claim before came back full (`is_backlogged`), by priority and namespace.
    A second scheduler's claim skips the rows that this one holds. If the process dies before the commit nothing has
    happened; after it, the sweep publishes the rows. A batch that the data itself makes fail is claimed again in
    halves, until the task is found, which is then paused alone. Raises PartitionMissing.
    """
    due_tasks = backlog.due_tasks if is_backlogged else claims.due_tasks
    try:
        with connection.transaction():
            return _claim(connection, _write, due_tasks, now=now, limit=limit)
    except _REFUSALS as error:
        logger.warning("The database refuses a batch of the claim; it is claimed again in halves: %s", error)
    with connection.transaction():
        return _claim(connection, _write_in_halves, due_tasks, now=now, limit=limit)


def record_due(connection: psycopg.Connection, task_id: UUID, *, now: datetime) -> list[Ready]:
    """Record one task's slots up to `now` as the claim would have, inside the caller's transaction.

    The task stays locked until the caller commits.
    """
    return record_all_due(connection, [task_id], now=now)


def record_all_due(connection: psycopg.Connection, task_ids: Collection[UUID], *, now: datetime) -> list[Ready]:
    """Record these tasks' slots up to `now`, as `record_due` does for one; they are locked in order of id.

    Every change of a definition begins here, so that the old definition answers for its own slots; one that still
    waits for its jitter is recorded, and goes when it is due. Some 1,000 rows are written at a time.
    """
    ready: list[Ready] = []
    waiting = list(task_ids)
    while waiting:
        due = [task for task in claims.tasks(connection, waiting) if _is_due(task, now)]
        planned = _planned(due, now, waits_for_jitter=False)
        if planned:
            decided = moves.decide(connection, planned, now=now)
            ready += _write(connection, decided.moves, now=now, in_batch=False).ready
        waiting = [task.id for task in due]
    return ready


def _is_due(task: DueTask, now: datetime) -> bool:
    return task.status == TaskStatus.ACTIVE and task.next_slot_for is not None and task.next_slot_for <= now


def _planned(
    due: Sequence[DueTask], now: datetime, *, until: float = inf, waits_for_jitter: bool = True
) -> list[Planned]:
    """Work out what is due, task by task, until it makes 1,000 rows or the clock has come to `until`."""
    planned: list[Planned] = []
    row_count = 0
    for task in due:
        if row_count >= ROWS_PER_CLAIM or clock.monotonic() > until:
            break
        planned.append(moves.plan_due(task, now, waits_for_jitter=waits_for_jitter))
        row_count += len(planned[-1].plan.records)
    return planned


def _claim(
    connection: psycopg.Connection, write: _Write, due_tasks: _DueTasks, *, now: datetime, limit: int
) -> Claimed:
    due = due_tasks(connection, now=now, limit=limit)
    planned = _planned(due, now, until=clock.monotonic() + PLANNING_SECONDS)
    decided = moves.decide(connection, planned, now=now, holds=True)
    moving = decided.moves
    claimed = write(connection, moving, now=now)
    moves.hold(connection, decided.held)
    batch = batches.begin(connection, claimed.ready, now=now)
    unfinished = any(move.place.claim_at is not None and move.place.claim_at <= now for move in moving)
    return replace(claimed, batch=batch, is_full=len(due) == limit or len(planned) < len(due) or unfinished)


def _write(connection: psycopg.Connection, moving: Sequence[Move], *, now: datetime, in_batch: bool = True) -> Claimed:
    rows = [row for move in moving for row in move.rows]
    inserted = transitions.record(connection, rows, now=now, in_batch=in_batch)
    moves.write(connection, moving, inserted, now=now)
    held = (row for row in rows if row.status is Status.SCHEDULED and row.reason is not Reason.CATCH_UP)
    waiting = {row.held_by for row in held if row.held_by is not None}
    permits.use(connection, moves.taken(moving, inserted), waiting=waiting, now=now)
    newcomers = {move.task.id: move.newcomer for move in moving if move.newcomer is not None}
    cancelled = overlaps.make_room(connection, newcomers, now=now)
    recorded = [row for row in rows if row.id in inserted]
    expected = {move.task.id: move.task.expected_ms for move in moving if move.task.expected_ms is not None}
    ready = births.ready([row for row in recorded if row.id not in cancelled], expected)
    return Claimed(ready, None, len(moving), len(rows) - len(recorded), recorded=recorded)


def _write_in_halves(connection: psycopg.Connection, moving: Sequence[Move], *, now: datetime) -> Claimed:
    """Write what the database takes; pause the tasks that it refuses, whose rows stay locked throughout."""

    def pause(move: Move, error: Exception) -> Claimed:
        logger.error("Task %s cannot be recorded and is paused.", move.task.id, exc_info=error)
        moves.write(connection, [moves.paused(move.task, error)], set(), now=now)
        return Claimed(task_count=1)

    parts = list(in_halves(connection, moving, partial(_write, connection, now=now), pause))
    return Claimed(
        [ready for part in parts for ready in part.ready],
        None,
        sum(part.task_count for part in parts),
        sum(part.conflict_count for part in parts),
        recorded=[row for part in parts for row in part.recorded],
    )
