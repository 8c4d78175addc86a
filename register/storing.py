"""Writes definitions into the table, many in one statement: new ones and changed ones."""

from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from django.db import connection as django_connection

from register import timing
from register.drafting import Draft
from scheduler import connections
from scheduler.models import Task
from scheduler.revisions import DEFINITION

_CHANGED: Final = tuple(
    dict.fromkeys([*DEFINITION, *timing.TIMING_COLUMNS, "has_dependencies", "version", "updated_at"])
)
# What is not among these a new task has from the table's own defaults.
_NEW: Final = ("id", *_CHANGED, "created_at", "created_by", "template_name")

_INSERT: Final = """
INSERT INTO scheduler_tasks ({columns}) SELECT {columns} FROM json_to_recordset(%s::json) AS u ({typed})
ON CONFLICT (namespace, name) WHERE status <> 'DELETED' DO NOTHING
RETURNING id
"""


def insert(tasks: Sequence[Task]) -> set[UUID]:
    """Store new tasks and return the ids of those whose name was free.

    Only the index can tell which of two that come at once was first: a name that another transaction is storing is
    waited for. They go in by name, so that two batches of the same names never wait for each other.
    """
    if not tasks:
        return set()
    rows = [dict(zip(_NEW, _values_of_new(task), strict=True)) for task in sorted(tasks, key=_key)]
    inserted = connections.current().execute(_statement(_INSERT, _NEW), (connections.as_json(rows),))
    if inserted.rowcount == len(tasks):
        return {task.id for task in tasks}
    return {row[0] for row in inserted.fetchall()}


_key = attrgetter("namespace", "name")
_values_of_new = attrgetter(*_NEW)
_values_of_change = attrgetter("id", *_CHANGED)

# How long it ran says nothing of how long it runs with another handler or other data.
_UPDATE: Final = """
UPDATE scheduler_tasks t SET {assigned},
    run_count = CASE WHEN {is_another} THEN 0 ELSE t.run_count END,
    expected_ms = CASE WHEN {is_another} THEN NULL ELSE t.expected_ms END
FROM json_to_recordset(%s::json) AS u ({typed}) WHERE t.id = u.id
"""


def update(drafts: Sequence[Draft]) -> None:
    """Store changed definitions; the caller has locked the rows, so nobody else's value is overwritten."""
    if not drafts:
        return
    names = ("id", *_CHANGED)
    rows = [dict(zip(names, _values_of_change(draft.task), strict=True)) for draft in drafts]
    connections.current().execute(_statement(_UPDATE, names), (connections.as_json(rows),))
    _count_open([draft.task.id for draft in drafts if "overlap_policy" in draft.changed])


# Counted afresh, under the tasks' locks: the counter is not kept while everything may overlap. A finish that has not
# committed yet counts as open here, and takes itself off once it gets the lock. What takes turns, or waits for other
# tasks, keeps no task busy.
_COUNT_OPEN: Final = """
UPDATE scheduler_tasks t SET open_count = CASE WHEN t.overlap_policy = 'ALLOW' THEN 0 ELSE (
    SELECT count(*) FROM task_execution_history h
    WHERE h.task_id = t.id AND h.status IN ('QUEUED', 'RUNNING', 'SCHEDULED')
        AND NOT (h.status = 'SCHEDULED' AND (
            h.reason = 'overlap' AND h.trigger IN ('CATCH_UP', 'BACKFILL') OR h.reason IN ('dependency', 'catch_up')
        ))
) END
WHERE t.id = ANY(%s)
"""


def _count_open(task_ids: Sequence[UUID]) -> None:
    if task_ids:
        connections.current().execute(_COUNT_OPEN, (list(task_ids),))


@lru_cache
def _statement(form: str, names: tuple[str, ...]) -> bytes:
    """Return a statement over rows with these columns, whose types are the model's."""
    fields: list[Any] = [Task._meta.get_field(name) for name in names]  # noqa: SLF001 - Django documents it as public
    columns = [str(field.column) for field in fields]
    types = [field.db_type(django_connection) for field in fields]
    return form.format(
        columns=", ".join(columns),
        assigned=", ".join(f"{column} = u.{column}" for column in columns if column != "id"),
        is_another="(t.task_class, t.task_data) IS DISTINCT FROM (u.task_class, u.task_data)",
        typed=", ".join(f"{column} {kind}" for column, kind in zip(columns, types, strict=True)),
    ).encode()
