"""Ends pauses: what becomes of the slots that fell into one, and where the task goes on."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from scheduler import audit, births, claims, dayloads, delays, schedules, transitions
from scheduler.engine.calendars import InvalidCalendar
from scheduler.engine.firing import Pass
from scheduler.engine.flex import DayLoad
from scheduler.engine.schedules import InvalidSchedule, Schedule
from scheduler.engine.slots import Place
from scheduler.engine.states import Reason, TaskStatus
from scheduler.models.choices import AuditVerb
from scheduler.records import DueTask, NewExecution

logger = logging.getLogger(__name__)

# A range that a change ends is counted at once: afterwards only the new definition is there to count by.
COUNTED_AT_ONCE = 10_000

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class _Passed:
    """Where a paused task goes on, and the row of the slots that it leaves behind, if there are any."""

    task: DueTask
    next_slot: datetime | None
    row: NewExecution | None = None

    @property
    def last_slot(self) -> datetime | None:
        return self.row.scheduled_until if self.row is not None else None


@dataclass(frozen=True, slots=True)
class _Resumed:
    """A task whose pause has ended, as it fires from now on."""

    passed: _Passed
    status: TaskStatus
    place: Place


_PAUSED_UNTIL = "SELECT id, paused_until FROM scheduler_tasks WHERE id = ANY(%s)"


def resume(
    connection: psycopg.Connection, task_ids: Collection[UUID], *, catch_up: bool, now: datetime
) -> dict[UUID, Exception | None]:
    """End the pauses now, inside the caller's transaction; those that are not paused are not in the answer.

    Slots up to `now`, or before the pause's own end where that has come, become one SKIPPED row; with `catch_up` they
    are due, and the claim applies the misfire policy to them. A task whose slots cannot be worked out stays as it is,
    and the answer holds why.
    """
    paused = [task for task in claims.tasks(connection, task_ids) if task.status == TaskStatus.PAUSED]
    ends: dict[UUID, datetime | None] = dict(
        connection.execute(_PAUSED_UNTIL, ([task.id for task in paused],)).fetchall()
    )
    loads = dayloads.of(connection, paused)
    outcomes: dict[UUID, Exception | None] = {}
    resumed: list[_Resumed] = []
    for task in paused:
        until = ends[task.id]
        before = until if until is not None and until <= now else now + _TICK
        try:
            resumed.append(_resumed(task, loads, before=None if catch_up else before, now=now))
            outcomes[task.id] = None
        except Exception as error:  # noqa: BLE001 - told to whoever asked: one definition holds up no other
            outcomes[task.id] = error
    _go_on(connection, resumed, now=now)
    return outcomes


def record(
    connection: psycopg.Connection, task_ids: Collection[UUID], *, until: datetime, now: datetime
) -> dict[UUID, datetime]:
    """Record the paused ones' slots up to `until`, inside the caller's transaction; they stay paused.

    The definitions that made them are about to change or to go. Returns the last slot of each that had any.
    """
    passed = [
        _passed(task, before=until + _TICK, now=now, counts=True)
        for task in claims.tasks(connection, task_ids)
        if task.status == TaskStatus.PAUSED and last_slot_of(task, until=until) is not None
    ]
    _write(connection, passed, now=now)
    return {one.task.id: one.last_slot for one in passed if one.last_slot is not None}


def last_slot_of(task: schedules.Timed, *, until: datetime) -> datetime | None:
    """Return the last slot up to `until` of a paused task that nobody has recorded; None where it has none.

    Nor has one whose stored definition yields no slots any more.
    """
    first = task.next_slot_for
    if first is None or first > until:
        return None
    try:
        return max(schedules.slots_of(task).latest_at(until) or first, first)
    except (InvalidSchedule, InvalidCalendar):
        logger.exception("The slots of task %s cannot be worked out: those of its pause are not recorded.", task.id)
        return None


_ARE_OVER = """
SELECT id, paused_until FROM scheduler_tasks
WHERE id = ANY(%(ids)s::uuid[]) AND status = 'PAUSED' AND paused_until <= %(now)s
"""


def end_if_over(connection: psycopg.Connection, task_ids: Collection[UUID], *, now: datetime) -> None:
    """End those pauses whose `until` has come, inside the caller's transaction. Idempotent."""
    over = connection.execute(_ARE_OVER, {"ids": list(task_ids), "now": now}).fetchall()
    if not over:
        return
    tasks = claims.tasks(connection, [task_id for task_id, _ in over])
    # Asked again under the locks: a sweep may have been faster, or somebody may have set another end.
    ends: dict[UUID, datetime] = dict(
        connection.execute(_ARE_OVER, {"ids": [task.id for task in tasks], "now": now}).fetchall()
    )
    end(connection, [(task, ends[task.id]) for task in tasks if task.id in ends], now=now)


def end(connection: psycopg.Connection, ended: Sequence[tuple[DueTask, datetime]], *, now: datetime) -> None:
    """End locked tasks' pauses, each at its instant: slots before it become one SKIPPED row, later ones are claimed.

    A definition that yields no slots keeps its task paused, without an end and with the reason.
    """
    loads = dayloads.of(connection, (task for task, _ in ended))
    resumed: list[_Resumed] = []
    for task, until in ended:
        try:
            resumed.append(_resumed(task, loads, before=until, now=now))
        except Exception as error:  # one definition may not keep all others paused
            logger.exception("Task %s cannot be resumed.", task.id)
            _stay(connection, task, error)
    _go_on(connection, resumed, now=now)
    ids = [one.passed.task.id for one in resumed]
    audit.record_standing(connection, ids, verb=AuditVerb.RESUME, before=TaskStatus.PAUSED, now=now)


def _stay(connection: psycopg.Connection, task: DueTask, error: Exception) -> None:
    reason = f"It cannot be resumed: {error}"
    connection.execute(
        "UPDATE scheduler_tasks SET paused_until = NULL, pause_reason = %s WHERE id = %s", (reason, task.id)
    )


def _passed(task: DueTask, *, before: datetime, now: datetime, counts: bool = False) -> _Passed:
    """Work out the range row of the slots before `before`, if there are any, and the slot after them."""
    first = task.next_slot_for
    if first is None or first >= before:
        return _Passed(task, first)
    slots = schedules.slots_of(task)
    last = max(slots.latest_at(before - _TICK) or first, first)
    slot_count = _count(schedules.of(task), first, last) if counts else None
    entry = Pass(first, last, Reason.PAUSED)
    row = births.passed(task, entry, due_at=slots.due_at(first), now=now, slot_count=slot_count)
    next_slot = schedules.after_end(task, now) if schedules.is_fixed_delay(task) else slots.next_after(last)
    return _Passed(task, next_slot, row)


def _count(schedule: Schedule, first: datetime, last: datetime) -> int | None:
    """Return how many slots lie in a range, None where they are so many that the sweep has to count them."""
    count = sum(1 for _ in schedule.between(first, last + _TICK, limit=COUNTED_AT_ONCE + 1))
    return max(count, 2) if count <= COUNTED_AT_ONCE else None


_LEAVE_BEHIND = """
UPDATE scheduler_tasks t SET next_slot_for = u.next_slot, last_slot_for = coalesce(u.last_slot, t.last_slot_for)
FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[]) AS u (id, next_slot, last_slot)
WHERE t.id = u.id
"""


def _write(connection: psycopg.Connection, passed: Sequence[_Passed], *, now: datetime) -> None:
    if not passed:
        return
    transitions.record(connection, [one.row for one in passed if one.row is not None], now=now)
    columns = zip(*((one.task.id, one.next_slot, one.last_slot) for one in passed), strict=True)
    connection.execute(_LEAVE_BEHIND, [list(column) for column in columns])


_GO_ON = """
UPDATE scheduler_tasks t
SET status = u.status, next_execution_time = u.shown_at, claim_at = u.claim_at,
    flex_for = u.flex_for, flex_ms = u.flex_ms, pause_reason = NULL, paused_until = NULL, failed_slot_count = 0
FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::int[])
    AS u (id, status, claim_at, shown_at, flex_for, flex_ms)
WHERE t.id = u.id AND t.status = 'PAUSED'
"""


def _go_on(connection: psycopg.Connection, resumed: Sequence[_Resumed], *, now: datetime) -> None:
    if not resumed:
        return
    _write(connection, [one.passed for one in resumed], now=now)
    columns = zip(*((one.passed.task.id, one.status, *one.place) for one in resumed), strict=True)
    connection.execute(_GO_ON, [list(column) for column in columns])


def _resumed(task: DueTask, loads: Mapping[str, DayLoad], *, before: datetime | None, now: datetime) -> _Resumed:
    """Work out how a task goes on; without `before` its slots up to now are due."""
    passed = _Passed(task, task.next_slot_for) if before is None else _passed(task, before=before, now=now)
    next_slot = passed.next_slot
    has_schedule = task.cron_expression is not None or task.interval_seconds is not None or task.run_at is not None
    completed = next_slot is None and has_schedule and not delays.awaits(task)
    return _Resumed(
        passed,
        TaskStatus.COMPLETED if completed else TaskStatus.ACTIVE,
        schedules.place(task, next_slot, loads=loads),
    )
