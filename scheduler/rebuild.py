"""Counts hours of history anew, where the roll-ups are missing or wrong; what ends meanwhile is taken in as ever."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from scheduler import partitions
from scheduler.engine.histograms import BOUNDS
from scheduler.engine.identity import BACKFILL, lower_bound
from scheduler.engine.states import FINAL
from scheduler.errors import HistoryRemoved
from scheduler.rollups import ADVISORY_KEY, COUNT_BY_NAMESPACE, COUNT_BY_TASK, MEASURED

HOUR = timedelta(hours=1)

_BELOW_MILLISECONDS = 80

# What is noted and not counted yet will be: to count it here too would be twice. Both are seen at one instant.
_IS_COUNTED = """
h.status = ANY(%(final)s) AND (h.scheduled_until IS NULL OR h.slot_count IS NOT NULL)
    AND NOT EXISTS (SELECT FROM (SELECT unnest(executions) AS id FROM scheduler_endings) noted WHERE noted.id = h.id)
"""

_OF_HOUR = f"""
SELECT %(hour)s::timestamptz AS hour, {MEASURED}
FROM task_execution_history h WHERE h.id >= %(low)s AND h.id < %(high)s AND {_IS_COUNTED}
"""  # noqa: S608 - the parts stand above

# A backfill's executions have ids of the instant at which it was asked for, later than their slots.
_OF_SLOTS = f"""
SELECT {MEASURED} FROM task_execution_history h
WHERE h.id >= %(low)s AND h.id < %(high)s AND NOT starts_with(h.cause, %(backfill)s) AND {_IS_COUNTED}
UNION ALL
SELECT {MEASURED} FROM task_execution_history h
WHERE h.id >= %(low)s AND h.cause LIKE 'backfill:%%' AND h.scheduled_for >= %(hour)s AND h.scheduled_for < %(end)s
    AND {_IS_COUNTED}
"""  # noqa: S608 - the parts stand above

_BY_TASK = f"WITH ended AS MATERIALIZED ({_OF_HOUR}) {COUNT_BY_TASK}"
_BY_NAMESPACE = f"WITH ended AS MATERIALIZED ({_OF_SLOTS}) {COUNT_BY_NAMESPACE}"

_FIRST = "SELECT id FROM task_execution_history WHERE id >= %(low)s AND id < %(high)s ORDER BY id LIMIT 1"
_FIRST_BACKFILLED = """
SELECT min(scheduled_for) FROM task_execution_history
WHERE cause LIKE 'backfill:%%' AND scheduled_for >= %(begin)s AND scheduled_for < %(end)s AND id >= %(low)s
"""


def rebuild(connection: psycopg.Connection, *, begin: datetime | None, end: datetime) -> Iterator[datetime]:
    """Count the hours from `begin`, or from the first that there is, until `end` anew; yield each once it is done.

    A transaction an hour: whoever ends it leaves whole hours, and it may be begun again. Raises HistoryRemoved where
    `begin` lies before the oldest partition, for what was counted then could not be counted again.
    """
    position = _kept_since(connection)
    if begin is not None:
        if begin < position:
            raise HistoryRemoved(position)
        position = begin.replace(minute=0, second=0, microsecond=0)
    while hour := _next_hour(connection, position, end):
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (ADVISORY_KEY,))
            _count_anew(connection, hour)
        yield hour
        position = hour + HOUR


def _count_anew(connection: psycopg.Connection, hour: datetime) -> None:
    parameters: dict[str, Any] = {
        "hour": hour, "end": hour + HOUR, "low": lower_bound(hour), "high": lower_bound(hour + HOUR),
        "final": sorted(FINAL), "backfill": BACKFILL, "bounds": list(BOUNDS),
    }  # fmt: skip
    connection.execute("DELETE FROM scheduler_task_rollups WHERE hour = %(hour)s", parameters)
    connection.execute(
        "DELETE FROM scheduler_namespace_rollups WHERE span IN ('minute', 'hour')"
        " AND begin >= %(hour)s AND begin < %(end)s",
        parameters,
    )
    connection.execute(_BY_TASK, parameters)
    connection.execute(_BY_NAMESPACE, parameters)


def _kept_since(connection: psycopg.Connection) -> datetime:
    """Return the first instant of which history is kept whole.

    A partition that was made in the place of removed ones holds what came late, and none of what was counted before. A
    namespace that keeps its history for less has holes in older ones.
    """
    present = partitions.existing(connection, "task_execution_history")
    refilled = [one.upper for one in present if "_gap" in one.name or "_before" in one.name]
    since = _instant(max(refilled, default=present[0].lower or UUID(int=0)))
    row = connection.execute("SELECT max(pruned_until) FROM scheduler_namespaces").fetchone()
    return max(since, row[0]) if row and row[0] is not None else since


def _next_hour(connection: psycopg.Connection, position: datetime, end: datetime) -> datetime | None:
    """Return the first hour from `position` on, and before `end`, of which something is recorded."""
    parameters = {"low": lower_bound(position), "high": lower_bound(end), "begin": position, "end": end}
    first = connection.execute(_FIRST, parameters).fetchone()
    backfilled = connection.execute(_FIRST_BACKFILLED, parameters).fetchone()
    instants = [*([_instant(first[0])] if first else []), *(one for one in backfilled or () if one is not None)]
    return min(instants).replace(minute=0, second=0, microsecond=0) if instants else None


def _instant(execution: UUID) -> datetime:
    return datetime.fromtimestamp((execution.int >> _BELOW_MILLISECONDS) / 1000, tz=UTC)
