"""What people ask of an execution: to end, or to be tried again. Inside the caller's transaction."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg

from scheduler import audit, births, claims, overlaps, transitions
from scheduler.engine import sla
from scheduler.engine.admission import Admission
from scheduler.engine.identity import retry_id
from scheduler.engine.states import Status, TaskStatus, Trigger
from scheduler.errors import TaskDeleted
from scheduler.models.choices import AuditVerb
from scheduler.records import Attempt, Done, DueTask, NewExecution, Ready

RETRYABLE = frozenset({Status.FAILED, Status.TIMED_OUT, Status.LOST, Status.CANCELLED})


class Retried(NamedTuple):
    """The new attempt and what to publish; or why there is none."""

    refusal: str
    execution: UUID | None = None
    ready: tuple[Ready, ...] = ()


def cancel(connection: psycopg.Connection, execution_id: UUID, *, reason: str, now: datetime) -> bool:
    """Cancel what waits, ask what runs to end; False where it has ended already."""
    attempt = claims.attempt(connection, execution_id)
    if attempt is None:
        return False
    if attempt.status in (Status.QUEUED, Status.SCHEDULED):
        return bool(transitions.cancel_waiting(connection, [execution_id], reason=reason, now=now))
    if attempt.status != Status.RUNNING:
        return False
    transitions.request_cancel(connection, execution_id, reason=reason, now=now)
    return True


def cancel_all(connection: psycopg.Connection, executions: Sequence[UUID], *, reason: str, now: datetime) -> Done:
    """Cancel what waits and ask what runs to end, many at once; what has ended has no more to cancel."""
    attempts = claims.attempts(connection, executions)
    waiting = [one.id for one in attempts if one.status in (Status.QUEUED, Status.SCHEDULED)]
    running = [one.id for one in attempts if one.status is Status.RUNNING]
    transitions.cancel_waiting(connection, waiting, reason=reason, now=now)
    transitions.request_cancel(connection, *running, reason=reason, now=now)
    audit.record_executions(connection, [*waiting, *running], verb=AuditVerb.CANCEL, now=now)
    return Done([*waiting, *running], _gone(executions, attempts))


def retry_all(connection: psycopg.Connection, executions: Sequence[UUID], *, now: datetime) -> Done:
    """Try many executions again, one after another: each is admitted by what those before it have left open."""
    attempts = claims.attempts(connection, executions)
    # Executions before tasks, and those by id: further down each finds its own locked already.
    claims.lock_tasks(connection, {one.task_id for one in attempts})
    refused = _gone(executions, attempts)
    done: list[UUID] = []
    ready: list[Ready] = []
    for attempt in attempts:
        try:
            retried = retry(connection, attempt.id, now=now)
        except TaskDeleted:
            refused[attempt.id] = str(TaskDeleted.__doc__)
            continue
        if retried.execution is None:
            refused[attempt.id] = retried.refusal
        else:
            done.append(attempt.id)
            ready += retried.ready
    audit.record_executions(connection, done, verb=AuditVerb.RETRY, now=now)
    return Done(done, refused, ready)


def _gone(executions: Sequence[UUID], attempts: Sequence[Attempt]) -> dict[UUID, str]:
    return dict.fromkeys(set(executions) - {one.id for one in attempts}, "There is no such execution.")


def retry(connection: psycopg.Connection, execution_id: UUID, *, now: datetime) -> Retried:
    """Record the next attempt at the execution's slot, whatever maxRetryCount says; overlapPolicy may hold it.

    Raises TaskDeleted.
    """
    attempt = claims.attempt(connection, execution_id)
    if attempt is None or attempt.status not in RETRYABLE:
        status = attempt.status if attempt else "gone"
        return Retried(f"It is {status}; only {', '.join(sorted(RETRYABLE))} can be tried again.")
    task = claims.task(connection, attempt.task_id)
    if task is None or task.status == TaskStatus.DELETED:
        raise TaskDeleted
    admission = overlaps.admit(connection, task, Trigger.RETRY, now=now)
    if admission.status is Status.SKIPPED:
        return Retried("Another execution of the task is open, and its overlapPolicy lets none run beside it.")
    row = _next(task, attempt, admission, now=now)
    if not transitions.record(connection, [row], now=now):
        return Retried("It has been tried again already: there is a newer attempt.")
    overlaps.count(connection, task, row, admission, now=now)
    return Retried("", row.id, tuple(births.ready([row])))


def _next(task: DueTask, attempt: Attempt, admission: Admission, *, now: datetime) -> NewExecution:
    """Return the next attempt: by today's definition, with what the execution itself was given."""
    row = births.fired(
        task, admission, slot=attempt.scheduled_for, due_at=now, cause=attempt.cause, trigger=Trigger.RETRY, now=now
    )
    number = attempt.attempt + 1
    return replace(
        row,
        id=retry_id(attempt.id, task_id=task.id, cause=attempt.cause, attempt=number),
        attempt=number,
        due_at=attempt.due_at,
        task_data=attempt.task_data,
        run_id=attempt.run_id,
        sla=sla.of_retry(json.loads(attempt.sla)) if attempt.sla is not None else None,
    )
