"""Fixed delays: the next slot of a task counts from the end of the one before, in the transaction that ends it."""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg

from scheduler import audit, claims, dayloads, schedules
from scheduler.engine.identity import slot_cause
from scheduler.engine.slots import Place
from scheduler.engine.states import TaskStatus
from scheduler.models.choices import AuditVerb
from scheduler.records import DueTask

logger = logging.getLogger(__name__)


class SlotEnd(NamedTuple):
    """An attempt after which no other follows: of which task, at what, and when it ended."""

    task_id: UUID
    cause: str
    ended_at: datetime


_NEXT = """
UPDATE scheduler_tasks
SET next_slot_for = %(slot)s, next_execution_time = %(shown_at)s, claim_at = %(claim_at)s, status = %(status)s,
    flex_for = %(flex_for)s, flex_ms = %(flex_ms)s, calendar_version = %(calendar_version)s
WHERE id = %(id)s AND next_slot_for IS NULL AND status IN ('ACTIVE', 'PAUSED')
"""


_PAUSE = """
UPDATE scheduler_tasks SET status = 'PAUSED', pause_reason = %(reason)s, paused_until = NULL
WHERE id = %(id)s AND status = 'ACTIVE'
"""


def go_on(connection: psycopg.Connection, ends: Iterable[SlotEnd]) -> None:
    """Set the next slot of the tasks whose last slot these ends belong to; the caller has locked them.

    Runs by hand have another cause, and a retry by hand finds the next slot set: neither moves it. A task whose next
    slot cannot be worked out is paused with the reason, as the claim does it, and ends all the same.
    """
    for end in ends:
        task = claims.task(connection, end.task_id)
        if task is not None and awaits(task) and slot_cause(_last(task)) == end.cause:
            _set_next(connection, task, end.ended_at)


def revive(connection: psycopg.Connection, *, now: datetime, limit: int) -> int:
    """Set the next slot of tasks that wait for an end which nobody will report; return how many.

    A slot whose row was there already (a restored copy, a history that was removed) ends nowhere.
    """
    with connection.transaction():
        tasks = claims.tasks_awaiting_nothing(connection, limit=limit)
        for task in tasks:
            _set_next(connection, task, now)
    return len(tasks)


def awaits(task: DueTask) -> bool:
    """Tell whether a task's next slot depends on the end of its last one."""
    return (
        schedules.is_fixed_delay(task)
        and task.next_slot_for is None
        and task.last_slot_for is not None
        and task.status in (TaskStatus.ACTIVE, TaskStatus.PAUSED)
    )


def _last(task: DueTask) -> datetime:
    assert task.last_slot_for is not None  # noqa: S101 - `awaits` has asked
    return task.last_slot_for


def _set_next(connection: psycopg.Connection, task: DueTask, ended_at: datetime) -> None:
    try:
        slot = schedules.after_end(task, ended_at)
        place = schedules.place(task, slot, loads=dayloads.of(connection, [task]))
    except psycopg.Error:
        raise
    except Exception as error:  # one definition may not hold back what else has ended
        logger.exception("Task %s has no next slot that can be worked out; it is paused.", task.id)
        _pause(connection, task, error, now=ended_at)
        return
    _write(connection, task, slot, place)


def _write(connection: psycopg.Connection, task: DueTask, slot: datetime | None, place: Place) -> None:
    is_active = task.status == TaskStatus.ACTIVE
    connection.execute(
        _NEXT,
        {
            **place._asdict(),
            "id": task.id,
            "slot": slot,
            "shown_at": place.shown_at if is_active else None,
            "claim_at": place.claim_at if is_active else None,
            "status": task.status if slot is not None else TaskStatus.COMPLETED,
            "calendar_version": task.calendar_version,
        },
    )


def _pause(connection: psycopg.Connection, task: DueTask, error: Exception, *, now: datetime) -> None:
    reason = f"Its next slot cannot be worked out: {error}"
    if connection.execute(_PAUSE, {"id": task.id, "reason": reason}).rowcount:
        audit.record_standing(connection, [task.id], verb=AuditVerb.PAUSE, before=TaskStatus.ACTIVE, now=now)
