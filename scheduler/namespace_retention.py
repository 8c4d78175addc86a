"""Retention of a namespace's own: what ended goes row by row, in batches, before its partition does."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from scheduler import clock
from scheduler.engine.identity import lower_bound
from scheduler.engine.states import FINAL
from scheduler.partitions import Partition, existing
from scheduler.retention import HISTORY, alone

BATCH = 5_000
# A call of the chore; what is left the next one removes.
MOST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Kept:
    """A namespace with an own retention: what lies before `begin`, midnight of a day (UTC), is to go."""

    namespace: str
    begin: datetime


def is_quiet(hours: tuple[int, int], *, now: datetime) -> bool:
    """Tell whether `now` lies within quiet hours, from <= hour < until (UTC); they may go over midnight."""
    first, until = hours
    hour = now.astimezone(UTC).hour
    return first <= hour < until if first < until else hour >= first or hour < until


def kept(connection: psycopg.Connection, *, now: datetime) -> list[Kept]:
    """Return the namespaces with a retention of their own, by name."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    rows = connection.execute(_KEPT).fetchall()
    return [Kept(name, today - timedelta(days=days)) for name, days in rows]


def removable(connection: psycopg.Connection, *, now: datetime) -> dict[str, int]:
    """Return by namespace how many executions are to go."""
    return {
        one.namespace: sum(_counted(connection, one, partition) for partition in _older(connection, one))
        for one in kept(connection, now=now)
    }


def prune(connection: psycopg.Connection, *, now: datetime, seconds: float | None = MOST_SECONDS) -> dict[str, int]:
    """Remove what `removable` counts, with its logs; return by namespace how many executions went.

    `connection` must be in no transaction: each 5,000 are one. It ends after `seconds`, None goes on to the end. One
    process at a time: another one's call does nothing. What is open stays.
    """
    ends_at = None if seconds is None else clock.monotonic() + seconds
    gone: dict[str, int] = {}
    with alone(connection) as is_alone:
        for one in kept(connection, now=now) if is_alone else ():
            gone[one.namespace] = sum(_batches(connection, one, ends_at))
    return gone


def _batches(connection: psycopg.Connection, one: Kept, ends_at: float | None) -> Iterator[int]:
    for partition in _older(connection, one):
        count = BATCH
        while count == BATCH and (ends_at is None or clock.monotonic() < ends_at):
            with connection.transaction():
                # What is gone nobody can count again (`scheduler.rebuild`).
                connection.execute(_NOTE, {"namespace": one.namespace, "begin": one.begin})
                count = _number(connection, _FORGET, _parameters(one, partition) | {"limit": BATCH})
            yield count


def _older(connection: psycopg.Connection, one: Kept) -> list[Partition]:
    """Return the partitions that reach before what a namespace keeps: one statement each looks at no other."""
    first = lower_bound(one.begin)
    return [found for found in existing(connection, HISTORY) if found.lower is None or found.lower < first]


def _counted(connection: psycopg.Connection, one: Kept, partition: Partition) -> int:
    return _number(connection, _COUNT, _parameters(one, partition))


def _number(connection: psycopg.Connection, statement: str, parameters: dict[str, object]) -> int:
    row = connection.execute(statement, parameters).fetchone()
    return int(row[0]) if row else 0


def _parameters(one: Kept, partition: Partition) -> dict[str, object]:
    return {
        "namespace": one.namespace,
        "low": partition.lower or UUID(int=0),
        "high": min(partition.upper, lower_bound(one.begin)),
        "final": sorted(FINAL),
    }


_KEPT = "SELECT name, retention_days FROM scheduler_namespaces WHERE retention_days IS NOT NULL ORDER BY name"

_NOTE = """
UPDATE scheduler_namespaces SET pruned_until = %(begin)s
WHERE name = %(namespace)s AND (pruned_until IS NULL OR pruned_until < %(begin)s)
"""

_COUNT = """
SELECT count(*) FROM task_execution_history
WHERE namespace = %(namespace)s AND id >= %(low)s AND id < %(high)s AND status = ANY(%(final)s)
"""

_FORGET = """
WITH gone AS (
    DELETE FROM task_execution_history WHERE id >= %(low)s AND id < %(high)s AND id = ANY (ARRAY(
        SELECT id FROM task_execution_history
        WHERE namespace = %(namespace)s AND id >= %(low)s AND id < %(high)s AND status = ANY(%(final)s)
        ORDER BY id DESC LIMIT %(limit)s
    )) RETURNING id
), logs AS (
    DELETE FROM execution_log l USING gone WHERE l.id = gone.id AND l.id >= %(low)s AND l.id < %(high)s
)
SELECT count(*) FROM gone
"""
