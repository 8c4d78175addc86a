"""What people have asked for: calendars, templates, namespaces that they edit or use, operations, events."""

import json
from collections.abc import Collection
from uuid import UUID

import psycopg

from scheduler.records import LockedAction, LockedEvent, LockedOperation

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


_OPERATION = """
SELECT id, task_id, arguments::text, position, skipped_count, created_at, abort_requested_at FROM scheduler_operations
WHERE id = %s AND status IN ('PENDING', 'RUNNING') FOR UPDATE
"""


def operation(connection: psycopg.Connection, operation_id: UUID, *, waits: bool = False) -> LockedOperation | None:
    """Lock one operation on a task's slots; None where it has ended, or another holds it and this one does not wait."""
    row = connection.execute(_OPERATION + ("" if waits else " SKIP LOCKED"), (operation_id,)).fetchone()
    # As text: Django's connections read JSON as text, those of the loops do not.
    return LockedOperation(row[0], row[1], json.loads(row[2]), *row[3:]) if row else None


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
