"""What is held: executions that wait for an overlap or a limit, what their tasks have open, and the limits."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

import psycopg

from scheduler.engine.admission import Standing
from scheduler.engine.gates import LOAD, SERVICE
from scheduler.engine.protection import CRITICAL_PRIORITY
from scheduler.engine.states import GATED, Status, Trigger
from scheduler.lookups import task_of
from scheduler.records import Flowing, Gate, Held

# Decided under the lock of its task: what may not overlap, and what is limited to so many at once.
_IS_BOUND = "(t.max_concurrency IS NOT NULL OR (h.reason = 'overlap' AND t.overlap_policy <> 'ALLOW'))"

# The same as `engine.gates.gates_of`.
KEYS = f"""(
    ARRAY['all', 'queue:' || h.queue, 'namespace:' || h.namespace, 'class:' || t.task_class]
    || CASE WHEN h.priority < {CRITICAL_PRIORITY} THEN ARRAY['{LOAD}'] ELSE ARRAY[]::text[] END
    || ARRAY(SELECT '{SERVICE}' || u.name FROM unnest(t.uses) AS u (name))
)"""  # noqa: S608 - our own words

# Held by a key, whose tokens let it go (`flowing`).
IS_GATED = "reason IN ('" + "', '".join(sorted(GATED)) + "')"

_TASK = task_of("h", "status, task_class, uses, max_concurrency, overlap_policy")

_IS_DUE = f"""
h.status = 'SCHEDULED' AND h.not_before <= %(now)s AND h.id >= %(low)s
    AND (h.reason IN ('dependency', 'catch_up')) IS NOT TRUE
    AND (h.{IS_GATED}) IS NOT TRUE AND t.status IN ('ACTIVE', 'COMPLETED')
"""


_DUE = f"""
SELECT h.task_id, {_IS_BOUND}, {KEYS}
FROM task_execution_history h {_TASK}
WHERE {_IS_DUE}
ORDER BY h.not_before, h.id LIMIT %(limit)s
"""  # noqa: S608 - the conditions stand above


def deciding(connection: psycopg.Connection, *, now: datetime, low: UUID, limit: int) -> tuple[set[UUID], set[str]]:
    """Return which tasks and which keys of limits decide on what is due of the SCHEDULED rows; nothing is locked."""
    rows = connection.execute(_DUE, {"now": now, "low": low, "limit": limit}).fetchall()
    return {task_id for task_id, is_bound, _ in rows if is_bound}, {key for _, _, keys in rows for key in keys}


_HELD = f"""
SELECT h.id, h.task_id, h.trigger, h.reason, h.due_at, h.scheduled_for, h.queue, h.namespace, t.task_class,
    t.overlap_policy, t.max_concurrency, h.priority, t.uses
FROM task_execution_history h {_TASK}
WHERE {_IS_DUE} AND {KEYS} <@ %(keys)s::text[] AND (h.task_id = ANY(%(tasks)s::uuid[]) OR NOT {_IS_BOUND})
ORDER BY h.not_before, h.id LIMIT %(limit)s
FOR UPDATE OF h SKIP LOCKED
"""  # noqa: S608 - the conditions stand above


def held_executions(
    connection: psycopg.Connection,
    *,
    now: datetime,
    low: UUID,
    limit: int,
    tasks: Collection[UUID],
    keys: Collection[str],
) -> list[Held]:
    """Lock up to `limit` SCHEDULED rows whose time has come, ids from `low` on; those of a paused task wait.

    Only rows on which the locked `tasks` and `keys` (`deciding`) can decide, and only after those were locked: a row
    that turns out not to be due any more stays locked all the same until the caller commits, and whoever ended what
    it waited for would have passed over it.
    """
    parameters = {"now": now, "low": low, "limit": limit, "tasks": list(tasks), "keys": list(keys)}
    return [Held(row[0], row[1], Trigger(row[2]), *row[3:]) for row in connection.execute(_HELD, parameters)]


# Held for an overlap; of those, slots of a catch-up or backfill only wait for their turn.
_IS_HELD = "h.status = 'SCHEDULED' AND h.reason = 'overlap'"


_TAKES_TURNS = "h.trigger IN ('CATCH_UP', 'BACKFILL')"


# What waits for other tasks, or for its catch-up, is in nobody's way until they let it go.
_AWAITS = "h.status = 'SCHEDULED' AND h.reason IN ('dependency', 'catch_up')"


_STANDINGS = f"""
SELECT h.task_id, count(*) FILTER (WHERE NOT ({_IS_HELD})), count(*) FILTER (WHERE {_IS_HELD} AND NOT {_TAKES_TURNS}),
    count(*) FILTER (WHERE {_IS_HELD} AND {_TAKES_TURNS}), count(*) FILTER (WHERE h.status IN ('QUEUED', 'RUNNING'))
FROM task_execution_history h
WHERE h.task_id = ANY(%s) AND h.status IN ('QUEUED', 'RUNNING', 'SCHEDULED') AND NOT ({_AWAITS})
GROUP BY h.task_id
"""  # noqa: S608 - the conditions stand above


def standings(connection: psycopg.Connection, task_ids: Collection[UUID]) -> dict[UUID, Standing]:
    """Return what these tasks, which the caller has locked, have open; a task that is idle is left out."""
    if not task_ids:
        return {}
    return {row[0]: Standing(*row[1:]) for row in connection.execute(_STANDINGS, (list(task_ids),))}


# `status || ''` leaves the index of what a task has open: by that of what is due, all that waits would be gone through
# for each task.
_NEXT_HELD = f"""
SELECT next.id FROM unnest(%(tasks)s::uuid[], %(counts)s::int[]) AS u (task_id, count) CROSS JOIN LATERAL (
    SELECT h.id FROM task_execution_history h
    WHERE h.task_id = u.task_id AND h.status IN ('QUEUED', 'RUNNING', 'SCHEDULED') AND h.status || '' = 'SCHEDULED'
        AND h.reason IN ('overlap', 'limit')
        AND h.not_before > %(now)s
    ORDER BY {_TAKES_TURNS}, h.due_at, h.scheduled_for, h.id LIMIT u.count
    FOR UPDATE SKIP LOCKED
) next
"""  # noqa: S608 - the conditions stand above


def next_held(connection: psycopg.Connection, counts: Mapping[UUID, int], *, now: datetime) -> list[UUID]:
    """Lock the next executions of each task, so many, of those held for an overlap or a limit.

    Not those that are being looked at already: an end just before this one has had them looked at.
    """
    parameters = {"tasks": list(counts), "counts": list(counts.values()), "now": now}
    return [row[0] for row in connection.execute(_NEXT_HELD, parameters)]


HELD_BATCH = 500


_PERMITS = """
SELECT key FROM scheduler_permits WHERE key = ANY(%s) AND (NOT %s OR capacity IS NOT NULL)
ORDER BY key FOR NO KEY UPDATE
"""


def permits(connection: psycopg.Connection, keys: Collection[str], *, counted_only: bool = False) -> list[str]:
    """Lock the limited ones of these keys, in their order, or only those that limit how much goes at once."""
    return [row[0] for row in connection.execute(_PERMITS, (list(keys), counted_only))] if keys else []


# A bucket's tokens at an instant, which is read before the row is locked: another may have filled it further.
TOKENS = """
least(p.burst, p.tokens + p.rate * greatest(extract(epoch FROM %(now)s::timestamptz - p.refilled_at)::float8, 0))
"""

_GATES = f"""
SELECT p.key, p.capacity - p.used, {TOKENS}, p.is_paused, p.has_waiting, coalesce(p.rate = 0, false)
FROM scheduler_permits p
WHERE p.key = ANY(%(keys)s) ORDER BY p.key FOR NO KEY UPDATE
"""  # noqa: S608 - the arithmetic stands above


def gates(connection: psycopg.Connection, keys: Collection[str], *, now: datetime) -> dict[str, Gate]:
    """Lock the limited ones of these keys, in their order, with what is left of each."""
    rows = connection.execute(_GATES, {"keys": list(keys), "now": now}) if keys else ()
    return {key: Gate(*columns) for key, *columns in rows}


_FLOWING = f"""
SELECT p.key, {TOKENS} FROM scheduler_permits p
WHERE p.has_waiting AND NOT p.is_paused AND (p.rate IS NULL OR {TOKENS} >= 1)
"""  # noqa: S608 - the arithmetic stands above

_WAITING = f"""
SELECT w.* FROM unnest(%(keys)s::text[], %(counts)s::int[]) AS u (key, count) CROSS JOIN LATERAL (
    SELECT h.id, h.task_id, {_IS_BOUND}, {KEYS} FROM task_execution_history h {_TASK}
    WHERE h.status = 'SCHEDULED' AND h.{IS_GATED} AND h.held_by = u.key AND h.id >= %(low)s
        AND t.status IN ('ACTIVE', 'COMPLETED')
    ORDER BY h.held_by, h.priority DESC, h.due_at, h.id LIMIT u.count
) w
"""  # noqa: S608 - the conditions stand above


def flowing(connection: psycopg.Connection, *, now: datetime, low: UUID, limit: int) -> Flowing:
    """Return the keys that hold executions and let some go now, and what decides on those; nothing is locked."""
    tokens: dict[str, float | None] = dict(connection.execute(_FLOWING, {"now": now}).fetchall())
    counts = [limit if count is None else min(int(count), limit) for count in tokens.values()]
    parameters = {"keys": list(tokens), "counts": counts, "low": low}
    rows = connection.execute(_WAITING, parameters).fetchall() if tokens else []
    return Flowing(
        tokens.keys(),
        [execution for execution, *_ in rows],
        {task_id for _, task_id, is_bound, _ in rows if is_bound},
        {key for *_, keys in rows for key in keys} | tokens.keys(),
    )


_FLOW_HELD = f"""
SELECT h.id, h.task_id, h.trigger, h.reason, h.due_at, h.scheduled_for, h.queue, h.namespace, t.task_class,
    t.overlap_policy, t.max_concurrency, h.priority, t.uses
FROM task_execution_history h {_TASK}
WHERE h.id = ANY(%(ids)s::uuid[]) AND h.id BETWEEN %(first)s AND %(last)s
    AND h.status = 'SCHEDULED' AND h.{IS_GATED} AND t.status IN ('ACTIVE', 'COMPLETED')
    AND {KEYS} <@ %(keys)s::text[] AND (h.task_id = ANY(%(tasks)s::uuid[]) OR NOT {_IS_BOUND})
ORDER BY h.priority DESC, h.due_at, h.scheduled_for, h.id
FOR UPDATE OF h SKIP LOCKED
"""  # noqa: S608 - the conditions stand above


def flow_held(connection: psycopg.Connection, found: Flowing) -> list[Held]:
    """Lock those of the found executions that a key still holds, the most urgent first.

    Only what the tasks and keys that were found can decide on, which the caller has locked.
    """
    if not found.executions:
        return []
    parameters = {
        "ids": found.executions,
        "first": min(found.executions),
        "last": max(found.executions),
        "tasks": list(found.tasks),
        "keys": list(found.keys),
    }
    return [Held(row[0], row[1], Trigger(row[2]), *row[3:]) for row in connection.execute(_FLOW_HELD, parameters)]


_HELD_BY_LIMITS = f"""
SELECT h.id FROM task_execution_history h {_TASK}
WHERE h.status = 'SCHEDULED' AND h.reason = 'limit' AND h.not_before > %(now)s
    AND {KEYS} && %(keys)s::text[]
ORDER BY h.not_before, h.id LIMIT %(count)s
FOR UPDATE OF h SKIP LOCKED
"""  # noqa: S608 - the keys stand above


def held_by_limits(connection: psycopg.Connection, keys: Collection[str], *, count: int, now: datetime) -> list[UUID]:
    """Lock up to `count` executions that wait for one of these limits and are not being looked at already."""
    parameters = {"keys": list(keys), "count": count, "now": now}
    return [row[0] for row in connection.execute(_HELD_BY_LIMITS, parameters)]


_IN_THE_WAY = f"""
SELECT h.id, h.status FROM task_execution_history h
WHERE h.task_id = %(task_id)s AND h.status IN ('QUEUED', 'RUNNING', 'SCHEDULED') AND h.id <> %(newcomer)s
    AND h.cancel_requested_at IS NULL AND NOT ({_IS_HELD} AND {_TAKES_TURNS}) AND NOT ({_AWAITS})
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
