"""Backfills: the slots of the past that somebody asked for, recorded a few at a time, under fresh work."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from scheduler import births, claims, followups, operations, overlaps, permits, schedules, transitions
from scheduler.engine.admission import AWAITING, Standing
from scheduler.engine.identity import backfill_cause, execution_id, lower_bound
from scheduler.engine.states import Reason, Status, TaskStatus, Trigger
from scheduler.errors import PartitionMissing
from scheduler.permits import Permits
from scheduler.records import DueTask, NewExecution, Ready
from scheduler.requested import LockedOperation

logger = logging.getLogger(__name__)

OPERATIONS_PER_PASS = 100
SLOTS_PER_READ = 100
SLOTS_PER_LOOK = 1_000
# Whatever is fresh goes first in the queue, but for tasks that want to be last themselves.
PRIORITY = 1

_TICK = timedelta(microseconds=1)
_MILLISECOND = timedelta(milliseconds=1)


class Advanced(NamedTuple):
    """What one pass has queued, and after which operation the next one goes on; None: from the beginning."""

    ready: list[Ready]
    after: UUID | None


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look at the slots has chosen, and how many it has left out; `position` is where the next one begins."""

    chosen: list[datetime]
    left_out: int
    position: datetime


_OPEN_OPERATIONS = """
SELECT id FROM scheduler_operations
WHERE status IN ('PENDING', 'RUNNING') AND kind = 'BACKFILL' AND id > %s ORDER BY id LIMIT %s
"""


def advance(connection: psycopg.Connection, *, after: UUID, now: datetime) -> Advanced:
    """Take a step in each open backfill, ids after `after`, one transaction each; return what to publish.

    What another node holds, it advances. If the process dies before a commit nothing has happened; after it, the
    sweep publishes the rows. One that cannot go on has FAILED. Raises PartitionMissing.
    """
    found = [row[0] for row in connection.execute(_OPEN_OPERATIONS, (after, OPERATIONS_PER_PASS)).fetchall()]
    ready: list[Ready] = []
    for operation_id in found:
        try:
            ready += _advance(connection, operation_id, now=now)
        except (psycopg.OperationalError, psycopg.InterfaceError, PartitionMissing):
            raise
        except Exception as error:  # one definition may not hold up the backfills of all others
            logger.exception("Backfill %s cannot go on.", operation_id)
            operations.fail(connection, operation_id, error, now=now)
    return Advanced(ready, found[-1] if len(found) == OPERATIONS_PER_PASS else None)


def abort(connection: psycopg.Connection, operation_id: UUID, *, now: datetime) -> bool:
    """Take no further slots and cancel what waits, inside the caller's transaction; False where it has ended.

    What runs goes on to its end, and the backfill with it.
    """
    operation = claims.operation(connection, operation_id, waits=True)
    if operation is None:
        return False
    operation = replace(operation, abort_requested_at=operation.abort_requested_at or now)
    _step(connection, operation, now=now)
    return True


def settled(
    connection: psycopg.Connection, task: schedules.Timed, slots: Sequence[datetime], *, rerun: bool, now: datetime
) -> set[datetime]:
    """Return those of a task's slots that a backfill leaves out: they have a SUCCESS, are open, or were to be skipped.

    With `rerun` a SUCCESS is no reason. Ascending slots, all of them before `now`.
    """
    parameters = settled_parameters(task.id, slots, rerun=rerun, now=now)
    found = {row[0] for row in connection.execute(SETTLED, parameters)}
    return found | (set(task.skip_slots or ()) & set(slots))


# By the ids that slots imply, and of other backfills, whose ids hold the instants of their requests, by their index.
# Each slot is looked up by itself: a range of ids would read all that a task with many slots had between two of few.
SETTLED = """
SELECT u.slot FROM unnest(%(slots)s::timestamptz[], %(lows)s::uuid[], %(highs)s::uuid[]) AS u (slot, low, high)
CROSS JOIN LATERAL (
    SELECT FROM task_execution_history h
    WHERE h.task_id = %(task_id)s AND h.id >= u.low AND h.id < u.high AND h.id >= %(low)s AND h.id < %(high)s
        AND h.scheduled_for = u.slot
        AND (h.status = ANY(%(statuses)s) OR (h.status = 'SKIPPED' AND h.reason = 'requested'))
    LIMIT 1
) own
UNION
SELECT h.scheduled_for FROM task_execution_history h
WHERE h.task_id = %(task_id)s AND h.cause LIKE 'backfill:%%' AND h.scheduled_for = ANY(%(slots)s::timestamptz[])
    AND h.id >= %(low)s AND h.id < %(end)s AND h.status = ANY(%(statuses)s)
"""


def settled_parameters(task_id: UUID, slots: Sequence[datetime], *, rerun: bool, now: datetime) -> dict[str, Any]:
    """Return what SETTLED asks about a task's ascending slots."""
    return {
        "task_id": task_id,
        "slots": list(slots),
        "lows": [lower_bound(slot) for slot in slots],
        "highs": [lower_bound(slot + _MILLISECOND) for slot in slots],
        "low": lower_bound(slots[0]),
        "high": lower_bound(slots[-1] + _MILLISECOND),
        "end": lower_bound(now + _MILLISECOND),
        "statuses": ["QUEUED", "RUNNING", "SCHEDULED", *([] if rerun else ["SUCCESS"])],
    }


def _advance(connection: psycopg.Connection, operation_id: UUID, *, now: datetime) -> list[Ready]:
    with connection.transaction():
        operation = claims.operation(connection, operation_id)
        return _step(connection, operation, now=now) if operation is not None else []


def _step(connection: psycopg.Connection, operation: LockedOperation, *, now: datetime) -> list[Ready]:
    """Do what is next of a locked backfill, and write down how it stands."""
    task = claims.task(connection, operation.task_id)
    if task is None or task.status == TaskStatus.DELETED or operation.abort_requested_at is not None:
        _stop(connection, operation, now=now)
        return []
    room = operation.arguments["maxParallel"] - operations.open_count(connection, operation)
    if room <= 0:
        return []
    if task.status == TaskStatus.PAUSED:
        operations.note(connection, operation, now=now)
        return []
    look = _look(connection, operation, task, room=room, now=now)
    ready = _record(connection, operation, task, look.chosen, now=now)
    moved = replace(operation, position=look.position, skipped_count=operation.skipped_count + look.left_out)
    operations.note(connection, moved, now=now)
    return ready


def _look(
    connection: psycopg.Connection, operation: LockedOperation, task: DueTask, *, room: int, now: datetime
) -> _Look:
    """Choose the next slots, at most `room` of them; a look reads a bounded number, and the next one goes on."""
    arguments, position = operation.arguments, operation.position
    end = datetime.fromisoformat(arguments["to"])
    schedule = schedules.of_kept(arguments["schedule"])
    chosen: list[datetime] = []
    left_out = 0
    for _ in range(SLOTS_PER_LOOK // SLOTS_PER_READ):
        read = list(schedule.between(position, end, limit=SLOTS_PER_READ))
        left = settled(connection, task, read, rerun=arguments["rerun"], now=now) if read else set()
        for slot in read:
            if slot in left:
                left_out += 1
            elif len(chosen) == room:
                return _Look(chosen, left_out, slot)
            else:
                chosen.append(slot)
            position = slot + _TICK
        if len(read) < SLOTS_PER_READ:
            return _Look(chosen, left_out, end)
    return _Look(chosen, left_out, position)


def _record(
    connection: psycopg.Connection,
    operation: LockedOperation,
    task: DueTask,
    slots: Sequence[datetime],
    *,
    now: datetime,
) -> list[Ready]:
    """Record an execution for each slot; those that meet an overlap take turns, and do not make their task busy yet."""
    standing = overlaps.standings(connection, [task], catching_up=[task.id]).get(task.id, Standing())
    limits = permits.lock(connection, overlaps.keys_of(task, priority=PRIORITY), now=now)
    rows = [_born(operation, task, standing, limits, slot, now=now) for slot in slots]
    inserted = transitions.record(connection, rows, now=now)
    recorded = [row for row in rows if row.id in inserted]
    followups.count_opened(connection, [row.task_id for row in recorded if births.makes_busy(row)])
    queued = [row for row in recorded if row.status is Status.QUEUED]
    permits.use(connection, dict.fromkeys(limits.gates, len(queued)), waiting=limits.waiting, now=now)
    return births.ready(queued)


def _born(
    operation: LockedOperation, task: DueTask, standing: Standing, limits: Permits, slot: datetime, *, now: datetime
) -> NewExecution:
    cause = backfill_cause(operation.id, slot)
    take = partial(limits.take, overlaps.keys_of(task, priority=PRIORITY))
    if task.has_dependencies:
        admission = AWAITING  # as a slot of the schedule does
    else:
        admission = standing.admit(task.overlap_policy, Trigger.BACKFILL, limit=task.max_concurrency, take=take)
    row = births.fired(task, admission, slot=slot, due_at=now, cause=cause, trigger=Trigger.BACKFILL, now=now)
    of_request = execution_id(task.id, cause=cause, at=operation.created_at, attempt=1)
    return replace(row, id=of_request, priority=PRIORITY, run_id=of_request if row.run_id else None)


def _stop(connection: psycopg.Connection, operation: LockedOperation, *, now: datetime) -> None:
    """Cancel what waits; once nothing runs any more it has ended."""
    waiting = claims.waiting_of_cause(connection, operation.task_id, **operations.bounds(operation))
    is_aborted = operation.abort_requested_at is not None
    reason = Reason.REQUESTED if is_aborted else Reason.DELETED
    transitions.cancel_waiting(connection, waiting, reason=reason, now=now)
    ended = ("ABORTED", None) if is_aborted else ("FAILED", "The task was deleted.")
    operations.note(connection, operation, now=now, ended=ended)
