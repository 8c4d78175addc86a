"""Outages as the claim meets them: what it finds missed, beyond what may go at once, a catch-up holds, by group."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

import psycopg
from django.conf import settings
from psycopg.types.json import Json

from scheduler.records import DueTask

KEY: Final = "catch_up:"

# Kept open until the claim commits: it is not completed under its hands (`claims.catchup_to_complete`).
_OPEN = """
SELECT arguments ->> 'group', id FROM scheduler_operations
WHERE kind = 'CATCH_UP' AND status IN ('PENDING', 'RUNNING', 'HELD') AND arguments ->> 'group' = ANY(%s)
ORDER BY id FOR KEY SHARE
"""

_BEGIN = """
INSERT INTO scheduler_operations (id, kind, status, namespace, arguments, position, total_count, created_at)
VALUES (%s, 'CATCH_UP', 'PENDING', %s, %s, %s, 0, %s)
ON CONFLICT ((arguments ->> 'group')) WHERE kind = 'CATCH_UP' AND status IN ('PENDING', 'RUNNING', 'HELD') DO NOTHING
"""

_LABELS = "SELECT id, labels ->> %s FROM scheduler_tasks WHERE id = ANY(%s)"


def key_of(operation_id: UUID) -> str:
    """Return the key by which a catch-up holds executions."""
    return f"{KEY}{operation_id}"


def holding(
    connection: psycopg.Connection, tasks: Sequence[DueTask], *, missed: int, now: datetime
) -> Mapping[UUID, str]:
    """Return which of these locked tasks have what they missed held, and by which key.

    All of them where the claim has found more than may go at once, else those whose group is catching up already.
    """
    if not tasks or not settings.CATCH_UP_PER_SECOND:
        return {}
    groups = _groups(connection, tasks)
    found = _found(connection, groups)
    if missed > settings.CATCH_UP_AT_ONCE and (missing := sorted(set(groups.values()) - found.keys())):
        # In their order, as any other claim has it: who comes second waits for who comes first, and never both.
        for group in missing:
            _begin(connection, group, now=now)
        found = _found(connection, groups)
    return {task_id: key_of(found[group]) for task_id, group in groups.items() if group in found}


def _groups(connection: psycopg.Connection, tasks: Sequence[DueTask]) -> dict[UUID, str]:
    """Return the group of each task: its namespace, its task class, or the value of a label, within the namespace."""
    by = settings.CATCH_UP_GROUP_BY
    if by == "taskClass":
        return {task.id: f"{task.namespace} taskClass={task.task_class}" for task in tasks}
    if by == "namespace":
        return {task.id: task.namespace for task in tasks}
    name = by.removeprefix("label:")
    labels: dict[UUID, str | None] = dict(connection.execute(_LABELS, (name, [task.id for task in tasks])).fetchall())
    return {task.id: f"{task.namespace} {name}={labels.get(task.id) or ''}" for task in tasks}


def _found(connection: psycopg.Connection, groups: Mapping[UUID, str]) -> dict[str, UUID]:
    return dict(connection.execute(_OPEN, (sorted(set(groups.values())),)).fetchall())


def _begin(connection: psycopg.Connection, group: str, *, now: datetime) -> None:
    arguments = {"group": group, "groupBy": settings.CATCH_UP_GROUP_BY, "maxPerSecond": settings.CATCH_UP_PER_SECOND}
    connection.execute(_BEGIN, (uuid4(), group.partition(" ")[0], Json(arguments), now, now))
