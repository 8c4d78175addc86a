"""What workflows wait for: slots that have ended, executions that wait for them, edits of the graph."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import psycopg

from scheduler.claims.holds import KEYS
from scheduler.engine.states import Trigger
from scheduler.lookups import task_of
from scheduler.records import Awaiting, UpstreamEnd

# Two edits that each see no cycle could make one together: the second waits, and then sees the first.
_EDIT_GRAPH = "LOCK TABLE scheduler_dependencies IN SHARE ROW EXCLUSIVE MODE"


def edit_graph(connection: psycopg.Connection) -> None:
    """Lock the graph of dependencies against other edits until the transaction ends; it is read all the same."""
    connection.execute(_EDIT_GRAPH)


_UPSTREAM_ENDS = """
DELETE FROM scheduler_upstream_ends WHERE id = ANY (ARRAY(
    SELECT id FROM scheduler_upstream_ends ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
))
RETURNING task_id, run_id, scheduled_for
"""


def upstream_ends(connection: psycopg.Connection, *, limit: int) -> list[UpstreamEnd]:
    """Take up to `limit` slots that have ended, oldest first: they are gone once the caller commits."""
    return [UpstreamEnd(*row) for row in connection.execute(_UPSTREAM_ENDS, (limit,))]


_TASK = task_of("h", "status, task_class, uses")

_IS_DUE = """
h.status = 'SCHEDULED' AND h.reason = 'dependency' AND h.not_before <= %(now)s AND h.id >= %(low)s
    AND t.status IN ('ACTIVE', 'COMPLETED')
"""

_DUE = f"""
SELECT h.task_id, {KEYS} FROM task_execution_history h {_TASK}
WHERE {_IS_DUE}
ORDER BY h.not_before, h.id LIMIT %(limit)s
"""  # noqa: S608 - the conditions stand above


def awaited(connection: psycopg.Connection, *, now: datetime, low: UUID, limit: int) -> tuple[set[UUID], set[str]]:
    """Return the tasks, and the keys of the limits, of what waits for other tasks and is due; nothing is locked."""
    rows = connection.execute(_DUE, {"now": now, "low": low, "limit": limit}).fetchall()
    return {task_id for task_id, _ in rows}, {key for _, keys in rows for key in keys}


_AWAITING = f"""
SELECT h.id, h.task_id, h.run_id, h.trigger, h.due_at, h.scheduled_for, h.queue, h.namespace, h.priority
FROM task_execution_history h {_TASK}
WHERE {_IS_DUE} AND h.task_id = ANY(%(tasks)s::uuid[]) AND {KEYS} <@ %(keys)s::text[]
ORDER BY h.not_before, h.id LIMIT %(limit)s
FOR UPDATE OF h SKIP LOCKED
"""  # noqa: S608 - the conditions stand above


def awaiting(
    connection: psycopg.Connection,
    *,
    now: datetime,
    low: UUID,
    limit: int,
    tasks: Collection[UUID],
    keys: Collection[str],
) -> list[Awaiting]:
    """Lock up to `limit` executions of the locked `tasks` that wait for other tasks and whose time to look has come."""
    parameters = {"now": now, "low": low, "limit": limit, "tasks": list(tasks), "keys": list(keys)}
    rows = connection.execute(_AWAITING, parameters)
    return [Awaiting(row[0], row[1], row[2], Trigger(row[3]), *row[4:]) for row in rows]


_WAITS_ON = "h.status || '' = 'SCHEDULED' AND h.reason = 'dependency' AND h.not_before > %(now)s"

# Those that may wait for one of these ends: of its run, or of a slot that is not older. OFFSET 0 and `status || ''`
# have them looked for among what each task has open, and not among all that waits.
_CONCERNED = f"""
SELECT h.id FROM task_execution_history h
WHERE h.id = ANY (ARRAY(
    SELECT waiting.id
    FROM unnest(%(tasks)s::uuid[], %(runs)s::uuid[], %(slots)s::timestamptz[]) AS u (task_id, run_id, slot)
    CROSS JOIN LATERAL (
        SELECT h.id FROM task_execution_history h
        WHERE h.task_id = u.task_id AND h.status IN ('QUEUED', 'RUNNING', 'SCHEDULED') AND {_WAITS_ON}
            AND (h.run_id = u.run_id OR h.scheduled_for >= u.slot)
        OFFSET 0
    ) waiting
)) AND {_WAITS_ON}
ORDER BY h.id LIMIT %(limit)s
FOR UPDATE SKIP LOCKED
"""  # noqa: S608 - the conditions stand above


def concerned(
    connection: psycopg.Connection, waits: Collection[tuple[UUID, UpstreamEnd]], *, now: datetime, limit: int
) -> list[UUID]:
    """Lock up to `limit` executions that wait on and that an end may concern: pairs of a locked task and the end.

    The tasks' locks come first: nobody else is looking at these executions, with eyes from before the end.
    """
    parameters = {
        "tasks": [task_id for task_id, _ in waits],
        "runs": [end.run_id for _, end in waits],
        "slots": [end.scheduled_for for _, end in waits],
        "now": now,
        "limit": limit,
    }
    return [row[0] for row in connection.execute(_CONCERNED, parameters)]
