"""Keeps each version of a definition, in the transaction that makes it; whoever calls holds the rows' locks.

Everything here takes any number of tasks: a bulk registration keeps thousands in one statement.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

import psycopg

from scheduler import acting
from scheduler.engine.identity import id_array
from scheduler.engine.workflows import Condition, Upstream
from scheduler.models import Calendar, Task

# What a definition is made of; the rest of a task's row says how it stands.
DEFINITION: Final = (
    "name", "namespace", "description", "task_class", "task_data", "owner", "labels",
    "cron_expression", "time_zone", "interval_seconds", "interval_mode", "run_at", "start_at", "end_at",
    "anchor_at", "jitter_seconds", "flex_seconds", "calendar_id", "calendar_policy",
    "misfire_policy", "misfire_grace_seconds", "catch_up_limit", "overlap_policy",
    "max_concurrency", "auto_pause_after_failures", "priority", "queue",
    "timeout_seconds", "max_retry_count", "retry_policy", "retry_on", "dependency_mode",
    "listens_to", "notify_on", "sla", "uses", "circuit_policy",
)  # fmt: skip

# A calendar keeps its name for ever; written down here, nobody has to look it up.
_CALENDAR_NAME = """
CASE WHEN t.calendar_id IS NOT NULL THEN (SELECT c.name FROM scheduler_calendars c WHERE c.id = t.calendar_id) END
"""

_UPSTREAMS = """
CASE WHEN t.has_dependencies THEN (
    SELECT jsonb_agg(jsonb_build_object('task_id', d.upstream_id, 'condition', d.condition) ORDER BY d.position)
    FROM scheduler_dependencies d WHERE d.task_id = t.id
) END
"""

_AS_STORED = f"""
FROM scheduler_tasks t CROSS JOIN LATERAL (
    SELECT {", ".join(f"t.{column}" for column in DEFINITION)}, {_CALENDAR_NAME} AS calendar_name,
        {_UPSTREAMS} AS upstreams
) definition
WHERE t.id = ANY(%(ids)s::uuid[])
"""

_KEEP = f"""
INSERT INTO scheduler_revisions (task_id, version, definition, created_at, created_by, reason, restored_from)
SELECT t.id, t.version, to_jsonb(definition), t.updated_at, %(by)s, %(reason)s, %(restored_from)s {_AS_STORED}
"""

# Of a first version it is known who made it; of a later one that no revision tells of, no more than when.
_KEEP_MISSING = f"""
INSERT INTO scheduler_revisions (task_id, version, definition, created_at, created_by)
SELECT t.id, t.version, to_jsonb(definition), t.updated_at, CASE WHEN t.version = 1 THEN t.created_by END {_AS_STORED}
    AND NOT EXISTS (SELECT FROM scheduler_revisions r WHERE r.task_id = t.id AND r.version = t.version)
ON CONFLICT (task_id, version) DO NOTHING
"""  # noqa: S608 - all parts are ours


def keep(connection: psycopg.Connection, task_ids: Collection[UUID], *, restored_from: int | None = None) -> None:
    """Keep the definitions of tasks as they have just been stored, as what whoever acts has made of them."""
    actor = acting.current()
    parameters = {"ids": id_array(task_ids), "by": actor.name, "reason": actor.reason, "restored_from": restored_from}
    connection.execute(_KEEP, parameters)


def keep_missing(connection: psycopg.Connection, task_ids: Collection[UUID]) -> None:
    """Keep the definitions of tasks that are about to change, where no revision tells of them yet.

    Those were stored before there were revisions, or by a node that does not keep any.
    """
    connection.execute(_KEEP_MISSING, {"ids": id_array(task_ids)})


_KEEP_CALENDAR = """
INSERT INTO scheduler_calendar_revisions (calendar_id, version, rules, created_at, created_by, reason)
SELECT c.id, c.version, c.rules, c.updated_at, %(by)s, %(reason)s FROM scheduler_calendars c WHERE c.id = %(id)s
"""

_KEEP_MISSING_CALENDAR = """
INSERT INTO scheduler_calendar_revisions (calendar_id, version, rules, created_at, created_by)
SELECT c.id, c.version, c.rules, c.updated_at, CASE WHEN c.version = 1 THEN c.created_by END
FROM scheduler_calendars c WHERE c.id = %(id)s
ON CONFLICT (calendar_id, version) DO NOTHING
"""


def keep_calendar(connection: psycopg.Connection, calendar_id: UUID) -> None:
    """Keep the rules of a calendar as they have just been stored."""
    actor = acting.current()
    connection.execute(_KEEP_CALENDAR, {"id": calendar_id, "by": actor.name, "reason": actor.reason})


def keep_missing_calendar(connection: psycopg.Connection, calendar_id: UUID) -> None:
    """Keep the rules of a calendar that are about to change, where no revision tells of them yet."""
    connection.execute(_KEEP_MISSING_CALENDAR, {"id": calendar_id})


_KEEP_TEMPLATE = """
INSERT INTO scheduler_template_revisions (
    template_id, version, parameters, definition, created_at, created_by, reason
)
SELECT t.id, t.version, t.parameters, t.definition, t.updated_at, %(by)s, %(reason)s
FROM scheduler_templates t WHERE t.id = %(id)s
"""


def keep_template(connection: psycopg.Connection, template_id: UUID) -> None:
    """Keep a template as it has just been stored."""
    actor = acting.current()
    connection.execute(_KEEP_TEMPLATE, {"id": template_id, "by": actor.name, "reason": actor.reason})


def as_task(definition: Mapping[str, Any], *, rules: dict[str, Any] | None = None, **others: Any) -> Task:
    """Return a task, not stored, with a kept definition; columns that it does not know yet have their defaults.

    `rules` are those that its calendar had then, as a `CalendarRevision` has them; without them only its name is known.
    """
    task = Task(**{name: _value(name, definition[name]) for name in DEFINITION if name in definition}, **others)
    kept = definition.get("upstreams") or ()
    task.upstreams = tuple(Upstream(UUID(one["task_id"]), Condition(one["condition"])) for one in kept)
    task.has_dependencies = bool(kept)
    if task.calendar_id is not None:
        task.calendar = Calendar(id=task.calendar_id, name=definition["calendar_name"], rules=rules or {})
    return task


def _value(column: str, value: Any) -> Any:
    """Return a column's value from what JSON has of it: instants and ids are texts there."""
    field: Any = Task._meta.get_field(column)  # noqa: SLF001 - Django documents it as public
    return value if field.get_internal_type() == "JSONField" else field.to_python(value)
