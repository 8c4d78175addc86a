"""Executions that fail in a row, by task and by task class: counted with the roll-ups, read where something is retried.

Behind the end of an execution, for a class is one row that every worker would wait for; a second late is early enough.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import psycopg

from scheduler.engine.backoff import FAILURES, Streak, follow
from scheduler.engine.states import Status
from scheduler.lookups import task_of

# Only where something fails, or did: of what goes well nobody has to know.
_MATTERS = """
SELECT EXISTS (SELECT FROM scheduler_failing) OR EXISTS (
    SELECT FROM task_execution_history h
    WHERE h.id = ANY(%(ids)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
        AND h.status || '' = ANY(%(failures)s)
)
"""

_ENDED = f"""
SELECT h.task_id, t.task_class, h.status FROM task_execution_history h {task_of("h", "task_class")}
WHERE h.id = ANY(%(ids)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s AND h.start_time IS NOT NULL
ORDER BY h.end_time, h.id
"""  # noqa: S608 - our own words

_STREAKS = "SELECT key, failure_count, task_id, is_shared FROM scheduler_failing WHERE key = ANY(%s)"

_FORGET = "DELETE FROM scheduler_failing WHERE key = ANY(%s)"

_KEEP = """
INSERT INTO scheduler_failing (key, failure_count, task_id, is_shared)
SELECT * FROM unnest(%s::text[], %s::int[], %s::uuid[], %s::bool[])
ON CONFLICT (key) DO UPDATE
SET failure_count = excluded.failure_count, task_id = excluded.task_id, is_shared = excluded.is_shared
"""


def key_of_task(task_id: UUID) -> str:
    """Return under which key the failures of a task are counted."""
    return f"task:{task_id}"


def key_of_class(task_class: str) -> str:
    """Return under which key the failures of a task class are counted."""
    return f"class:{task_class}"


def count(connection: psycopg.Connection, executions: Sequence[UUID]) -> None:
    """Count what has ended, sorted by id, in the transaction that takes it into the roll-ups: one process at a time."""
    bounds = {"ids": list(executions), "low": executions[0], "high": executions[-1], "failures": sorted(FAILURES)}
    if connection.execute(_MATTERS, bounds).fetchone() != (True,):
        return
    ended: dict[str, list[tuple[UUID, Status]]] = defaultdict(list)
    for task_id, task_class, status in connection.execute(_ENDED, bounds):
        for key in (key_of_task(task_id), key_of_class(task_class)):
            ended[key].append((task_id, Status(status)))
    before = streaks(connection, ended)
    after = {key: follow(before.get(key), ends) for key, ends in ended.items()}
    _write(connection, before, after)


def streaks(connection: psycopg.Connection, keys: Collection[str]) -> Mapping[str, Streak]:
    """Return the failures in a row of these keys, those left out that have none."""
    rows = connection.execute(_STREAKS, (list(keys),)) if keys else ()
    return {key: Streak(failures, task_id, is_shared) for key, failures, task_id, is_shared in rows}


# Of a deleted task nothing runs that could succeed, and nothing that could be tried again.
_FORGET_DELETED = """
DELETE FROM scheduler_failing f
WHERE starts_with(f.key, 'task:') AND EXISTS (
    SELECT FROM scheduler_tasks t WHERE t.id = f.task_id AND t.status = 'DELETED'
) OR starts_with(f.key, 'class:') AND NOT EXISTS (
    SELECT FROM scheduler_task_search s
    WHERE s.task_class = substr(f.key, length('class:') + 1) AND s.status <> 'DELETED'
)
"""


def forget(connection: psycopg.Connection) -> int:
    """Delete what is known of deleted tasks, and of classes that no task has any more; return how many."""
    return connection.execute(_FORGET_DELETED).rowcount


def _write(connection: psycopg.Connection, before: Mapping[str, Streak], after: Mapping[str, Streak | None]) -> None:
    if over := [key for key, streak in after.items() if streak is None and key in before]:
        connection.execute(_FORGET, (over,))
    kept = [(key, *streak) for key, streak in sorted(after.items()) if streak is not None and streak != before.get(key)]
    if kept:
        connection.execute(_KEEP, [list(column) for column in zip(*kept, strict=True)])
