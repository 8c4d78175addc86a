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


_COLUMNS = "h.id, h.task_id, h.status, h.attempt, h.cause, h.reason, h.run_id, h.scheduled_for, h.namespace"

# All attempts in a run hold the milliseconds of the run's id, so that the index of a task's history leads to them.
_IN_RUNS = f"""
SELECT u.run_id, latest.* FROM unnest(%(tasks)s::uuid[], %(runs)s::uuid[], %(lows)s::uuid[], %(highs)s::uuid[])
    AS u (task_id, run_id, low, high)
CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM task_execution_history h
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
    return {(row[2], row[0]): _latest(row[1:]) for row in connection.execute(_IN_RUNS, parameters)}


# The newest id, and of the attempts that share its milliseconds the last one at its slot. What a backfill ran has an id
# of the instant at which it was asked for: it counts in its own run only.
_AT_SLOTS = f"""
SELECT u.slot, {_COLUMNS}
FROM unnest(%(tasks)s::uuid[], %(slots)s::timestamptz[], %(highs)s::uuid[]) AS u (task_id, slot, high)
CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM task_execution_history h
    WHERE h.task_id = u.task_id AND h.id < u.high AND h.id < %(high)s AND h.scheduled_for <= u.slot
        AND NOT starts_with(h.cause, 'backfill:')
    ORDER BY h.id DESC LIMIT 1
) h
"""  # noqa: S608 - the columns stand above

_LAST_ATTEMPTS = f"""
SELECT latest.* FROM unnest(%(tasks)s::uuid[], %(causes)s::text[], %(lows)s::uuid[], %(highs)s::uuid[])
    AS u (task_id, cause, low, high)
CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM task_execution_history h
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
    newest = {(row[2], row[0]): _latest(row[1:]) for row in connection.execute(_AT_SLOTS, parameters)}
    last = _last_attempts(connection, list({one.execution: one for one in newest.values()}.values()))
    return {pair: last.get((one.task_id, one.cause), one) for pair, one in newest.items()}


def _last_attempts(connection: psycopg.Connection, newest: Sequence[Latest]) -> dict[tuple[UUID, str], Latest]:
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
    rows = [_latest(row) for row in connection.execute(_LAST_ATTEMPTS, parameters)]
    return {(one.task_id, one.cause): one for one in rows}


_NEWEST = f"""
SELECT latest.* FROM unnest(%(tasks)s::uuid[]) AS u (task_id) CROSS JOIN LATERAL (
    SELECT {_COLUMNS} FROM task_execution_history h WHERE h.task_id = u.task_id ORDER BY h.id DESC LIMIT 1
) latest
"""  # noqa: S608 - the columns stand above


def newest(connection: psycopg.Connection, task_ids: Collection[UUID]) -> dict[UUID, Latest]:
    """Return the newest execution of each task, by task; of one that has none nothing."""
    if not task_ids:
        return {}
    rows = [_latest(row) for row in connection.execute(_NEWEST, {"tasks": list(task_ids)})]
    return {one.task_id: one for one in rows}


_UNSEEN = "SELECT DISTINCT run_id FROM scheduler_upstream_ends WHERE run_id = ANY(%s)"


def unseen(connection: psycopg.Connection, run_ids: Collection[UUID]) -> set[UUID]:
    """Return the runs in which slots have ended whose dependents nobody has looked at yet."""
    return {row[0] for row in connection.execute(_UNSEEN, (list(run_ids),))} if run_ids else set()


def _latest(row: Sequence[object]) -> Latest:
    latest = Latest(*row)  # type: ignore[arg-type]
    return latest._replace(status=Status(latest.status))
