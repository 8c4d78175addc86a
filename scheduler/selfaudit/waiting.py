"""Which tasks the audit looks at: noted before they are due, and whatever may have had slots without being noted."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

import psycopg

from scheduler.engine.identity import lower_bound
from scheduler.selfaudit.then import Window

# Noted so long before: a run that comes this much too late still knows all that was due.
AHEAD: Final = timedelta(hours=1)
# A statement of these is bounded by what is due in so long.
SLICE: Final = timedelta(minutes=5)

# A row that was never written leaves no trace but this: that its task was going to be due.
_NOTE = """
INSERT INTO scheduler_slot_audit_tasks (task_id, due_at)
SELECT id, claim_at FROM scheduler_tasks WHERE claim_at > %(begin)s AND claim_at <= %(end)s
ON CONFLICT DO NOTHING
"""
_NOTE_HELD = """
INSERT INTO scheduler_slot_audit_tasks (task_id, due_at)
SELECT id, %(now)s FROM scheduler_tasks WHERE held_by IS NOT NULL OR claim_at <= %(now)s
ON CONFLICT DO NOTHING
"""

_OF_HISTORY = """
INSERT INTO scheduler_slot_audit_tasks (task_id, due_at)
SELECT DISTINCT task_id, %(due_at)s::timestamptz FROM task_execution_history WHERE id >= %(low)s AND id < %(high)s
ON CONFLICT DO NOTHING
"""
_OF_RECORDS = """
INSERT INTO scheduler_slot_audit_tasks (task_id, due_at)
SELECT DISTINCT object_id::uuid, %(due_at)s::timestamptz FROM scheduler_audit
WHERE kind = 'task' AND recorded_at > %(begin)s
ON CONFLICT DO NOTHING
"""
_OF_CALENDARS = """
INSERT INTO scheduler_slot_audit_tasks (task_id, due_at)
SELECT t.id, %(due_at)s FROM scheduler_tasks t WHERE t.calendar_id IN (
    SELECT calendar_id FROM scheduler_calendar_revisions WHERE created_at > %(begin)s
)
ON CONFLICT DO NOTHING
"""

_PAGE = """
SELECT DISTINCT task_id FROM scheduler_slot_audit_tasks WHERE due_at <= %(until)s ORDER BY task_id LIMIT %(limit)s
"""
_FORGET = "DELETE FROM scheduler_slot_audit_tasks WHERE task_id = ANY(%(ids)s::uuid[]) AND due_at <= %(until)s"


def note_ahead(connection: psycopg.Connection, *, now: datetime) -> None:
    """Note what will be due within the next hour, and what waits by now."""
    connection.execute(_NOTE_HELD, {"now": now})
    for begin, end in _slices(now, now + AHEAD):
        connection.execute(_NOTE, {"begin": begin, "end": end})


def gather(connection: psycopg.Connection, window: Window) -> None:
    """Add what history, the audit and the calendars tell of the time since a window began."""
    at = {"due_at": window.begin, "begin": window.begin}
    for begin, end in _slices(window.begin, window.until):
        connection.execute(_OF_HISTORY, at | {"low": lower_bound(begin), "high": lower_bound(end)})
    connection.execute(_OF_RECORDS, at)
    connection.execute(_OF_CALENDARS, at)


def page(connection: psycopg.Connection, window: Window, *, limit: int) -> list[UUID]:
    """Return the next tasks to look at, in order of their ids."""
    rows = connection.execute(_PAGE, {"until": window.until, "limit": limit})
    return [row[0] for row in rows]


def forget(connection: psycopg.Connection, ids: list[UUID], window: Window) -> None:
    """Forget tasks that have been looked at, but not what they were noted for after the window."""
    connection.execute(_FORGET, {"ids": ids, "until": window.until})


def _slices(begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    count = -((begin - end) // SLICE)
    edges = [min(begin + SLICE * number, end) for number in range(count + 1)]
    return list(pairwise(edges))
