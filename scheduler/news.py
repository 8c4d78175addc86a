"""News: what has happened, as those who wait for it are told."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg

from scheduler import sequels
from scheduler.claims import Untold
from scheduler.engine import webhooks as rules
from scheduler.engine.retry import RETRYABLE
from scheduler.engine.schedules.instants import written
from scheduler.engine.states import Status
from scheduler.lookups import task_of
from scheduler.models.choices import AuditKind, AuditVerb

TEXT_LENGTH: Final = 2_000


@dataclass(frozen=True, slots=True)
class News:
    """What has happened; `subject` says it apart from all else, for ever."""

    event: str
    subject: str
    namespace: str | None
    at: datetime
    data: dict[str, Any]


def news_of(connection: psycopg.Connection, untold: Untold, is_wanted: Callable[[str], bool]) -> Iterator[News]:
    """Yield the news of an entry of the outbox; what no event is made of, or nobody wants, may be left out."""
    yield from _of_executions(connection, untold.executions, is_wanted)
    yield from _of_records(connection, untold.records)
    yield from _of_breaches(connection, untold.breaches, is_wanted)


_EXECUTIONS = f"""
SELECT h.id, h.task_id, t.name, h.namespace, t.task_class, t.owner, t.labels::text, h.queue, h.priority, h.status,
    h.reason, h.attempt, h.trigger, h.scheduled_for, h.scheduled_until, h.slot_count, h.start_time,
    coalesce(h.end_time, h.scheduled_for), h.execution_time_ms, left(h.result, %(length)s),
    left(h.error_message, %(length)s), h.node_id, h.revision, h.run_id, h.cause
FROM task_execution_history h {task_of("h", "name, task_class, owner, labels")}
WHERE h.id = ANY(%(ids)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s AND h.status || '' = ANY(%(statuses)s)
"""  # noqa: S608 - our own words


def _of_executions(
    connection: psycopg.Connection, executions: Sequence[UUID], is_wanted: Callable[[str], bool]
) -> Iterator[News]:
    statuses = [status for status, event in rules.EXECUTION_EVENTS.items() if is_wanted(event)]
    if not executions or not statuses:
        return
    bounds = {"ids": list(executions), "low": min(executions), "high": max(executions), "length": TEXT_LENGTH}
    rows = connection.execute(_EXECUTIONS, bounds | {"statuses": statuses}).fetchall()
    nexts = {row[0]: _sequel(row) for row in rows if row[9] in RETRYABLE}
    recorded = sequels.recorded(connection, nexts.values())
    for row in rows:
        yield _of_execution(row, is_final=nexts.get(row[0]) not in recorded)


def _sequel(row: Sequence[Any]) -> UUID:
    return sequels.sequel_of(row[0], task_id=row[1], cause=row[-1], attempt=row[11])


_COLUMNS = (
    "id", "taskId", "taskName", "namespace", "taskClass", "owner", "labels", "queue", "priority", "status", "reason",
    "attempt", "trigger", "scheduledFor", "scheduledUntil", "slotCount", "startTime", "endTime", "executionTimeMs",
    "result", "errorMessage", "nodeId", "revision", "runId",
)  # fmt: skip


def _of_execution(row: Sequence[Any], *, is_final: bool) -> News:
    data = {name: _plain(value) for name, value in zip(_COLUMNS, row[:-1], strict=True)}
    data |= {"labels": json.loads(row[6]), "isFinal": is_final}
    return News(rules.EXECUTION_EVENTS[Status(row[9])], f"execution:{row[0]}", row[3], row[17], data)


_RECORDS = """
SELECT a.id, a.recorded_at, a.actor, a.via, a.reason, a.verb, a.kind, a.object_id, a.object_name, a.namespace,
    a.version, a.before::text, a.after::text
FROM scheduler_audit a WHERE a.id = ANY(%s) ORDER BY a.id
"""


def _of_records(connection: psycopg.Connection, records: Sequence[int]) -> Iterator[News]:
    if not records:
        return
    for row in connection.execute(_RECORDS, (list(records),)).fetchall():
        key, at, actor, via, reason, verb, kind, object_id, name, namespace, version, before, after = row
        event = _event_of(kind, verb)
        if event is None:
            continue
        data = {
            kind: {"id": object_id, "name": name, "namespace": namespace, "version": version},
            "actor": actor,
            "via": via,
            "reason": reason,
            "before": before and json.loads(before),
            "after": after and json.loads(after),
        }
        yield News(event, f"record:{key}", namespace, at, data)


_BREACHES = f"""
SELECT b.id, b.task_id, t.name, b.namespace, t.task_class, t.owner, t.labels::text, b.promise, b.execution_id,
    b.scheduled_for, b.broken_at, b.detected_at
FROM scheduler_sla_breaches b {task_of("b", "name, task_class, owner, labels")} WHERE b.id = ANY(%s) ORDER BY b.id
"""  # noqa: S608 - our own words

_BREACH_COLUMNS = (
    "id", "taskId", "taskName", "namespace", "taskClass", "owner", "labels", "promise", "executionId", "scheduledFor",
    "brokenAt", "detectedAt",
)  # fmt: skip


def _of_breaches(
    connection: psycopg.Connection, breaches: Sequence[int], is_wanted: Callable[[str], bool]
) -> Iterator[News]:
    if not breaches or not is_wanted(rules.SLA_BROKEN):
        return
    for row in connection.execute(_BREACHES, (list(breaches),)).fetchall():
        data = {name: _plain(value) for name, value in zip(_BREACH_COLUMNS, row, strict=True)}
        data |= {"labels": json.loads(row[6])}
        yield News(rules.SLA_BROKEN, f"breach:{row[0]}", row[3], row[10], data)


def _event_of(kind: str, verb: str) -> str | None:
    if kind == AuditKind.TASK:
        return rules.TASK_EVENTS.get(verb)
    return rules.SWITCHED_OFF if (kind, verb) == (AuditKind.WEBHOOK, AuditVerb.SWITCH_OFF) else None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return written(value)
    return str(value) if isinstance(value, UUID) else value
