"""Triggers: turns what somebody asks for, and events, into executions, whatever schedule and calendar say."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from uuid import UUID

import psycopg

from scheduler import births, claims, overlaps, permits, transitions
from scheduler.engine.admission import AWAITING, Admission, Standing
from scheduler.engine.identity import event_cause
from scheduler.engine.states import Reason, Status, TaskStatus, Trigger
from scheduler.errors import TaskDeleted, TaskNotFound
from scheduler.permits import Permits
from scheduler.records import DueTask, NewExecution, Ready
from scheduler.requested import LockedEvent

_PAUSED = Admission(Status.SKIPPED, Reason.PAUSED)


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
        rows, ready = trigger_all(connection, [task], request=request, task_data=task_data, now=now)
    return rows[0].id, ready


def trigger_all(
    connection: psycopg.Connection, tasks: Sequence[DueTask], *, request: UUID, task_data: str | None, now: datetime
) -> tuple[list[NewExecution], list[Ready]]:
    """Record an execution of each of these locked tasks, in the caller's transaction; return them, and what to publish.

    Those that overlap may not let run are SKIPPED, each with its reason.
    """
    admitted = _admitted(connection, tasks, Trigger.MANUAL, now=now)
    rows = [replace(_by_hand(task, admission, request, now=now), task_data=task_data) for task, admission in admitted]
    return rows, _record(connection, admitted, rows, now=now)


def start_all(
    connection: psycopg.Connection, tasks: Sequence[DueTask], event: LockedEvent, *, now: datetime
) -> tuple[list[NewExecution], list[Ready]]:
    """Record an execution of each of these locked tasks that the event starts, as `trigger_all` does.

    A task that has one of this event already gets no other. One that is paused leaves it out, one with dependencies
    waits for them, as either does with a slot.
    """
    going = [task for task in tasks if task.status != TaskStatus.PAUSED and not task.has_dependencies]
    admissions = {task.id: admission for task, admission in _admitted(connection, going, Trigger.EVENT, now=now)}
    admitted = [(task, admissions.get(task.id) or _without_asking(task)) for task in tasks]
    rows = [_by_event(task, admission, event, now=now) for task, admission in admitted]
    return rows, _record(connection, admitted, rows, now=now)


def _without_asking(task: DueTask) -> Admission:
    return _PAUSED if task.status == TaskStatus.PAUSED else AWAITING


def _admitted(
    connection: psycopg.Connection, tasks: Sequence[DueTask], trigger: Trigger, *, now: datetime
) -> list[tuple[DueTask, Admission]]:
    standings = overlaps.standings(connection, tasks)
    limits = permits.lock(connection, set(chain.from_iterable(map(overlaps.keys_of, tasks))), now=now)
    return [(task, _admit(task, standings.get(task.id, Standing()), limits, trigger)) for task in tasks]


def _admit(task: DueTask, standing: Standing, limits: Permits, trigger: Trigger) -> Admission:
    take = overlaps.taking(limits, task)
    return standing.admit(task.overlap_policy, trigger, limit=task.max_concurrency, take=take)


def _record(
    connection: psycopg.Connection,
    admitted: Sequence[tuple[DueTask, Admission]],
    rows: Sequence[NewExecution],
    *,
    now: datetime,
) -> list[Ready]:
    """Insert the rows, one of each task, and count those that are new; return what to publish."""
    inserted = transitions.record(connection, rows, now=now)
    new = [(task, row, admission) for (task, admission), row in zip(admitted, rows, strict=True) if row.id in inserted]
    overlaps.count_all(connection, [one for one in new if births.makes_busy(one[1])], now=now)
    return births.ready([row for _, row, _ in new])


def _by_hand(task: DueTask, admission: Admission, request: UUID, *, now: datetime) -> NewExecution:
    cause = f"manual:{request}"
    return births.fired(task, admission, slot=now, due_at=now, cause=cause, trigger=Trigger.MANUAL, now=now)


def _by_event(task: DueTask, admission: Admission, event: LockedEvent, *, now: datetime) -> NewExecution:
    at, cause = event.received_at, event_cause(event.id)
    return births.fired(task, admission, slot=at, due_at=at, cause=cause, trigger=Trigger.EVENT, now=now)
