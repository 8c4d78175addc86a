"""Reschedule: next slots worked out anew after the rules of their calendar have changed, in bounded batches."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import psycopg

from scheduler import births, claims, dayloads, schedules, transitions
from scheduler.engine.firing import Pass
from scheduler.engine.flex import DayLoad
from scheduler.engine.slots import Place, Slots
from scheduler.engine.states import Reason, TaskStatus
from scheduler.records import DueTask, NewExecution

logger = logging.getLogger(__name__)

BATCH = 500

_TICK = timedelta(microseconds=1)

_RESCHEDULE = """
UPDATE scheduler_tasks t
SET next_slot_for = u.next_slot, next_execution_time = u.shown_at, claim_at = u.claim_at, status = u.status,
    flex_for = u.flex_for, flex_ms = u.flex_ms, last_slot_for = coalesce(u.last_slot, t.last_slot_for),
    calendar_version = u.calendar_version
FROM unnest(
    %s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::int[], %s::text[],
    %s::timestamptz[], %s::int[]
) AS u (id, next_slot, claim_at, shown_at, flex_for, flex_ms, status, last_slot, calendar_version)
WHERE t.id = u.id
"""


class Waiting(schedules.Timed, Protocol):
    """What is read of a task that waits for its next slot."""

    @property
    def last_slot_for(self) -> datetime | None: ...
    @property
    def claim_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class _Move:
    """Where a task goes on; `closed` are slots that have passed while they were closed and nobody has recorded."""

    task: DueTask
    slot: datetime | None
    place: Place
    status: str
    closed: Pass | None = None


def reschedule(connection: psycopg.Connection, *, now: datetime) -> int:
    """Move a batch of tasks on by today's rules of their calendars; return how many, fewer than BATCH at the end.

    As at an edit, the next slot is the first one after `now` and after the last slot recorded. A task that is due is
    left to the claim, which reads today's rules itself. If the process dies, another goes on: what is to be done is
    told by the versions. Raises PartitionMissing.
    """
    with connection.transaction():
        tasks = claims.tasks_by_old_rules(connection, now=now, limit=BATCH)
        loads = dayloads.of(connection, tasks)
        moves = [_move(task, loads, now=now) for task in tasks]
        if moves:
            rows = [_closed_row(move.task, move.closed, now=now) for move in moves if move.closed is not None]
            transitions.record(connection, rows, now=now)
            connection.execute(_RESCHEDULE, _columns(moves))
    return len(tasks)


def moved(task: Waiting, *, now: datetime) -> tuple[Pass | None, datetime | None]:
    """Return where a task goes on that does not wait for the claim, and what it leaves behind on the way.

    A slot that its old rules close is recorded with those that follow, a day later at most, so it may have passed. What
    was closed when it came does not run because the rules change afterwards: it is left behind as closed.
    """
    slots, slot = schedules.slots_of(task), task.next_slot_for
    if slot is None:
        return None, None
    closed = _closed(task, slots, slot, now=now)
    if schedules.is_fixed_delay(task):
        return closed, slot if closed is None else schedules.after_end(task, now)
    if closed is None and slot <= now:
        return None, slot
    if closed is not None:
        return closed, slots.next_after(closed.until)
    # Where nothing is left after now the slot that was announced stays: a runAt moves back into the past otherwise.
    return None, slots.next_after(max(now, task.last_slot_for or now)) or slot


def _closed(task: Waiting, slots: Slots, slot: datetime, *, now: datetime) -> Pass | None:
    """Return the slots up to now that the claim would have looked at later, for they were all closed."""
    if task.claim_at is None or not slots.due_at(slot) <= now < task.claim_at:
        return None
    last = slots.latest_due_before(now + _TICK)
    return Pass(slot, max(last or slot, slot), Reason.CALENDAR)


def _move(task: DueTask, loads: Mapping[str, DayLoad], *, now: datetime) -> _Move:
    is_active = task.status == TaskStatus.ACTIVE
    if (not is_active and task.status != TaskStatus.PAUSED) or task.next_slot_for is None:
        return _Move(task, task.next_slot_for, _kept(task), task.status)
    try:
        closed, slot = moved(task, now=now)
        if not is_active:
            return _Move(task, slot, _kept(task), task.status)
        place = schedules.place(task, slot, loads=loads)
    except Exception:  # its next claim pauses it, with the reason
        logger.exception("Task %s cannot be rescheduled.", task.id)
        return _Move(task, task.next_slot_for, _kept(task, task.next_slot_for if is_active else None), task.status)
    return _Move(task, slot, place, TaskStatus.ACTIVE if slot else TaskStatus.COMPLETED, closed)


def _kept(task: DueTask, claim_at: datetime | None = None) -> Place:
    """Return the place of a task that is not due anywhere, with the flex that has been decided."""
    return Place(claim_at, None, task.flex_for, task.flex_ms)


def _closed_row(task: DueTask, closed: Pass, *, now: datetime) -> NewExecution:
    return births.passed(task, closed, due_at=schedules.slots_of(task).due_at(closed.slot), now=now)


def _columns(moves: list[_Move]) -> list[list[object]]:
    return [
        [move.task.id for move in moves],
        [move.slot for move in moves],
        [move.place.claim_at for move in moves],
        [move.place.shown_at for move in moves],
        [move.place.flex_for for move in moves],
        [move.place.flex_ms for move in moves],
        [move.status for move in moves],
        [move.closed.until if move.closed else None for move in moves],
        [move.task.calendar_version for move in moves],
    ]
