"""How a backfill stands: counted from history, and written on its operation's row."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Json

from scheduler.engine.identity import backfill_cause, lower_bound
from scheduler.requested import LockedOperation

MOST_ERRORS = 20
ERROR_LENGTH = 500

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Tally:
    """The slots of a backfill by how their latest attempts stand, with the first that have failed."""

    done: int
    failed: int
    open: int
    errors: list[dict[str, Any]]


_OPEN_COUNT = """
SELECT count(*) FROM task_execution_history h
WHERE h.task_id = %(task_id)s AND h.status IN ('QUEUED', 'RUNNING', 'SCHEDULED') AND h.id >= %(low)s AND h.id < %(high)s
    AND starts_with(h.cause, %(cause)s)
"""


def open_count(connection: psycopg.Connection, operation: LockedOperation) -> int:
    """Return how many of a backfill's executions are open."""
    parameters = {"task_id": operation.task_id} | bounds(operation)
    row = connection.execute(_OPEN_COUNT, parameters).fetchone()
    return row[0] if row else 0


_LATEST = """
WITH latest AS (
    SELECT DISTINCT ON (h.scheduled_for) h.scheduled_for, h.status,
        CASE WHEN h.status = 'SUCCESS' THEN 'DONE' WHEN h.status IN ('QUEUED', 'RUNNING', 'SCHEDULED') THEN 'OPEN'
            ELSE 'FAILED' END AS stands,
        coalesce(h.error_message, h.reason) AS message
    FROM task_execution_history h
    WHERE h.task_id = %(task_id)s AND h.id >= %(low)s AND h.id < %(high)s AND starts_with(h.cause, %(cause)s)
    ORDER BY h.scheduled_for, h.attempt DESC
)
"""

_COUNTS = f"""
{_LATEST} SELECT count(*) FILTER (WHERE stands = 'DONE'), count(*) FILTER (WHERE stands = 'FAILED'),
    count(*) FILTER (WHERE stands = 'OPEN') FROM latest
"""  # noqa: S608 - the query stands above

_ERRORS = f"""
{_LATEST} SELECT scheduled_for, status, left(message, %(length)s) FROM latest WHERE stands = 'FAILED'
ORDER BY scheduled_for LIMIT %(most)s
"""  # noqa: S608 - the query stands above


def tally(connection: psycopg.Connection, operation: LockedOperation) -> Tally:
    """Count from history: what was retried by hand meanwhile counts as it stands now."""
    parameters = {"task_id": operation.task_id, "length": ERROR_LENGTH, "most": MOST_ERRORS} | bounds(operation)
    row = connection.execute(_COUNTS, parameters).fetchone()
    done, failed, still_open = row if row else (0, 0, 0)
    failures = connection.execute(_ERRORS, parameters).fetchall() if failed else []
    errors = [{"slot": slot.isoformat(), "status": status, "message": message} for slot, status, message in failures]
    return Tally(done, failed, still_open, errors)


_NOTE = """
UPDATE scheduler_operations
SET status = %(status)s, position = %(position)s, done_count = %(done)s, failed_count = %(failed)s,
    skipped_count = %(skipped)s, errors = %(errors)s, started_at = coalesce(started_at, %(now)s),
    abort_requested_at = %(abort_requested_at)s, ended_at = %(ended_at)s
WHERE id = %(id)s AND status IN ('PENDING', 'RUNNING')
"""


def note(
    connection: psycopg.Connection,
    operation: LockedOperation,
    *,
    now: datetime,
    ended: tuple[str, str | None] | None = None,
) -> None:
    """Write down how a locked backfill stands; it ends, as `ended` says or else COMPLETED, once nothing is open."""
    counted = tally(connection, operation)
    if ended is None and operation.position >= datetime.fromisoformat(operation.arguments["to"]):
        ended = ("COMPLETED", None)
    status, message = ended if ended is not None and counted.open == 0 else ("RUNNING", None)
    connection.execute(
        _NOTE,
        {
            "id": operation.id,
            "status": status,
            "position": operation.position,
            "done": counted.done,
            "failed": counted.failed,
            "skipped": operation.skipped_count,
            "errors": Json([*_whole(message), *counted.errors]),
            "abort_requested_at": operation.abort_requested_at,
            "ended_at": now if status != "RUNNING" else None,
            "now": now,
        },
    )


_FAIL = """
UPDATE scheduler_operations SET status = 'FAILED', errors = %(errors)s, ended_at = %(now)s
WHERE id = %(id)s AND status IN ('PENDING', 'RUNNING')
"""


def fail(connection: psycopg.Connection, operation_id: UUID, error: Exception, *, now: datetime) -> None:
    """End a backfill that cannot go on; what it has open ends by itself."""
    errors = Json(_whole(f"It cannot go on: {error}"))
    connection.execute(_FAIL, {"id": operation_id, "errors": errors, "now": now})


def _whole(message: str | None) -> list[dict[str, Any]]:
    """Return the error of the whole, where there is one."""
    return [{"slot": None, "status": None, "message": message[:ERROR_LENGTH]}] if message is not None else []


def bounds(operation: LockedOperation) -> dict[str, Any]:
    """Return what all executions of a backfill have in common: their cause and the millisecond of its request."""
    low = lower_bound(operation.created_at)
    return {"cause": backfill_cause(operation.id), "low": low, "high": lower_bound(operation.created_at + _MILLISECOND)}
