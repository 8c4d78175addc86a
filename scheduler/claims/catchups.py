"""Catch-ups: the operations, and what they hold."""

import json
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import psycopg

from scheduler.claims.holds import KEYS
from scheduler.engine.states import Trigger
from scheduler.lookups import task_of
from scheduler.records import Awaiting
from scheduler.requested import LockedCatchUp

# Not FOR UPDATE: a claim that adds to it meanwhile holds a key share lock.
_OPERATION = """
SELECT id, arguments::text, status, position, done_count, skipped_count, created_at, abort_requested_at
FROM scheduler_operations
WHERE id = %s AND kind = 'CATCH_UP' AND status IN ('PENDING', 'RUNNING', 'HELD') FOR NO KEY UPDATE
"""


def catchup(connection: psycopg.Connection, operation_id: UUID, *, waits: bool = False) -> LockedCatchUp | None:
    """Lock one catch-up; None where it has ended, or another holds it and this one does not wait."""
    row = connection.execute(_OPERATION + ("" if waits else " SKIP LOCKED"), (operation_id,)).fetchone()
    return LockedCatchUp(row[0], json.loads(row[1]), *row[2:]) if row else None


_TO_COMPLETE = "SELECT id FROM scheduler_operations WHERE id = %s FOR UPDATE SKIP LOCKED"


def catchup_to_complete(connection: psycopg.Connection, operation_id: UUID) -> bool:
    """Lock a catch-up against claims that would add to it; False where one is about to."""
    return connection.execute(_TO_COMPLETE, (operation_id,)).fetchone() is not None


_IS_HELD = "h.status = 'SCHEDULED' AND h.reason = 'catch_up' AND h.held_by = %(key)s"

_TASK = task_of("h", "status, task_class, uses")

_NEXT = f"""
SELECT h.id, h.task_id, {KEYS} FROM task_execution_history h {_TASK}
WHERE {_IS_HELD} AND (%(is_dropped)s OR t.status IN ('ACTIVE', 'COMPLETED'))
ORDER BY h.held_by, h.priority DESC, h.due_at, h.id LIMIT %(count)s
"""  # noqa: S608 - the conditions stand above


def next_caught_up(
    connection: psycopg.Connection, key: str, *, count: int, is_dropped: bool = False
) -> tuple[list[UUID], set[UUID], set[str]]:
    """Return what is next of what a catch-up holds, with its tasks and the keys that limit it; nothing is locked."""
    rows = connection.execute(_NEXT, {"key": key, "count": count, "is_dropped": is_dropped}).fetchall()
    return [row[0] for row in rows], {row[1] for row in rows}, {one for *_, keys in rows for one in keys}


# 1: whatever is fresh goes first in the queue.
_LOCK = f"""
SELECT h.id, h.task_id, h.run_id, h.trigger, h.due_at, h.scheduled_for, h.queue, h.namespace, 1
FROM task_execution_history h {_TASK}
WHERE {_IS_HELD} AND h.id = ANY(%(ids)s::uuid[]) AND h.id BETWEEN %(first)s AND %(last)s
    AND t.status IN ('ACTIVE', 'COMPLETED')
ORDER BY h.priority DESC, h.due_at, h.id
FOR UPDATE OF h SKIP LOCKED
"""  # noqa: S608 - the conditions stand above


def caught_up(connection: psycopg.Connection, key: str, executions: Collection[UUID]) -> list[Awaiting]:
    """Lock those of these executions that a catch-up still holds; the caller has locked their tasks and limits."""
    parameters = {"key": key, "ids": list(executions), "first": min(executions), "last": max(executions)}
    rows = connection.execute(_LOCK, parameters)
    return [Awaiting(row[0], row[1], row[2], Trigger(row[3]), *row[4:]) for row in rows]


_DROPPED = f"""
SELECT h.task_id, h.id, h.scheduled_for FROM task_execution_history h
WHERE {_IS_HELD} AND h.task_id = ANY(%(tasks)s::uuid[]) ORDER BY h.task_id, h.scheduled_for, h.id
FOR UPDATE OF h
"""  # noqa: S608 - the conditions stand above


def dropped(connection: psycopg.Connection, key: str, tasks: Collection[UUID]) -> list[tuple[UUID, UUID, datetime]]:
    """Lock all that a catch-up holds of these locked tasks, by task and slot: (task, execution, slot)."""
    return connection.execute(_DROPPED, {"key": key, "tasks": list(tasks)}).fetchall()
