"""Reads the history of workflows: roots of runs, the latest attempts in a run, the latest slots of tasks."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import psycopg

from scheduler.engine.identity import lower_bound, same_milliseconds
from scheduler.engine.states import FINAL, Status
from scheduler.engine.workflows import PENDING, Finding

_MILLISECOND = timedelta(milliseconds=1)


class Root(NamedTuple):
    """The first execution of a run, whose id and slot the run has."""

    run_id: UUID
    task_id: UUID
    cause: str
    scheduled_for: datetime


class Latest(NamedTuple):
    """The latest attempt of a task in a run, or at its latest slot."""

    execution: UUID
    task_id: UUID
    status: Status
    attempt: int
    cause: str
    reason: str | None
    run_id: UUID | None
    scheduled_for: datetime
    namespace: str

    @property
    def is_of_backfill(self) -> bool:
        """Tell that it sees others as a slot of the schedule does."""
        return False

    @property
    def finding(self) -> Finding:
        """What a condition sees of it; an attempt that another follows is not the latest."""
        return Finding(True, self.status, self.execution) if self.status in FINAL else PENDING


_ROOTS = """
SELECT h.id, h.task_id, h.cause, h.scheduled_for FROM task_execution_history h
WHERE h.id = ANY(%(ids)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
"""


def roots(connection: psycopg.Connection, run_ids: Collection[UUID]) -> dict[UUID, Root]:
    """Return the roots of these runs; one whose history is gone is left out."""
    if not run_ids:
        return {}
    parameters = {"ids": list(run_ids), "low": min(run_ids), "high": max(run_ids)}
    return {row[0]: Root(*row) for row in connection.execute(_ROOTS, parameters)}


COLUMNS = "h.id, h.task_id, h.status, h.attempt, h.cause, h.reason, h.run_id, h.scheduled_for, h.namespace"

# All attempts in a run hold the milliseconds of the run's id, so that the index of a task's history leads to them.
_IN_RUNS = f"""
SELECT u.run_id, latest.* FROM unnest(%(tasks)s::uuid[], %(runs)s::uuid[], %(lows)s::uuid[], %(highs)s::uuid[])
    AS u (task_id, run_id, low, high)
CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM task_execution_history h
    WHERE h.task_id = u.task_id AND h.id >= u.low AND h.id < u.high AND h.id >= %(low)s AND h.id < %(high)s
        AND (h.run_id = u.run_id OR h.id = u.run_id)
    ORDER BY h.attempt DESC LIMIT 1
) latest
"""  # noqa: S608 - the columns stand above


def in_runs(connection: psycopg.Connection, pairs: Collection[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Latest]:
    """Return the latest attempts of tasks in runs, by (task, run); where there is none the pair is left out."""
    if not pairs:
        return {}
    bounds = [same_milliseconds(run) for _, run in pairs]
    parameters = {
        "tasks": [task_id for task_id, _ in pairs],
        "runs": [run for _, run in pairs],
        "lows": [low for low, _ in bounds],
        "highs": [high for _, high in bounds],
        "low": min(bounds)[0],
        "high": max(bounds)[1],
    }
    return {(row[2], row[0]): latest(row[1:]) for row in connection.execute(_IN_RUNS, parameters)}


# The newest id, and of the attempts that share its milliseconds the last one at its slot. What a backfill ran has an id
# of the instant at which it was asked for: it counts in its own run only.
_AT_SLOTS = f"""
SELECT u.slot, {COLUMNS}
FROM unnest(%(tasks)s::uuid[], %(slots)s::timestamptz[], %(highs)s::uuid[]) AS u (task_id, slot, high)
CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM task_execution_history h
    WHERE h.task_id = u.task_id AND h.id < u.high AND h.id < %(high)s AND h.scheduled_for <= u.slot
        AND NOT starts_with(h.cause, 'backfill:')
    ORDER BY h.id DESC LIMIT 1
) h
"""  # noqa: S608 - the columns stand above

_LAST_ATTEMPTS = f"""
SELECT latest.* FROM unnest(%(tasks)s::uuid[], %(causes)s::text[], %(lows)s::uuid[], %(highs)s::uuid[])
    AS u (task_id, cause, low, high)
CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM task_execution_history h
    WHERE h.task_id = u.task_id AND h.id >= u.low AND h.id < u.high AND h.id >= %(low)s AND h.id < %(high)s
        AND h.cause = u.cause
    ORDER BY h.attempt DESC LIMIT 1
) latest
"""  # noqa: S608 - the columns stand above


def at_slots(
    connection: psycopg.Connection, pairs: Collection[tuple[UUID, datetime]]
) -> dict[tuple[UUID, datetime], Latest]:
    """Return the latest attempts at the latest slots of tasks up to an instant, that included, by (task, instant)."""
    if not pairs:
        return {}
    highs = [lower_bound(slot + _MILLISECOND) for _, slot in pairs]
    parameters = {
        "tasks": [task_id for task_id, _ in pairs],
        "slots": [slot for _, slot in pairs],
        "highs": highs,
        "high": max(highs),
    }
    newest = {(row[2], row[0]): latest(row[1:]) for row in connection.execute(_AT_SLOTS, parameters)}
    last = last_attempts(connection, list({one.execution: one for one in newest.values()}.values()))
    return {pair: last.get((one.task_id, one.cause), one) for pair, one in newest.items()}


def last_attempts(connection: psycopg.Connection, newest: Sequence[Latest]) -> dict[tuple[UUID, str], Latest]:
    """Return the last attempts of the same slots as these, by (task, cause)."""
    if not newest:
        return {}
    bounds = [same_milliseconds(one.execution) for one in newest]
    parameters = {
        "tasks": [one.task_id for one in newest],
        "causes": [one.cause for one in newest],
        "lows": [low for low, _ in bounds],
        "highs": [high for _, high in bounds],
        "low": min(bounds)[0],
        "high": max(bounds)[1],
    }
    rows = [latest(row) for row in connection.execute(_LAST_ATTEMPTS, parameters)]
    return {(one.task_id, one.cause): one for one in rows}


# Of a task that waits for an upstream, from the upstream's slot on up to its next one; the newest first.
_LEFT_OUT = f"""
SELECT {COLUMNS} FROM unnest(%(tasks)s::uuid[], %(upstreams)s::uuid[], %(lows)s::uuid[], %(nexts)s::uuid[])
    AS u (task_id, upstream_id, low, next)
CROSS JOIN LATERAL (
    SELECT coalesce((
        SELECT n.id FROM task_execution_history n
        WHERE n.task_id = u.upstream_id AND n.id >= u.next AND n.id >= %(low)s AND NOT starts_with(n.cause, 'backfill:')
        ORDER BY n.id LIMIT 1
    ), 'ffffffff-ffff-ffff-ffff-ffffffffffff') AS id
) high
CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM task_execution_history h
    WHERE h.task_id = u.task_id AND h.id >= u.low AND h.id >= %(low)s AND h.id < high.id
        AND h.status = 'SKIPPED' AND h.reason = 'dependency' AND starts_with(h.cause, 'slot:')
    ORDER BY h.id DESC LIMIT %(limit)s
) h
"""  # noqa: S608 - the columns stand above


def left_out(
    connection: psycopg.Connection, waits: Collection[tuple[UUID, UUID, datetime]], *, limit: int
) -> list[Latest]:
    """Return the slots of tasks that were left out for what an upstream's slot came to, up to `limit` a task, newest
    first: triples of the task, the upstream and its slot. Those that were tried again since are left out.
    """
    if not waits:
        return []
    lows = [lower_bound(slot) for _, _, slot in waits]
    parameters = {
        "tasks": [task_id for task_id, _, _ in waits],
        "upstreams": [upstream for _, upstream, _ in waits],
        "lows": lows,
        "nexts": [lower_bound(slot + _MILLISECOND) for _, _, slot in waits],
        "low": min(lows),
        "limit": limit,
    }
    found = {one.execution: one for one in map(latest, connection.execute(_LEFT_OUT, parameters).fetchall())}
    last = last_attempts(connection, list(found.values()))
    return [one for one in found.values() if last[one.task_id, one.cause].execution == one.execution]


_NEWEST = f"""
SELECT latest.* FROM unnest(%(tasks)s::uuid[]) AS u (task_id) CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM task_execution_history h WHERE h.task_id = u.task_id ORDER BY h.id DESC LIMIT 1
) latest
"""  # noqa: S608 - the columns stand above


def newest(connection: psycopg.Connection, task_ids: Collection[UUID]) -> dict[UUID, Latest]:
    """Return the newest execution of each task, by task; of one that has none nothing."""
    if not task_ids:
        return {}
    rows = [latest(row) for row in connection.execute(_NEWEST, {"tasks": list(task_ids)})]
    return {one.task_id: one for one in rows}


class Outcome(NamedTuple):
    """What the tasks of a run have come to, each by its latest attempt, and from its first start to its last end."""

    statuses: frozenset[Status]
    took_ms: int | None


_OUTCOMES = """
SELECT u.run_id, array_agg(DISTINCT latest.status),
    (extract(epoch FROM max(latest.end_time) - min(latest.start_time)) * 1000)::bigint
FROM unnest(%(runs)s::uuid[], %(lows)s::uuid[], %(highs)s::uuid[]) AS u (run_id, low, high)
CROSS JOIN LATERAL (
    SELECT DISTINCT ON (h.task_id) h.status, h.start_time, h.end_time FROM task_execution_history h
    WHERE h.run_id = u.run_id AND h.id >= u.low AND h.id < u.high AND h.id >= %(low)s AND h.id < %(high)s
        AND (%(namespace)s::text IS NULL OR h.namespace = %(namespace)s)
    ORDER BY h.task_id, h.attempt DESC
) latest
GROUP BY u.run_id
"""


def outcomes(
    connection: psycopg.Connection, run_ids: Collection[UUID], *, namespace: str | None
) -> dict[UUID, Outcome]:
    """Return what runs have come to, as far as a namespace may see them; one that nothing has followed is left out."""
    if not run_ids:
        return {}
    bounds = [same_milliseconds(run) for run in run_ids]
    parameters = {
        "runs": list(run_ids),
        "lows": [low for low, _ in bounds],
        "highs": [high for _, high in bounds],
        "low": min(bounds)[0],
        "high": max(bounds)[1],
        "namespace": namespace,
    }
    rows = connection.execute(_OUTCOMES, parameters)
    return {run: Outcome(frozenset(map(Status, statuses)), took) for run, statuses, took in rows}


_UNSEEN = "SELECT DISTINCT run_id FROM scheduler_upstream_ends WHERE run_id = ANY(%s)"


def unseen(connection: psycopg.Connection, run_ids: Collection[UUID]) -> set[UUID]:
    """Return the runs in which slots have ended whose dependents nobody has looked at yet."""
    return {row[0] for row in connection.execute(_UNSEEN, (list(run_ids),))} if run_ids else set()


def latest(row: Sequence[object]) -> Latest:
    """Return a row of COLUMNS."""
    read = Latest(*row)  # type: ignore[arg-type]
    return read._replace(status=Status(read.status))
