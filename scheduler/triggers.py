"""Triggers: turns what somebody asks for into executions, whatever schedule, calendar and pause say."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import chain
from uuid import UUID

import psycopg

from scheduler import births, claims, overlaps, permits, transitions
from scheduler.engine.admission import Admission, Standing
from scheduler.engine.states import TaskStatus, Trigger
from scheduler.errors import TaskDeleted, TaskNotFound
from scheduler.permits import Permits
from scheduler.records import DueTask, NewExecution, Ready


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
    standings = overlaps.standings(connection, tasks)
    limits = permits.lock(connection, set(chain.from_iterable(map(overlaps.keys_of, tasks))), now=now)
    admitted = [(task, _admit(task, standings.get(task.id, Standing()), limits)) for task in tasks]
    rows = [replace(_by_hand(task, admission, request, now=now), task_data=task_data) for task, admission in admitted]
    inserted = transitions.record(connection, rows, now=now)
    new = [(task, row, admission) for (task, admission), row in zip(admitted, rows, strict=True) if row.id in inserted]
    overlaps.count_all(connection, new, now=now)
    return rows, births.ready([row for _, row, _ in new])


def _admit(task: DueTask, standing: Standing, limits: Permits) -> Admission:
    take = partial(limits.take, overlaps.keys_of(task))
    return standing.admit(task.overlap_policy, Trigger.MANUAL, limit=task.max_concurrency, take=take)


def _by_hand(task: DueTask, admission: Admission, request: UUID, *, now: datetime) -> NewExecution:
    cause = f"manual:{request}"
    return births.fired(task, admission, slot=now, due_at=now, cause=cause, trigger=Trigger.MANUAL, now=now)
