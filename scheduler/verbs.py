"""What people do to tasks, many at once: pause, resume, trigger, delete, assign. Inside the caller's transaction.

Each leaves its records in the audit, as done by whoever acts.
"""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from scheduler import audit, claims, firing, pauses, revisions, transitions, triggers
from scheduler.engine.schedules.instants import written
from scheduler.engine.states import Reason, TaskStatus
from scheduler.lookups import task_of
from scheduler.models.choices import AuditVerb
from scheduler.records import Done, DueTask, Ready

MOST_LABELS: Final = 64

GONE = "There is no such task."
DELETED = "The task is deleted."
COMPLETED = "No further slot of the task will come."
IN_USE = "Other tasks depend on it: take it out of their dependencies, or delete them first."


_PAUSE = """
UPDATE scheduler_tasks SET status = 'PAUSED', pause_reason = %(reason)s, paused_until = %(until)s,
    claim_at = NULL, next_execution_time = NULL
WHERE id = ANY(%(ids)s)
"""


def pause(
    connection: psycopg.Connection, task_ids: Collection[UUID], *, reason: str, until: datetime | None, now: datetime
) -> Done:
    """Stop firing, once the slots up to `now` are recorded; those that are paused take the new reason and end."""
    ready = _record_due(connection, task_ids, now=now)
    tasks, refused = _standing(connection, task_ids)
    refused |= {task.id: COMPLETED for task in tasks if task.status == TaskStatus.COMPLETED}
    paused = [task.id for task in tasks if task.id not in refused]
    connection.execute(_PAUSE, {"ids": paused, "reason": reason, "until": until})
    after = {"status": TaskStatus.PAUSED, "pauseReason": reason, "pausedUntil": until and written(until)}
    audit.record_many(connection, paused, verb=AuditVerb.PAUSE, after=after, now=now)
    return Done(paused, refused, ready)


def resume(connection: psycopg.Connection, task_ids: Collection[UUID], *, catch_up: bool, now: datetime) -> Done:
    """Fire again; the slots of the pauses are passed over, or with `catch_up` due. What is not paused is so already."""
    _, refused = _standing(connection, task_ids)
    outcomes = pauses.resume(connection, task_ids, catch_up=catch_up, now=now)
    refused |= {task_id: f"It cannot be resumed: {error}" for task_id, error in outcomes.items() if error is not None}
    resumed = [task_id for task_id, error in outcomes.items() if error is None]
    audit.record_many(connection, resumed, verb=AuditVerb.RESUME, after={"catchUp": catch_up}, now=now)
    return Done(resumed, refused)


def trigger(connection: psycopg.Connection, task_ids: Collection[UUID], *, request: UUID, now: datetime) -> Done:
    """Run each now, whatever its schedule and a pause say; overlaps and limits are obeyed."""
    tasks, refused = _standing(connection, task_ids)
    _, ready = triggers.trigger_all(connection, tasks, request=request, task_data=None, now=now)
    ids = [task.id for task in tasks]
    audit.record_many(connection, ids, verb=AuditVerb.TRIGGER, now=now)
    return Done(ids, refused, ready)


def delete(connection: psycopg.Connection, task_ids: Collection[UUID], *, now: datetime) -> Done:
    """Delete tasks, once the slots up to `now` are recorded; those that are deleted are so already."""
    _record_due(connection, task_ids, now=now)
    tasks, refused = _standing(connection, task_ids)
    in_use = {row[0] for row in connection.execute(_IN_USE, ([task.id for task in tasks if task.has_dependents],))}
    refused |= dict.fromkeys(in_use, IN_USE)
    ids = [task.id for task in tasks if task.id not in in_use]
    end(connection, ids, now=now)
    audit.record_many(connection, ids, verb=AuditVerb.DELETE, after={"status": TaskStatus.DELETED}, now=now)
    return Done(ids, {task_id: why for task_id, why in refused.items() if why != DELETED})


_IN_USE = f"""
SELECT DISTINCT d.upstream_id FROM scheduler_dependencies d {task_of("d", "status")}
WHERE d.upstream_id = ANY(%s) AND t.status <> 'DELETED'
"""  # noqa: S608 - our own words

_END = """
UPDATE scheduler_tasks SET status = 'DELETED', claim_at = NULL, next_slot_for = NULL, next_execution_time = NULL
WHERE id = ANY(%s)
"""


def end(connection: psycopg.Connection, task_ids: Collection[UUID], *, now: datetime) -> None:
    """Mark tasks that the caller has locked DELETED, and cancel what waits of them; what runs ends."""
    pauses.record(connection, task_ids, until=now, now=now)
    connection.execute(_END, (list(task_ids),))
    waiting = claims.waiting_executions(connection, list(task_ids))
    transitions.cancel_waiting(connection, waiting, reason=Reason.DELETED, now=now)


_ASSIGNED = "SELECT id, priority, queue, labels::text FROM scheduler_tasks WHERE id = ANY(%s)"

_ASSIGN = """
UPDATE scheduler_tasks t SET priority = u.priority, queue = u.queue, labels = u.labels::jsonb,
    version = t.version + 1, updated_at = %s
FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::text[]) AS u (id, priority, queue, labels)
WHERE t.id = u.id
"""


def assign(
    connection: psycopg.Connection, task_ids: Collection[UUID], *, values: dict[str, Any], now: datetime
) -> Done:
    """Set priority, queue or labels, a new version of each definition that differs.

    Labels are added to those that are there, and taken away where they are null. Slots up to `now` are recorded first.
    """
    ready = _record_due(connection, task_ids, now=now)
    tasks, refused = _standing(connection, task_ids)
    changed: list[tuple[UUID, int, str, str]] = []
    for task_id, priority, queue, text in connection.execute(_ASSIGNED, ([task.id for task in tasks],)).fetchall():
        labels = json.loads(text)
        merged = {key: value for key, value in (labels | values.get("labels", {})).items() if value is not None}
        if len(merged) > MOST_LABELS:
            refused[task_id] = f"It would have {len(merged)} labels; there may be {MOST_LABELS}."
            continue
        stored = {"priority": priority, "queue": queue}
        after = stored | {name: value for name, value in values.items() if name in stored}
        if after != stored or merged != labels:
            changed.append((task_id, after["priority"], after["queue"], json.dumps(merged)))
    ids = [task_id for task_id, *_ in changed]
    if changed:
        revisions.keep_missing(connection, ids)
        connection.execute(_ASSIGN, (now, *map(list, zip(*changed, strict=True))))
        revisions.keep(connection, ids)
        audit.record_many(connection, ids, verb=AuditVerb.CHANGE, is_defining=True, now=now)
    return Done(ids, refused, ready)


def _record_due(connection: psycopg.Connection, task_ids: Collection[UUID], *, now: datetime) -> list[Ready]:
    pauses.end_if_over(connection, task_ids, now=now)
    return firing.record_all_due(connection, task_ids, now=now)


def _standing(connection: psycopg.Connection, task_ids: Collection[UUID]) -> tuple[list[DueTask], dict[UUID, str]]:
    """Lock the tasks, and return those that are not deleted with why the others refuse."""
    tasks = claims.tasks(connection, task_ids)
    refused = dict.fromkeys(set(task_ids) - {task.id for task in tasks}, GONE)
    refused |= {task.id: DELETED for task in tasks if task.status == TaskStatus.DELETED}
    return [task for task in tasks if task.status != TaskStatus.DELETED], refused
