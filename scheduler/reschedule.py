"""Reschedule: next slots worked out anew after the rules of their calendar have changed, in bounded batches."""

import logging
from datetime import datetime

import psycopg

from scheduler import claims, schedules
from scheduler.engine.states import TaskStatus
from scheduler.records import DueTask

logger = logging.getLogger(__name__)

BATCH = 500

_RESCHEDULE = """
UPDATE scheduler_tasks t
SET next_slot_for = u.next_slot, next_execution_time = u.shown_at, claim_at = u.claim_at, status = u.status,
    calendar_version = u.calendar_version
FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::int[])
    AS u (id, next_slot, shown_at, claim_at, status, calendar_version)
WHERE t.id = u.id
"""

_Row = tuple[object, datetime | None, datetime | None, datetime | None, str, int | None]


def reschedule(connection: psycopg.Connection, *, now: datetime) -> int:
    """Move a batch of tasks on by today's rules of their calendars; return how many, fewer than BATCH at the end.

    As at an edit, the next slot is the first one after `now` and after the last slot recorded. A task that is due is
    left to the claim, which reads today's rules itself. If the process dies, another goes on: what is to be done is
    told by the versions.
    """
    with connection.transaction():
        tasks = claims.tasks_by_old_rules(connection, now=now, limit=BATCH)
        if tasks:
            rows = [_row(task, now=now) for task in tasks]
            connection.execute(_RESCHEDULE, [list(column) for column in zip(*rows, strict=True)])
    return len(tasks)


def _row(task: DueTask, *, now: datetime) -> _Row:
    if task.status not in (TaskStatus.ACTIVE, TaskStatus.PAUSED) or task.next_slot_for is None:
        return (task.id, task.next_slot_for, None, None, task.status, task.calendar_version)
    try:
        return _moved(task, now=now)
    except Exception:  # its next claim pauses it, with the reason
        logger.exception("Task %s cannot be rescheduled.", task.id)
        return (task.id, task.next_slot_for, None, task.next_slot_for, task.status, task.calendar_version)


def _moved(task: DueTask, *, now: datetime) -> _Row:
    slots, slot = schedules.slots_of(task), task.next_slot_for
    if not schedules.is_fixed_delay(task) and slot is not None and slot > now:
        slot = slots.next_after(max(now, task.last_slot_for or now))
    if task.status == TaskStatus.PAUSED:
        return (task.id, slot, None, None, task.status, task.calendar_version)
    status = TaskStatus.ACTIVE if slot is not None else TaskStatus.COMPLETED
    shown_at, claim_at = schedules.shown_at(task, slot), schedules.looked_at(task, slot)
    return (task.id, slot, shown_at, claim_at, status, task.calendar_version)
