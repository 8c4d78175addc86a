"""Ends pauses: what becomes of the slots that fell into one, and where the task goes on."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from scheduler import audit, births, claims, delays, schedules, transitions
from scheduler.engine.firing import Pass
from scheduler.engine.schedules import Schedule
from scheduler.engine.states import Reason, TaskStatus
from scheduler.errors import PartitionMissing
from scheduler.models.choices import AuditVerb
from scheduler.records import DueTask

logger = logging.getLogger(__name__)

# A range that a change ends is counted at once: afterwards only the new definition is there to count by.
COUNTED_AT_ONCE = 10_000

_TICK = timedelta(microseconds=1)


_PAUSED_UNTIL = "SELECT paused_until FROM scheduler_tasks WHERE id = %s"


def resume(connection: psycopg.Connection, task_id: UUID, *, catch_up: bool, now: datetime) -> bool:
    """End the pause now, inside the caller's transaction; False where the task is not paused.

    Its slots up to `now`, or before its own end where that has come, become one SKIPPED row; with `catch_up` they are
    due, and the claim applies the misfire policy to them. Raises InvalidSchedule.
    """
    task = claims.task(connection, task_id)
    if task is None or task.status != TaskStatus.PAUSED:
        return False
    row = connection.execute(_PAUSED_UNTIL, (task_id,)).fetchone()
    until: datetime | None = row[0] if row else None
    before = until if until is not None and until <= now else now + _TICK
    _go_on(connection, task, task.next_slot_for if catch_up else _pass_over(connection, task, before=before, now=now))
    return True


def record(connection: psycopg.Connection, task_id: UUID, *, until: datetime, now: datetime) -> datetime | None:
    """Record a paused task's slots up to `until`, inside the caller's transaction; it stays paused.

    The definition that made them is about to change or to go. Returns the last of them, None where there is none.
    """
    task = claims.task(connection, task_id)
    if task is None or task.status != TaskStatus.PAUSED or task.next_slot_for is None or task.next_slot_for > until:
        return None
    next_slot = _pass_over(connection, task, before=until + _TICK, now=now, counts=True)
    connection.execute("UPDATE scheduler_tasks SET next_slot_for = %s WHERE id = %s", (next_slot, task_id))
    row = connection.execute("SELECT last_slot_for FROM scheduler_tasks WHERE id = %s", (task_id,)).fetchone()
    last: datetime | None = row[0] if row else None
    return last


_IS_OVER = """
SELECT paused_until FROM scheduler_tasks WHERE id = %(id)s AND status = 'PAUSED' AND paused_until <= %(now)s
"""


def end_if_over(connection: psycopg.Connection, task_id: UUID, *, now: datetime) -> None:
    """End the task's pause where its `until` has come, inside the caller's transaction. Idempotent."""
    if connection.execute(_IS_OVER, {"id": task_id, "now": now}).fetchone() is None:
        return
    task = claims.task(connection, task_id)
    # Asked again under the lock: a sweep may have been faster, or somebody may have set another end.
    row = connection.execute(_IS_OVER, {"id": task_id, "now": now}).fetchone()
    if task is not None and row is not None:
        end(connection, task, until=row[0], now=now)


def end(connection: psycopg.Connection, task: DueTask, *, until: datetime, now: datetime) -> None:
    """End a locked task's pause at `until`: slots before it become one SKIPPED row, those after it are the claim's.

    A definition that yields no slots keeps the task paused, without an end and with the reason.
    """
    try:
        _go_on(connection, task, _pass_over(connection, task, before=until, now=now))
        audit.record_standing(connection, [task.id], verb=AuditVerb.RESUME, before=TaskStatus.PAUSED, now=now)
    except (psycopg.Error, PartitionMissing):  # the transaction has failed with it
        raise
    except Exception as error:  # one definition may not keep all others paused
        logger.exception("Task %s cannot be resumed.", task.id)
        reason = f"It cannot be resumed: {error}"
        connection.execute(
            "UPDATE scheduler_tasks SET paused_until = NULL, pause_reason = %s WHERE id = %s", (reason, task.id)
        )


_LAST_SLOT = "UPDATE scheduler_tasks SET last_slot_for = %s WHERE id = %s"


def _pass_over(
    connection: psycopg.Connection, task: DueTask, *, before: datetime, now: datetime, counts: bool = False
) -> datetime | None:
    """Record the slots before `before` as one range row, if there are any, and return the slot after them."""
    first = task.next_slot_for
    if first is None or first >= before:
        return first
    slots = schedules.slots_of(task)
    last = max(slots.latest_at(before - _TICK) or first, first)
    slot_count = _count(schedules.of(task), first, last) if counts else None
    entry = Pass(first, last, Reason.PAUSED)
    row = births.passed(task, entry, due_at=slots.due_at(first), now=now, slot_count=slot_count)
    transitions.record(connection, [row], now=now)
    connection.execute(_LAST_SLOT, (last, task.id))
    return schedules.after_end(task, now) if schedules.is_fixed_delay(task) else slots.next_after(last)


def _count(schedule: Schedule, first: datetime, last: datetime) -> int | None:
    """Return how many slots lie in a range, None where they are so many that the sweep has to count them."""
    count = sum(1 for _ in schedule.between(first, last + _TICK, limit=COUNTED_AT_ONCE + 1))
    return max(count, 2) if count <= COUNTED_AT_ONCE else None


_GO_ON = """
UPDATE scheduler_tasks
SET status = %(status)s, next_slot_for = %(slot)s, next_execution_time = %(shown_at)s, claim_at = %(claim_at)s,
    pause_reason = NULL, paused_until = NULL, failed_slot_count = 0
WHERE id = %(id)s AND status = 'PAUSED'
"""


def _go_on(connection: psycopg.Connection, task: DueTask, next_slot: datetime | None) -> None:
    has_schedule = task.cron_expression is not None or task.interval_seconds is not None or task.run_at is not None
    completed = next_slot is None and has_schedule and not delays.awaits(task)
    connection.execute(
        _GO_ON,
        {
            "id": task.id,
            "slot": next_slot,
            "shown_at": schedules.shown_at(task, next_slot),
            "claim_at": schedules.looked_at(task, next_slot),
            "status": TaskStatus.COMPLETED if completed else TaskStatus.ACTIVE,
        },
    )
