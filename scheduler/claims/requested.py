"""What people have asked for: calendars, templates, namespaces that they edit or use, operations, events."""

import json
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import psycopg

from scheduler.engine.protection import Level, Protection
from scheduler.requested import LockedAction, LockedEvent, LockedOperation

# Whoever sets a calendar on a task keeps it; an edit of its rules goes on beside them, a deletion does not.
_KEEP_CALENDARS = """
SELECT id FROM scheduler_calendars WHERE id = ANY(%s) AND deleted_at IS NULL ORDER BY id FOR KEY SHARE
"""


_EDIT_CALENDAR = "SELECT id FROM scheduler_calendars WHERE id = %s AND deleted_at IS NULL FOR NO KEY UPDATE"


_END_CALENDAR = "SELECT id FROM scheduler_calendars WHERE id = %s AND deleted_at IS NULL FOR UPDATE"


def keep_calendars(connection: psycopg.Connection, calendar_ids: Collection[UUID]) -> set[UUID]:
    """Keep calendars from being deleted until the transaction ends; return those that are not deleted already."""
    return {row[0] for row in connection.execute(_KEEP_CALENDARS, (list(calendar_ids),))} if calendar_ids else set()


def calendar_to_edit(connection: psycopg.Connection, calendar_id: UUID) -> bool:
    """Lock a calendar against other edits; False where there is none."""
    return connection.execute(_EDIT_CALENDAR, (calendar_id,)).fetchone() is not None


def calendar_to_delete(connection: psycopg.Connection, calendar_id: UUID) -> bool:
    """Lock a calendar against edits and against tasks that would use it, waiting for those that are being stored."""
    return connection.execute(_END_CALENDAR, (calendar_id,)).fetchone() is not None


def template_to_edit(connection: psycopg.Connection, template_id: UUID) -> bool:
    """Lock a template against edits, and against tasks that would be made of it; False where there is none."""
    found = connection.execute(
        "SELECT FROM scheduler_templates WHERE id = %s AND deleted_at IS NULL FOR UPDATE", (template_id,)
    )
    return found.fetchone() is not None


def keep_template(connection: psycopg.Connection, template_id: UUID) -> bool:
    """Keep a template as it is until the transaction ends; False where it is deleted already."""
    found = connection.execute(
        "SELECT FROM scheduler_templates WHERE id = %s AND deleted_at IS NULL FOR SHARE", (template_id,)
    )
    return found.fetchone() is not None


def namespace_to_edit(connection: psycopg.Connection, name: str) -> bool:
    """Lock the row of a namespace against other edits; False where it has none."""
    found = connection.execute("SELECT FROM scheduler_namespaces WHERE name = %s FOR NO KEY UPDATE", (name,))
    return found.fetchone() is not None


_FLOW_STATE = "SELECT version, in_force FROM scheduler_flow_state WHERE id = 1 FOR UPDATE"


def flow_state(connection: psycopg.Connection) -> tuple[int, int | None]:
    """Lock what is in force against other changes of flow control: (version, id of FlowControl)."""
    connection.execute("INSERT INTO scheduler_flow_state (id) VALUES (1) ON CONFLICT (id) DO NOTHING")
    row = connection.execute(_FLOW_STATE).fetchone()
    assert row is not None  # noqa: S101 - it is there by now
    return row[0], row[1]


_OPERATION = """
SELECT id, task_id, arguments::text, position, skipped_count, created_at, abort_requested_at FROM scheduler_operations
WHERE id = %s AND status IN ('PENDING', 'RUNNING') FOR UPDATE
"""


def operation(connection: psycopg.Connection, operation_id: UUID, *, waits: bool = False) -> LockedOperation | None:
    """Lock one operation on a task's slots; None where it has ended, or another holds it and this one does not wait."""
    row = connection.execute(_OPERATION + ("" if waits else " SKIP LOCKED"), (operation_id,)).fetchone()
    # As text: Django's connections read JSON as text, those of the loops do not.
    return LockedOperation(row[0], row[1], json.loads(row[2]), *row[3:]) if row else None


def operation_to_edit(connection: psycopg.Connection, operation_id: UUID) -> None:
    """Lock an operation of any kind, ended or not: until the transaction ends nobody else changes it."""
    connection.execute("SELECT FROM scheduler_operations WHERE id = %s FOR UPDATE", (operation_id,))


_ON_MANY = """
SELECT id, arguments::text, errors::text, done_count, failed_count, skipped_count, created_by, abort_requested_at
FROM scheduler_operations
WHERE id = %s AND kind = 'BULK_ACTION' AND status IN ('PENDING', 'RUNNING') FOR UPDATE
"""


def operation_on_many(
    connection: psycopg.Connection, operation_id: UUID, *, waits: bool = False
) -> LockedAction | None:
    """Lock one bulk action; None where it has ended, or another holds it and this one does not wait."""
    row = connection.execute(_ON_MANY + ("" if waits else " SKIP LOCKED"), (operation_id,)).fetchone()
    return LockedAction(row[0], json.loads(row[1]), json.loads(row[2]), *row[3:]) if row else None


_EVENT = """
SELECT id, name, namespace, payload, received_at, position FROM scheduler_events
WHERE id = %s AND completed_at IS NULL FOR UPDATE SKIP LOCKED
"""


def event(connection: psycopg.Connection, event_id: UUID) -> LockedEvent | None:
    """Lock one event; None where all that listen have been started, or another node is at it."""
    row = connection.execute(_EVENT, (event_id,)).fetchone()
    return LockedEvent(*row) if row else None


_BEGIN_PROTECTION = """
INSERT INTO scheduler_protection (id, level, since, exceeded, measured) VALUES (1, 'NORMAL', %s, '[]', '{}')
ON CONFLICT (id) DO NOTHING
"""

_PROTECTION = """
SELECT level, since, rate, usual, decided_at FROM scheduler_protection WHERE id = 1 FOR NO KEY UPDATE SKIP LOCKED
"""


def protection(connection: psycopg.Connection, *, now: datetime) -> Protection | None:
    """Lock what is decided of the platform's load; None where another node is deciding."""
    if (row := connection.execute(_PROTECTION).fetchone()) is None:
        connection.execute(_BEGIN_PROTECTION, (now,))
        row = connection.execute(_PROTECTION).fetchone()
    return Protection(Level(row[0]), *row[1:]) if row is not None else None
