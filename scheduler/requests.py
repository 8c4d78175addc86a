"""What people ask of an execution: to end, or to be tried again. Inside the caller's transaction."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg

from scheduler import births, claims, followups, transitions
from scheduler.engine.admission import ADMITTED, admit
from scheduler.engine.identity import retry_id
from scheduler.engine.states import Status, TaskStatus, Trigger
from scheduler.errors import TaskDeleted
from scheduler.records import Attempt, DueTask, NewExecution, Ready

CANCEL_CHANNEL = "execution_cancel"
RETRYABLE = frozenset({Status.FAILED, Status.TIMED_OUT, Status.LOST, Status.CANCELLED})


class Retried(NamedTuple):
    """The new attempt and what to publish; or why there is none."""

    refusal: str
    execution: UUID | None = None
    ready: tuple[Ready, ...] = ()


def cancel(connection: psycopg.Connection, execution_id: UUID, *, reason: str, now: datetime) -> bool:
    """Cancel what waits, ask what runs to end; False where it has ended already.

    The worker hears of it when the caller commits, by NOTIFY, and again with each renewal of the lease.
    """
    attempt = claims.attempt(connection, execution_id)
    if attempt is None:
        return False
    if attempt.status in (Status.QUEUED, Status.SCHEDULED):
        return bool(transitions.cancel_waiting(connection, [execution_id], reason=reason, now=now))
    if attempt.status != Status.RUNNING:
        return False
    transitions.request_cancel(connection, execution_id, reason=reason, now=now)
    connection.execute("SELECT pg_notify(%s, %s)", (CANCEL_CHANNEL, str(execution_id)))
    return True


def retry(connection: psycopg.Connection, execution_id: UUID, *, now: datetime) -> Retried:
    """Record the next attempt at the execution's slot, whatever maxRetryCount says; it is QUEUED at once.

    Raises TaskDeleted.
    """
    attempt = claims.attempt(connection, execution_id)
    if attempt is None or attempt.status not in RETRYABLE:
        status = attempt.status if attempt else "gone"
        return Retried(f"It is {status}; only {', '.join(sorted(RETRYABLE))} can be tried again.")
    task = claims.task(connection, attempt.task_id)
    if task is None or task.status == TaskStatus.DELETED:
        raise TaskDeleted
    if admit(overlap_policy=task.overlap_policy, open_count=task.open_count) != ADMITTED:
        return Retried("Another execution of the task is open, and its overlapPolicy lets none run beside it.")
    row = _next(task, attempt)
    if not transitions.record(connection, [row], now=now):
        return Retried("It has been tried again already: there is a newer attempt.")
    followups.count_opened(connection, task.id)
    return Retried("", row.id, (Ready(row.id, row.queue, row.priority, row.timeout_seconds),))


def _next(task: DueTask, attempt: Attempt) -> NewExecution:
    """Return the next attempt: by today's definition, with what the execution itself was given."""
    row = births.fired(task, slot=attempt.scheduled_for, cause=attempt.cause, trigger=Trigger.RETRY, open_count=0)
    number = attempt.attempt + 1
    return replace(
        row,
        id=retry_id(attempt.id, task_id=task.id, cause=attempt.cause, attempt=number),
        attempt=number,
        due_at=attempt.due_at,
        task_data=attempt.task_data,
        run_id=attempt.run_id,
    )
