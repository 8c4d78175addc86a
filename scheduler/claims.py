"""All SQL that locks rows: tasks and executions are taken here, and written by whoever asked, in one transaction.

Tasks are locked FOR NO KEY UPDATE: plain FOR UPDATE skips a row that a foreign-key check holds, and blocks inserts
of history. Order of locks: executions before tasks, tasks by id; what another transaction holds is skipped wherever
the next pass finds it again.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from scheduler.engine.admission import Standing
from scheduler.engine.identity import lower_bound
from scheduler.engine.states import Status, Trigger
from scheduler.records import Attempt, DueTask, EndingTask, Held, LockedOperation, Ready

RECENT = timedelta(days=8)

_OF_ITS_CALENDAR = """
CASE WHEN calendar_id IS NOT NULL THEN (SELECT c.{} FROM scheduler_calendars c WHERE c.id = calendar_id) END
"""
# Of a task's calendar the claim reads the rules as they are now, and which version they are.
_OF_CALENDAR = {
    "calendar_rules": _OF_ITS_CALENDAR.format("rules::text"),
    "calendar_version": _OF_ITS_CALENDAR.format("version"),
}
_TASK_COLUMNS = ", ".join(_OF_CALENDAR.get(column.name, column.name) for column in fields(DueTask))

_DUE_TASKS = f"""
SELECT {_TASK_COLUMNS} FROM scheduler_tasks
WHERE claim_at <= %(now)s
ORDER BY claim_at, id LIMIT %(limit)s
FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 - the columns are those of DueTask


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


# Calendar by calendar and in the index's order: joined freely, all tasks would be read each second to find none.
_BY_OLD_RULES = f"""
SELECT {_TASK_COLUMNS} FROM scheduler_tasks
WHERE id IN (
    SELECT old.id FROM scheduler_calendars c CROSS JOIN LATERAL (
        SELECT t.id FROM scheduler_tasks t
        WHERE t.calendar_id = c.id AND t.calendar_version < c.version
            AND (t.claim_at IS NULL OR t.claim_at > %(now)s)
        ORDER BY t.calendar_version, t.id LIMIT %(limit)s
    ) old
    LIMIT %(limit)s
)
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED
"""  # noqa: S608 - the columns are those of DueTask


def tasks_by_old_rules(connection: psycopg.Connection, *, now: datetime, limit: int) -> list[DueTask]:
    """Lock tasks whose next slot was worked out by rules that their calendar no longer has, but those to be claimed."""
    return [DueTask(*row) for row in connection.execute(_BY_OLD_RULES, {"now": now, "limit": limit})]


# Whoever sets a calendar on a task keeps it; an edit of its rules goes on beside them, a deletion does not.
_KEEP_CALENDAR = "SELECT id FROM scheduler_calendars WHERE id = %s AND deleted_at IS NULL FOR KEY SHARE"
_EDIT_CALENDAR = "SELECT id FROM scheduler_calendars WHERE id = %s AND deleted_at IS NULL FOR NO KEY UPDATE"
_END_CALENDAR = "SELECT id FROM scheduler_calendars WHERE id = %s AND deleted_at IS NULL FOR UPDATE"


def keep_calendar(connection: psycopg.Connection, calendar_id: UUID) -> bool:
    """Keep a calendar from being deleted until the transaction ends; False where it is deleted already."""
    return connection.execute(_KEEP_CALENDAR, (calendar_id,)).fetchone() is not None


def calendar_to_edit(connection: psycopg.Connection, calendar_id: UUID) -> bool:
    """Lock a calendar against other edits; False where there is none."""
    return connection.execute(_EDIT_CALENDAR, (calendar_id,)).fetchone() is not None


def calendar_to_delete(connection: psycopg.Connection, calendar_id: UUID) -> bool:
    """Lock a calendar against edits and against tasks that would use it, waiting for those that are being stored."""
    return connection.execute(_END_CALENDAR, (calendar_id,)).fetchone() is not None


def namespace_to_edit(connection: psycopg.Connection, name: str) -> bool:
    """Lock the row of a namespace against other edits; False where it has none."""
    found = connection.execute("SELECT FROM scheduler_namespaces WHERE name = %s FOR NO KEY UPDATE", (name,))
    return found.fetchone() is not None


_AWAITING_NOTHING = f"""
SELECT {_TASK_COLUMNS} FROM scheduler_tasks t
WHERE t.interval_mode = 'FIXED_DELAY' AND t.status = 'ACTIVE' AND t.next_slot_for IS NULL
    AND t.interval_seconds IS NOT NULL AND NOT EXISTS (
        SELECT FROM task_execution_history h
        WHERE h.task_id = t.id AND h.status IN ('QUEUED', 'RUNNING', 'SCHEDULED') AND h.cause LIKE 'slot:%%'
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


_ATTEMPT = """
SELECT id, task_id, status, attempt, cause, scheduled_for, due_at, task_data, run_id
FROM task_execution_history WHERE id = %s FOR UPDATE
"""


def attempt(connection: psycopg.Connection, execution: UUID) -> Attempt | None:
    """Lock one execution, waiting for whoever starts or ends it; None where there is none."""
    row = connection.execute(_ATTEMPT, (execution,)).fetchone()
    return Attempt(row[0], row[1], Status(row[2]), *row[3:]) if row else None


_ENDING_TASKS = """
SELECT id, status, version, timeout_seconds, max_retry_count, retry_policy::text, retry_on::text, overlap_policy,
    interval_mode, max_concurrency, task_class, auto_pause_after_failures
FROM scheduler_tasks WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""


def ending_tasks(connection: psycopg.Connection, task_ids: Collection[UUID]) -> dict[UUID, EndingTask]:
    """Lock the tasks whose executions have just ended, in order of id."""
    return {row[0]: EndingTask(*row) for row in connection.execute(_ENDING_TASKS, (list(task_ids),))}


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


_HELD = """
SELECT h.id, h.task_id, h.trigger, h.reason, h.due_at, h.scheduled_for, h.queue, h.namespace, t.task_class,
    t.overlap_policy, t.max_concurrency
FROM task_execution_history h JOIN scheduler_tasks t ON t.id = h.task_id
WHERE h.status = 'SCHEDULED' AND h.not_before <= %(now)s AND h.id >= %(low)s AND t.status IN ('ACTIVE', 'COMPLETED')
ORDER BY h.not_before, h.id LIMIT %(limit)s
FOR UPDATE OF h SKIP LOCKED
"""


def held_executions(connection: psycopg.Connection, *, now: datetime, low: UUID, limit: int) -> list[Held]:
    """Lock up to `limit` SCHEDULED rows whose time has come, ids from `low` on; those of a paused task wait."""
    rows = connection.execute(_HELD, {"now": now, "low": low, "limit": limit})
    return [Held(row[0], row[1], Trigger(row[2]), *row[3:]) for row in rows]


# Held for an overlap; of those, slots of a catch-up or backfill only wait for their turn.
_IS_HELD = "h.status = 'SCHEDULED' AND h.reason = 'overlap'"
_TAKES_TURNS = "h.trigger IN ('CATCH_UP', 'BACKFILL')"

_STANDINGS = f"""
SELECT h.task_id, count(*) FILTER (WHERE NOT ({_IS_HELD})), count(*) FILTER (WHERE {_IS_HELD} AND NOT {_TAKES_TURNS}),
    count(*) FILTER (WHERE {_IS_HELD} AND {_TAKES_TURNS}), count(*) FILTER (WHERE h.status IN ('QUEUED', 'RUNNING'))
FROM task_execution_history h
WHERE h.task_id = ANY(%s) AND h.status IN ('QUEUED', 'RUNNING', 'SCHEDULED')
GROUP BY h.task_id
"""  # noqa: S608 - the conditions stand above


def standings(connection: psycopg.Connection, task_ids: Collection[UUID]) -> dict[UUID, Standing]:
    """Return what these tasks, which the caller has locked, have open; a task that is idle is left out."""
    if not task_ids:
        return {}
    return {row[0]: Standing(*row[1:]) for row in connection.execute(_STANDINGS, (list(task_ids),))}


_NEXT_HELD = f"""
SELECT next.id FROM unnest(%s::uuid[]) AS u (task_id) CROSS JOIN LATERAL (
    SELECT h.id FROM task_execution_history h
    WHERE h.task_id = u.task_id AND h.status = 'SCHEDULED' AND h.reason IN ('overlap', 'limit')
    ORDER BY {_TAKES_TURNS}, h.due_at, h.scheduled_for, h.id LIMIT 1
    FOR UPDATE SKIP LOCKED
) next
"""  # noqa: S608 - the conditions stand above


def next_held(connection: psycopg.Connection, task_ids: Collection[UUID]) -> list[UUID]:
    """Lock the execution of each task that is the next to go of those held for an overlap or a limit."""
    return [row[0] for row in connection.execute(_NEXT_HELD, (list(task_ids),))]


HELD_BATCH = 500

_PERMITS = """
SELECT key, capacity, used FROM scheduler_permits WHERE key = ANY(%s) ORDER BY key FOR NO KEY UPDATE
"""


def permits(connection: psycopg.Connection, keys: Collection[str]) -> list[tuple[str, int, int]]:
    """Lock the limited ones of these keys, in their order: (key, capacity, used)."""
    return connection.execute(_PERMITS, (list(keys),)).fetchall() if keys else []


_HELD_BY_LIMITS = """
SELECT h.id FROM task_execution_history h JOIN scheduler_tasks t ON t.id = h.task_id
WHERE h.status = 'SCHEDULED' AND h.reason = 'limit' AND h.not_before > %(now)s
    AND ARRAY['all', 'queue:' || h.queue, 'namespace:' || h.namespace, 'class:' || t.task_class] && %(keys)s::text[]
ORDER BY h.not_before, h.id LIMIT %(count)s
FOR UPDATE OF h SKIP LOCKED
"""


def held_by_limits(connection: psycopg.Connection, keys: Collection[str], *, count: int, now: datetime) -> list[UUID]:
    """Lock up to `count` executions that wait for one of these limits and are not being looked at already."""
    parameters = {"keys": list(keys), "count": count, "now": now}
    return [row[0] for row in connection.execute(_HELD_BY_LIMITS, parameters)]


_IN_THE_WAY = f"""
SELECT h.id, h.status FROM task_execution_history h
WHERE h.task_id = %(task_id)s AND h.status IN ('QUEUED', 'RUNNING', 'SCHEDULED') AND h.id <> %(newcomer)s
    AND h.cancel_requested_at IS NULL AND NOT ({_IS_HELD} AND {_TAKES_TURNS})
    AND (%(is_new)s OR NOT ({_IS_HELD}) OR (h.due_at, h.id) < (
        SELECT n.due_at, n.id FROM task_execution_history n WHERE n.id = %(newcomer)s
    ))
FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - the conditions stand above


def executions_in_the_way(
    connection: psycopg.Connection, task_id: UUID, *, newcomer: UUID, is_new: bool
) -> list[tuple[UUID, Status]]:
    """Lock what keeps a task busy beside `newcomer` and has not been asked to end; what is on the move is skipped.

    Where it is no longer new, what waits may have come after it: only what is older is in its way.
    """
    parameters = {"task_id": task_id, "newcomer": newcomer, "is_new": is_new}
    rows = connection.execute(_IN_THE_WAY, parameters)
    return [(execution, Status(status)) for execution, status in rows]


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


_OPERATION = """
SELECT id, task_id, arguments::text, position, skipped_count, created_at, abort_requested_at FROM scheduler_operations
WHERE id = %s AND status IN ('PENDING', 'RUNNING') FOR UPDATE
"""


def operation(connection: psycopg.Connection, operation_id: UUID, *, waits: bool = False) -> LockedOperation | None:
    """Lock one operation on a task's slots; None where it has ended, or another holds it and this one does not wait."""
    row = connection.execute(_OPERATION + ("" if waits else " SKIP LOCKED"), (operation_id,)).fetchone()
    # As text: Django's connections read JSON as text, those of the loops do not.
    return LockedOperation(row[0], row[1], json.loads(row[2]), *row[3:]) if row else None


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
SELECT h.id FROM task_execution_history h
WHERE h.status = 'QUEUED' AND h.queue = %(queue)s AND h.published_at < %(now)s - %(first)s
    AND h.published_at + least(%(first)s * power(2, least(h.publish_count - 1, 20)), %(longest)s) < %(now)s
ORDER BY h.published_at, h.id LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
"""


def stale_executions(
    connection: psycopg.Connection, queue: str, *, now: datetime, first: timedelta, longest: timedelta, limit: int
) -> list[UUID]:
    """Lock up to `limit` QUEUED rows of `queue` published longer ago than `first`, doubled with each publishing."""
    parameters = {"queue": queue, "now": now, "first": first, "longest": longest, "limit": limit}
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
