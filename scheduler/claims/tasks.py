"""Tasks: those that are due, one by its id, those that something has happened to."""

from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import datetime
from uuid import UUID

import psycopg

from scheduler.engine.bundles import KNOWN_AFTER_RUNS
from scheduler.engine.identity import id_array
from scheduler.records import DueTask, EndingTask

_OF_ITS_CALENDAR = """
CASE WHEN calendar_id IS NOT NULL THEN (SELECT c.{} FROM scheduler_calendars c WHERE c.id = calendar_id) END
"""


# How long a run takes, where that is known and a run that is lost may be tried again.
_EXPECTED = f"""
CASE WHEN run_count >= {KNOWN_AFTER_RUNS} AND max_retry_count > 0 AND retry_on ? 'LOST' THEN expected_ms END
"""


# Of a task's calendar the claim reads the rules as they are now, and which version they are.
_EXPRESSIONS = {
    "calendar_rules": _OF_ITS_CALENDAR.format("rules::text"),
    "calendar_version": _OF_ITS_CALENDAR.format("version"),
    "expected_ms": _EXPECTED,
    "sla": "sla::text",
    "uses": "nullif(uses, '{}')",
}


_TASK_COLUMNS = ", ".join(_EXPRESSIONS.get(column.name, column.name) for column in fields(DueTask))


_DUE_TASKS = f"""
SELECT {_TASK_COLUMNS} FROM scheduler_tasks
WHERE claim_at <= %(now)s
ORDER BY claim_at, id LIMIT %(limit)s
FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 - the columns are those of DueTask


# Told by the statement that has a task looked at at another time than before; not by claims (migration 0052).
CLAIM_CHANNEL = "scheduler_claims"

# When the claim has to look next: one probe of its index, however many tasks are registered.
FIRST_CLAIM = "(SELECT claim_at FROM scheduler_tasks WHERE claim_at IS NOT NULL ORDER BY claim_at LIMIT 1)"


def due_tasks(connection: psycopg.Connection, *, now: datetime, limit: int) -> list[DueTask]:
    """Lock up to `limit` tasks that are due and that no other scheduler holds, oldest first."""
    return [DueTask(*row) for row in connection.execute(_DUE_TASKS, {"now": now, "limit": limit}).fetchall()]


_DUE_OF_NAMESPACES = f"""
SELECT locked.* FROM unnest(%(namespaces)s::text[], %(counts)s::int[]) AS u (name, count)
CROSS JOIN LATERAL (
    SELECT {_TASK_COLUMNS} FROM scheduler_tasks
    WHERE priority = %(priority)s AND namespace = u.name AND claim_at <= %(now)s AND id <> ALL(%(others)s::uuid[])
    ORDER BY claim_at LIMIT u.count
    FOR NO KEY UPDATE SKIP LOCKED
) locked
"""  # noqa: S608 - the columns are those of DueTask


def due_of_namespaces(
    connection: psycopg.Connection, counts: Mapping[str, int], *, priority: int, others: Collection[UUID], now: datetime
) -> list[DueTask]:
    """Lock due tasks of one priority, so many of each namespace at most, its oldest first; `others` are locked already.

    The columns come from the rows as they are locked: read again outside, they could be older.
    """
    parameters = {
        "namespaces": list(counts),
        "counts": list(counts.values()),
        "priority": priority,
        "others": list(others),
        "now": now,
    }
    return [DueTask(*row) for row in connection.execute(_DUE_OF_NAMESPACES, parameters).fetchall()]


# A loose scan: one probe of the index a namespace, which may hold a million tasks that are not due.
_NAMESPACES_DUE = """
WITH RECURSIVE first (namespace, claim_at) AS (
    (
        SELECT namespace, claim_at FROM scheduler_tasks
        WHERE priority = %(priority)s AND claim_at IS NOT NULL ORDER BY namespace, claim_at LIMIT 1
    )
    UNION ALL
    SELECT next.namespace, next.claim_at FROM first CROSS JOIN LATERAL (
        SELECT t.namespace, t.claim_at FROM scheduler_tasks t
        WHERE t.priority = %(priority)s AND t.claim_at IS NOT NULL AND t.namespace > first.namespace
        ORDER BY t.namespace, t.claim_at LIMIT 1
    ) next
)
SELECT f.namespace, coalesce(n.weight, 1) FROM first f LEFT JOIN scheduler_namespaces n ON n.name = f.namespace
WHERE f.claim_at <= %(now)s
"""


def namespaces_due(connection: psycopg.Connection, *, priority: int, now: datetime) -> dict[str, int]:
    """Return which namespaces have due tasks of a priority, and their weights."""
    return dict(connection.execute(_NAMESPACES_DUE, {"priority": priority, "now": now}).fetchall())


_ONE_TASK = f"""
SELECT {_TASK_COLUMNS} FROM scheduler_tasks WHERE id = %s FOR NO KEY UPDATE
"""  # noqa: S608 - the columns are those of DueTask


def task(connection: psycopg.Connection, task_id: UUID) -> DueTask | None:
    """Lock one task, waiting for a claim that holds it; None where there is none."""
    row = connection.execute(_ONE_TASK, (task_id,)).fetchone()
    return DueTask(*row) if row else None


_TASKS = f"""
SELECT {_TASK_COLUMNS} FROM scheduler_tasks WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""  # noqa: S608 - the columns are those of DueTask


def tasks(connection: psycopg.Connection, task_ids: Collection[UUID]) -> list[DueTask]:
    """Lock tasks in order of id, waiting for whoever holds them; those that are not there are left out."""
    return [DueTask(*row) for row in connection.execute(_TASKS, (list(task_ids),))] if task_ids else []


# Calendar by calendar and in the index's order, as an array: joined freely, all tasks would be read each second to
# find none.
_BY_OLD_RULES = f"""
SELECT {_TASK_COLUMNS} FROM scheduler_tasks
WHERE id = ANY (ARRAY(
    SELECT old.id FROM scheduler_calendars c CROSS JOIN LATERAL (
        SELECT t.id FROM scheduler_tasks t
        WHERE t.calendar_id = c.id AND t.calendar_version < c.version
            AND (t.claim_at IS NULL OR t.claim_at > %(now)s)
        ORDER BY t.calendar_version, t.id LIMIT %(limit)s
    ) old
    LIMIT %(limit)s
))
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 - the columns are those of DueTask


def tasks_by_old_rules(connection: psycopg.Connection, *, now: datetime, limit: int) -> list[DueTask]:
    """Lock tasks whose next slot was worked out by rules that their calendar no longer has, but those to be claimed."""
    return [DueTask(*row) for row in connection.execute(_BY_OLD_RULES, {"now": now, "limit": limit})]


# OFFSET 0: the open executions of each such task are looked for, and never all open ones for each.
_AWAITING_NOTHING = f"""
SELECT {_TASK_COLUMNS} FROM scheduler_tasks t
WHERE t.interval_mode = 'FIXED_DELAY' AND t.status = 'ACTIVE' AND t.next_slot_for IS NULL
    AND t.interval_seconds IS NOT NULL AND NOT EXISTS (
        SELECT FROM task_execution_history h
        WHERE h.task_id = t.id AND h.status IN ('QUEUED', 'RUNNING', 'SCHEDULED') AND h.cause LIKE 'slot:%%'
        OFFSET 0
    )
ORDER BY t.id LIMIT %(limit)s
FOR NO KEY UPDATE OF t SKIP LOCKED
"""  # noqa: S608 - the columns are those of DueTask


def tasks_awaiting_nothing(connection: psycopg.Connection, *, limit: int) -> list[DueTask]:
    """Lock tasks of a fixed delay whose next slot waits for the end of an execution that is not there."""
    return [DueTask(*row) for row in connection.execute(_AWAITING_NOTHING, {"limit": limit})]


_PAUSE_ENDED = f"""
SELECT {_TASK_COLUMNS}, paused_until FROM scheduler_tasks
WHERE status = 'PAUSED' AND paused_until <= %(now)s
ORDER BY paused_until, id LIMIT %(limit)s
FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 - the columns are those of DueTask


def ended_pauses(connection: psycopg.Connection, *, now: datetime, limit: int) -> list[tuple[DueTask, datetime]]:
    """Lock up to `limit` paused tasks whose `until` has come, with that instant."""
    rows = connection.execute(_PAUSE_ENDED, {"now": now, "limit": limit})
    return [(DueTask(*columns), until) for *columns, until in rows]


# A loose scan: one probe of the index for each key that holds tasks, however many those are.
_HELD_BY = """
WITH RECURSIVE held (key) AS (
    (SELECT held_by FROM scheduler_tasks WHERE held_by IS NOT NULL ORDER BY held_by LIMIT 1)
    UNION ALL
    SELECT next.key FROM held CROSS JOIN LATERAL (
        SELECT t.held_by AS key FROM scheduler_tasks t WHERE t.held_by > held.key ORDER BY t.held_by LIMIT 1
    ) next
)
SELECT key FROM held
WHERE NOT EXISTS (SELECT FROM scheduler_permits p WHERE p.key = held.key AND p.is_paused)
"""

_HELD_BY_LIFTED = """
SELECT id FROM scheduler_tasks WHERE held_by = ANY(%s) ORDER BY held_by, id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""


def held_by_lifted(connection: psycopg.Connection, *, limit: int) -> list[UUID]:
    """Lock up to `limit` tasks that paused keys kept from the claim, of those keys that are paused no more."""
    keys = [row[0] for row in connection.execute(_HELD_BY)]
    return [row[0] for row in connection.execute(_HELD_BY_LIFTED, (keys, limit))] if keys else []


_ENDING_TASKS = """
SELECT id, status, version, timeout_seconds, max_retry_count, retry_policy::text, retry_on::text, overlap_policy,
    interval_mode, max_concurrency, task_class, auto_pause_after_failures, has_dependents, uses
FROM scheduler_tasks WHERE id = ANY(%s::text::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""


def ending_tasks(connection: psycopg.Connection, task_ids: Collection[UUID]) -> dict[UUID, EndingTask]:
    """Lock the tasks whose executions have just ended, in order of id."""
    return {row[0]: EndingTask(*row) for row in connection.execute(_ENDING_TASKS, (id_array(task_ids),))}


_LOCK_TASKS = """
SELECT id FROM scheduler_tasks WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""


def lock_tasks(connection: psycopg.Connection, task_ids: Collection[UUID]) -> None:
    """Lock tasks in order of id, waiting for whoever holds them."""
    connection.execute(_LOCK_TASKS, (list(task_ids),))


_BUSY = """
SELECT id FROM scheduler_tasks WHERE open_count > 0 AND id > %s ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""


def busy_tasks(connection: psycopg.Connection, *, after: UUID, limit: int) -> list[UUID]:
    """Lock tasks that count open executions, in order of id."""
    return [row[0] for row in connection.execute(_BUSY, (after, limit))]
