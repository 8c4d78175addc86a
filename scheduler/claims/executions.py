"""Executions: those that wait, run out, are to be published, or that somebody asks something of."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from scheduler.engine.identity import lower_bound
from scheduler.engine.states import Status
from scheduler.records import Attempt, Promising, Ready

RECENT = timedelta(days=8)
# The least id that an execution can have: a look in all partitions.
EVERYWHERE = UUID(int=0)


_ATTEMPT = """
SELECT id, task_id, status, attempt, cause, scheduled_for, due_at, task_data, run_id, sla::text
FROM task_execution_history WHERE id = %s FOR UPDATE
"""


def attempt(connection: psycopg.Connection, execution: UUID) -> Attempt | None:
    """Lock one execution, waiting for whoever starts or ends it; None where there is none."""
    row = connection.execute(_ATTEMPT, (execution,)).fetchone()
    return Attempt(row[0], row[1], Status(row[2]), *row[3:]) if row else None


_ATTEMPTS = """
SELECT id, task_id, status, attempt, cause, scheduled_for, due_at, task_data, run_id, sla::text
FROM task_execution_history
WHERE id = ANY(%(ids)s::uuid[]) AND id BETWEEN %(low)s AND %(high)s ORDER BY id FOR UPDATE
"""


def attempts(connection: psycopg.Connection, executions: Collection[UUID]) -> list[Attempt]:
    """Lock executions in order of id, waiting for whoever starts or ends them; those that are gone are left out."""
    parameters = {"ids": list(executions), "low": min(executions), "high": max(executions)}
    rows = connection.execute(_ATTEMPTS, parameters)
    return [Attempt(row[0], row[1], Status(row[2]), *row[3:]) for row in rows]


_EXPIRED = """
SELECT h.id, h.fence, h.node_id, h.lease_expires_at FROM task_execution_history h
WHERE h.status = 'RUNNING' AND h.lease_expires_at < %(now)s AND h.id >= %(low)s
ORDER BY h.lease_expires_at, h.id LIMIT %(limit)s
FOR UPDATE OF h SKIP LOCKED
"""


def expired_executions(
    connection: psycopg.Connection, *, now: datetime, low: UUID, limit: int
) -> list[tuple[UUID, int, str, datetime]]:
    """Lock up to `limit` RUNNING rows whose lease has run out: (id, fence, node, when it ran out)."""
    return connection.execute(_EXPIRED, {"now": now, "low": low, "limit": limit}).fetchall()


_WAITING = """
SELECT h.id FROM task_execution_history h
WHERE h.task_id = ANY(%(task_ids)s) AND h.status IN ('QUEUED', 'SCHEDULED')
FOR UPDATE SKIP LOCKED
"""


def waiting_executions(connection: psycopg.Connection, task_ids: Sequence[UUID]) -> list[UUID]:
    """Lock what the tasks have QUEUED or SCHEDULED; a row that is being started or released is skipped."""
    return [row[0] for row in connection.execute(_WAITING, {"task_ids": list(task_ids)})]


_WAITING_OF_CAUSE = """
SELECT h.id FROM task_execution_history h
WHERE h.task_id = %(task_id)s AND h.status IN ('QUEUED', 'SCHEDULED') AND h.id >= %(low)s AND h.id < %(high)s
    AND starts_with(h.cause, %(cause)s)
FOR UPDATE SKIP LOCKED
"""


def waiting_of_cause(connection: psycopg.Connection, task_id: UUID, *, cause: str, low: UUID, high: UUID) -> list[UUID]:
    """Lock what a task has QUEUED or SCHEDULED, low <= id < high, whose cause begins so; what moves is skipped."""
    parameters = {"task_id": task_id, "cause": cause, "low": low, "high": high}
    return [row[0] for row in connection.execute(_WAITING_OF_CAUSE, parameters)]


_UNPUBLISHED = """
SELECT h.id, h.queue, h.priority, h.timeout_seconds FROM task_execution_history h
WHERE h.status = 'QUEUED' AND h.published_at IS NULL AND h.queued_at <= %(before)s AND h.id >= %(low)s
ORDER BY h.id LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
"""


def unpublished_executions(connection: psycopg.Connection, *, before: datetime, low: UUID, limit: int) -> list[Ready]:
    """Lock up to `limit` QUEUED rows that were queued at or before `before` and never published."""
    parameters = {"before": before, "low": low, "limit": limit}
    return [Ready(*row) for row in connection.execute(_UNPUBLISHED, parameters)]


_BATCHES = """
SELECT id, executions FROM scheduler_batches WHERE claimed_at < %(before)s
ORDER BY claimed_at LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
"""


def batches(connection: psycopg.Connection, *, before: datetime, limit: int) -> list[tuple[UUID, list[UUID]]]:
    """Lock up to `limit` batches claimed before `before`, with their executions."""
    return connection.execute(_BATCHES, {"before": before, "limit": limit}).fetchall()


_PUBLISHED = """
SELECT h.id FROM task_execution_history h
WHERE h.status = 'QUEUED' AND h.published_at < %(before)s
ORDER BY h.published_at, h.id LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
"""


def published_executions(connection: psycopg.Connection, *, before: datetime, limit: int) -> list[UUID]:
    """Lock up to `limit` QUEUED rows that were published before `before`."""
    return [row[0] for row in connection.execute(_PUBLISHED, {"before": before, "limit": limit})]


_STALE = """
WITH begun AS MATERIALIZED (
    SELECT priority, max(published_at) AS published_at FROM task_execution_history
    WHERE status = 'RUNNING' AND queue = %(queue)s GROUP BY priority
)
SELECT h.id FROM task_execution_history h LEFT JOIN begun b ON b.priority = h.priority
WHERE h.status = 'QUEUED' AND h.queue = %(queue)s AND h.published_at < greatest(%(now)s - %(first)s, %(left)s)
    AND (
        h.published_at < %(left)s
        OR h.published_at + least(%(first)s * power(2, least(h.publish_count - 1, 20)), %(longest)s) < %(now)s
    )
    AND (%(is_short)s OR h.published_at < b.published_at - %(overtaking)s)
ORDER BY h.published_at, h.id LIMIT %(limit)s
FOR UPDATE OF h SKIP LOCKED
"""
# Schedulers that publish at the same time stamp and send in different orders.
_OVERTAKING = timedelta(seconds=10)


def stale_executions(
    connection: psycopg.Connection,
    queue: str,
    *,
    now: datetime,
    first: timedelta,
    longest: timedelta,
    left: datetime | None,
    is_short: bool,
    limit: int,
) -> list[UUID]:
    """Lock up to `limit` QUEUED rows of `queue` published longer ago than `first`, doubled with each publishing.

    And those published before `left`, when a worker of the queue ended: it may have had their messages. Where the
    queue is not short, only those that have been overtaken: what runs was published after them at their priority.
    """
    parameters: dict[str, Any] = {"queue": queue, "now": now, "first": first, "longest": longest, "limit": limit}
    parameters |= {"left": left, "is_short": is_short, "overtaking": _OVERTAKING}
    return [row[0] for row in connection.execute(_STALE, parameters)]


_READY = """
SELECT h.id, h.queue, h.priority, h.timeout_seconds FROM task_execution_history h
WHERE h.id = ANY(%(ids)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s ORDER BY h.id
"""


def ready(connection: psycopg.Connection, executions: Collection[UUID]) -> list[Ready]:
    """Return what is to be published of executions that have just become QUEUED."""
    if not executions:
        return []
    parameters = {"ids": list(executions), "low": min(executions), "high": max(executions)}
    return [Ready(*row) for row in connection.execute(_READY, parameters)]


def recent(now: datetime) -> UUID:
    """Return the id bound of the last eight days, in which open rows are looked for at every tick."""
    return lower_bound(now - RECENT)


_PROMISING = """
SELECT sla::text, status, id, task_id, namespace, cause, attempt, trigger, reason, scheduled_for, due_at, start_time,
    end_time, slot_count
FROM task_execution_history
WHERE sla_look_at <= %(now)s AND id >= %(low)s
ORDER BY sla_look_at, id LIMIT %(limit)s
FOR NO KEY UPDATE SKIP LOCKED
"""


def promising(connection: psycopg.Connection, *, now: datetime, low: UUID, limit: int) -> list[Promising]:
    """Lock up to `limit` executions under an SLA that are to be looked at; what is on the move is skipped."""
    rows = connection.execute(_PROMISING, {"now": now, "low": low, "limit": limit})
    return [Promising(json.loads(row[0]), Status(row[1]), *row[2:]) for row in rows]
