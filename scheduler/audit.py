"""Writes the audit: one record for each write, in its transaction, so that one is never there without the other.

Nothing that is secret goes into it: of a token its name, of a password nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

from scheduler import acting, outbox
from scheduler.connections import as_json
from scheduler.lookups import task_of
from scheduler.models.choices import AuditKind, AuditVerb

# The trigger of scheduler_audit refuses to let go of younger ones.
LEAST_KEPT: Final = timedelta(days=90)
NAME_LENGTH: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What was done to what; `before` and `after` hold what has changed, by the names of the API.

    Of a definition that is kept as a revision they are left out, and `version` says which one.
    """

    verb: AuditVerb
    kind: AuditKind
    object_id: str
    object_name: str | None
    namespace: str | None
    version: int | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


_RECORD = f"""
WITH recorded AS (
INSERT INTO scheduler_audit (
    recorded_at, actor, via, token_id, address, reason,
    verb, kind, object_id, object_name, namespace, version, before, after
)
SELECT %(now)s, %(actor)s, %(via)s, %(token)s, %(address)s::inet, %(reason)s, e.*
FROM json_to_recordset(%(entries)s) AS e (
    verb text, kind text, object_id text, object_name text, namespace text, version int, before jsonb, after jsonb
)
RETURNING id, kind, verb
)
{outbox.NOTE_RECORDS}
"""  # noqa: S608 - the note is ours


def record(connection: psycopg.Connection, entries: Sequence[Entry], *, now: datetime) -> None:
    """Write down what whoever acts has done, inside the caller's transaction: any number in one statement."""
    connection.execute(_RECORD, _by(acting.current(), now=now) | {"entries": as_json(entries)})


_RECORD_STANDING = f"""
WITH recorded AS (
INSERT INTO scheduler_audit (
    recorded_at, actor, via, token_id, address, reason, verb, kind, object_id, object_name, namespace, before, after
)
SELECT %(now)s, %(actor)s, %(via)s, %(token)s, %(address)s::inet, %(reason)s,
    %(verb)s, 'task', t.id::text, t.name, t.namespace, %(before)s::jsonb,
    jsonb_build_object('status', t.status, 'pauseReason', t.pause_reason, 'pausedUntil', t.paused_until)
FROM scheduler_tasks t WHERE t.id = ANY(%(ids)s)
RETURNING id, kind, verb
)
{outbox.NOTE_RECORDS}
"""  # noqa: S608 - the note is ours


def record_standing(
    connection: psycopg.Connection, task_ids: Collection[UUID], *, verb: AuditVerb, before: str, now: datetime
) -> None:
    """Write down that the platform itself has paused or resumed tasks, which had the status `before`: in one statement.

    Whoever asks later which slots were due then has to know.
    """
    others = {"ids": list(task_ids), "verb": verb, "before": as_json([{"status": before}])[1:-1]}
    connection.execute(_RECORD_STANDING, _by(acting.PLATFORM, now=now) | others)


_RECORD_MANY = f"""
WITH recorded AS (
INSERT INTO scheduler_audit (
    recorded_at, actor, via, token_id, address, reason, verb, kind, object_id, object_name, namespace, version, after
)
SELECT %(now)s, %(actor)s, %(via)s, %(token)s, %(address)s::inet, %(reason)s,
    %(verb)s, 'task', t.id::text, t.name, t.namespace, CASE WHEN %(is_defining)s THEN t.version END, %(after)s::jsonb
FROM scheduler_tasks t WHERE t.id = ANY(%(ids)s)
RETURNING id, kind, verb
)
{outbox.NOTE_RECORDS}
"""  # noqa: S608 - the note is ours


def record_many(
    connection: psycopg.Connection,
    task_ids: Collection[UUID],
    *,
    verb: AuditVerb,
    now: datetime,
    after: dict[str, Any] | None = None,
    is_defining: bool = False,
) -> None:
    """Write down that whoever acts has done the same to many tasks, in one statement.

    `is_defining` says that it has made a version of each, which a revision keeps.
    """
    parameters: dict[str, Any] = {"ids": list(task_ids), "verb": verb, "is_defining": is_defining}
    parameters["after"] = as_json([after])[1:-1] if after is not None else None
    connection.execute(_RECORD_MANY, _by(acting.current(), now=now) | parameters)


_RECORD_EXECUTIONS = f"""
INSERT INTO scheduler_audit (
    recorded_at, actor, via, token_id, address, reason, verb, kind, object_id, object_name, namespace
)
SELECT %(now)s, %(actor)s, %(via)s, %(token)s, %(address)s::inet, %(reason)s,
    %(verb)s, 'execution', h.id::text, t.name, h.namespace
FROM task_execution_history h {task_of("h", "name")}
WHERE h.id = ANY(%(ids)s) AND h.id BETWEEN %(low)s AND %(high)s
"""  # noqa: S608 - our own words


def record_executions(
    connection: psycopg.Connection, executions: Collection[UUID], *, verb: AuditVerb, now: datetime
) -> None:
    """Write down that whoever acts has done the same to many executions, in one statement."""
    if executions:
        bounds = {"ids": list(executions), "low": min(executions), "high": max(executions)}
        connection.execute(_RECORD_EXECUTIONS, _by(acting.current(), now=now) | {"verb": verb} | bounds)


_PRUNE = """
DELETE FROM scheduler_audit WHERE id = ANY (ARRAY(
    SELECT id FROM scheduler_audit WHERE recorded_at < %s ORDER BY recorded_at, id DESC LIMIT %s
))
"""


def prune(connection: psycopg.Connection, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` records from before an instant, which lies LEAST_KEPT back at least; return how many."""
    return connection.execute(_PRUNE, (before, limit)).rowcount


def _by(actor: acting.Actor, *, now: datetime) -> dict[str, Any]:
    return {
        "now": now,
        "actor": actor.name[:NAME_LENGTH],
        "via": actor.via,
        "token": actor.token_id,
        "address": actor.address,
        "reason": actor.reason,
    }
