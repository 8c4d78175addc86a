"""What backfills have made of slots of the past, and are going to: what the slots of another backfill look at."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from scheduler import runs, schedules
from scheduler.engine.calendars import InvalidCalendar
from scheduler.engine.schedules import InvalidSchedule
from scheduler.runs import Latest

_TICK = timedelta(microseconds=1)

# By the index of what backfills have run; their ids hold the instants of their requests, and say nothing of slots.
_NEWEST = f"""
SELECT u.slot, {runs.COLUMNS} FROM unnest(%(tasks)s::uuid[], %(slots)s::timestamptz[]) AS u (task_id, slot)
CROSS JOIN LATERAL (
    SELECT {runs.COLUMNS} FROM task_execution_history h
    WHERE h.task_id = u.task_id AND h.scheduled_for <= u.slot AND h.cause LIKE 'backfill:%%'
    ORDER BY h.scheduled_for DESC, h.id DESC LIMIT 1
) h
"""  # noqa: S608 - the columns are ours

_OPEN = """
SELECT task_id, arguments, position FROM scheduler_operations
WHERE kind = 'BACKFILL' AND status IN ('PENDING', 'RUNNING') AND abort_requested_at IS NULL AND task_id = ANY(%s)
"""

Pairs = Collection[tuple[UUID, datetime]]


def newest(connection: psycopg.Connection, pairs: Pairs) -> dict[tuple[UUID, datetime], Latest]:
    """Return the latest attempts at the latest slots up to an instant that backfills have run, by (task, instant)."""
    if not pairs:
        return {}
    parameters = {"tasks": [task_id for task_id, _ in pairs], "slots": [slot for _, slot in pairs]}
    found = {(row[2], row[0]): runs.latest(row[1:]) for row in connection.execute(_NEWEST, parameters)}
    last = runs.last_attempts(connection, list({one.execution: one for one in found.values()}.values()))
    return {pair: last.get((one.task_id, one.cause), one) for pair, one in found.items()}


def to_come(connection: psycopg.Connection, pairs: Pairs) -> dict[tuple[UUID, datetime], datetime]:
    """Return the latest slots up to an instant that open backfills have not come to yet, by (task, instant)."""
    if not pairs:
        return {}
    found = {row[0]: row[1:] for row in connection.execute(_OPEN, (list({task_id for task_id, _ in pairs}),))}
    coming = {pair: _latest_left(*found[pair[0]], until=pair[1]) for pair in pairs if pair[0] in found}
    return {pair: slot for pair, slot in coming.items() if slot is not None}


def _latest_left(arguments: dict[str, Any], position: datetime, *, until: datetime) -> datetime | None:
    end = datetime.fromisoformat(arguments["to"])
    try:
        slot = schedules.of_kept(arguments["schedule"]).latest_at(min(until, end - _TICK))
    except (InvalidSchedule, InvalidCalendar):  # it will fail, and nothing comes of it
        return None
    return slot if slot is not None and slot >= position else None
