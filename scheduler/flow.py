"""Flow control: what is asked for, what is in force, and the limits that follow from it."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg

from scheduler import audit, claims, permits
from scheduler.audit import Entry
from scheduler.engine import flow as engine
from scheduler.engine.flow import FlowLimit, FlowMode, Settings
from scheduler.engine.gates import LOAD, SERVICE, SHED
from scheduler.followups import RELEASE_CHANNEL
from scheduler.models.choices import AuditKind, AuditVerb

LIFTED_BATCH = 1_000
# Those beyond are looked at by themselves, within a minute.
MOST_WOKEN = 10_000
OBJECT = "flow-control"

NEXT_CHANGE = "(SELECT next_change_at FROM scheduler_flow_state WHERE id = 1)"


_ASKED = """
SELECT id, document::text, created_at, starts_at, expires_at FROM scheduler_flow_control
WHERE withdrawn_at IS NULL ORDER BY starts_at, id
"""


def asked(connection: psycopg.Connection) -> list[Settings]:
    """Return what holds or will, and has not been ended yet."""
    return [Settings(row[0], json.loads(row[1]), *row[2:]) for row in connection.execute(_ASKED)]


_ASK = """
INSERT INTO scheduler_flow_control (document, reason, starts_at, expires_at, created_at, created_by)
VALUES (%(document)s, %(reason)s, %(starts_at)s, %(expires_at)s, %(now)s, %(actor)s) RETURNING id
"""

# Asking again for the same instant is another word about the same window.
_REPLACE = """
UPDATE scheduler_flow_control SET withdrawn_at = %(now)s
WHERE withdrawn_at IS NULL AND starts_at = %(starts_at)s AND starts_at > %(now)s
"""


def ask(
    connection: psycopg.Connection,
    document: Mapping[str, Any],
    *,
    reason: str | None,
    starts_at: datetime,
    expires_at: datetime | None,
    actor: str,
    now: datetime,
) -> int:
    """Store what somebody asks for, and put it in force where its time has come; return its id.

    Inside the caller's transaction, who has locked the state (`scheduler.claims.flow_state`).
    """
    parameters = {"starts_at": starts_at, "expires_at": expires_at, "reason": reason, "actor": actor, "now": now}
    connection.execute(_REPLACE, parameters)
    row = connection.execute(_ASK, parameters | {"document": json.dumps(document)}).fetchone()
    assert row is not None  # noqa: S101 - RETURNING
    _count_version(connection)
    apply(connection, now=now)
    return int(row[0])


def withdraw(connection: psycopg.Connection, planned: int, *, now: datetime) -> None:
    """Call off what has not begun. Inside the caller's transaction, who has locked the state."""
    connection.execute("UPDATE scheduler_flow_control SET withdrawn_at = %s WHERE id = %s", (now, planned))
    _count_version(connection)
    apply(connection, now=now)


def _count_version(connection: psycopg.Connection) -> None:
    connection.execute("UPDATE scheduler_flow_state SET version = version + 1 WHERE id = 1")


def begin_and_end(connection: psycopg.Connection, *, now: datetime) -> None:
    """Put in force what has begun, and end what has expired; a second node that does the same finds it done."""
    with connection.transaction():
        _, was = claims.flow_state(connection)
        current = apply(connection, now=now)
        if was != (current.id if current else None):
            shown = {"mode": current.document["mode"] if current else FlowMode.NORMAL}
            entry = Entry(
                verb=AuditVerb.CHANGE, kind=AuditKind.FLOW_CONTROL, object_id=OBJECT, object_name=None,
                namespace=None, before={"inForce": was}, after={"inForce": current and current.id, **shown},
            )  # fmt: skip
            audit.record(connection, [entry], now=now)


# Those that are over are no longer looked at.
_EXPIRE = """
UPDATE scheduler_flow_control SET withdrawn_at = expires_at WHERE withdrawn_at IS NULL AND expires_at <= %s
"""

_IN_FORCE = "UPDATE scheduler_flow_state SET in_force = %s, next_change_at = %s WHERE id = 1"

# What has no end is never followed by what it covers.
_REPLACE_COVERED = """
UPDATE scheduler_flow_control SET withdrawn_at = %(now)s
WHERE withdrawn_at IS NULL AND starts_at <= %(now)s AND id <> %(current)s
"""


def apply(connection: psycopg.Connection, *, now: datetime) -> Settings | None:
    """Have the limits be those in force at `now`; return these. The caller has locked the state."""
    connection.execute(_EXPIRE, (now,))
    everything = asked(connection)
    current = engine.in_force(everything, now)
    if current is not None and current.ends_at is None:
        connection.execute(_REPLACE_COVERED, {"now": now, "current": current.id})
        everything = [current, *engine.planned(everything, now)]
    _limit(connection, engine.limits(current.document) if current is not None else {}, now=now)
    parameters = (current.id if current is not None else None, engine.next_change(everything, now))
    connection.execute(_IN_FORCE, parameters)
    return current


_SET = f"""
INSERT INTO scheduler_permits AS p (key, capacity, rate, burst, tokens, refilled_at, is_paused)
SELECT u.key, u.capacity, u.rate, u.burst, coalesce(u.burst, 0), %(now)s, u.is_paused
FROM unnest(%(keys)s::text[], %(capacity)s::int[], %(rate)s::float8[], %(burst)s::float8[], %(is_paused)s::bool[])
    AS u (key, capacity, rate, burst, is_paused)
ON CONFLICT (key) DO UPDATE SET capacity = EXCLUDED.capacity, rate = EXCLUDED.rate, burst = EXCLUDED.burst,
    is_paused = EXCLUDED.is_paused, refilled_at = greatest(p.refilled_at, EXCLUDED.refilled_at),
    tokens = CASE WHEN p.rate IS NULL THEN EXCLUDED.tokens ELSE least(EXCLUDED.burst, {claims.TOKENS}) END
"""  # noqa: S608 - the arithmetic is that of the claims

# Those of the platform's load and of circuits are others'.
_IS_OURS = f"key <> '{LOAD}' AND NOT starts_with(key, '{SERVICE}') AND NOT starts_with(key, '{SHED}')"
_OURS = f"SELECT key FROM scheduler_permits WHERE {_IS_OURS} ORDER BY key"  # noqa: S608 - the condition stands above

# What still holds executions stays until `scheduler.throttles` has let them go.
_UNSET = f"""
UPDATE scheduler_permits SET capacity = NULL, rate = NULL, burst = NULL, is_paused = false
WHERE key <> ALL(%s) AND {_IS_OURS}
"""  # noqa: S608 - the condition stands above
_DROP = f"DELETE FROM scheduler_permits WHERE key <> ALL(%s) AND NOT has_waiting AND {_IS_OURS}"  # noqa: S608 - as above


def _limit(connection: psycopg.Connection, limits: Mapping[str, FlowLimit], *, now: datetime) -> None:
    """Set the limits of all keys, locked in their order; what waited for a place looks for one."""
    keys = sorted(limits)
    existing = [row[0] for row in connection.execute(_OURS)]
    claims.permits(connection, existing)
    columns = {name: [getattr(limits[key], column) for key in keys] for name, column in _COLUMNS.items()}
    connection.execute(_SET, columns | {"keys": keys, "now": now})
    connection.execute(_UNSET, (keys,))
    connection.execute(_DROP, (keys,))
    permits.recount(connection, [key for key in keys if limits[key].capacity is not None])
    if permits.look_at_held(connection, existing, count=MOST_WOKEN, now=now):
        connection.execute("SELECT pg_notify(%s, '')", (RELEASE_CHANNEL,))


_COLUMNS = {"capacity": "capacity", "rate": "per_second", "burst": "burst", "is_paused": "is_paused"}

_LIFT = """
UPDATE scheduler_tasks SET held_by = NULL,
    claim_at = coalesce(claim_at, CASE WHEN status = 'ACTIVE' THEN next_slot_for END)
WHERE id = ANY(%s)
"""


def lift(connection: psycopg.Connection) -> int:
    """Let the claim look again at tasks whose keys nothing pauses any more; return how many, a batch at most.

    What has become late meanwhile the misfire policy decides about. What another node holds, it lifts.
    """
    with connection.transaction():
        tasks = claims.held_by_lifted(connection, limit=LIFTED_BATCH)
        if tasks:
            connection.execute(_LIFT, (tasks,))
    return len(tasks)


_PRUNE = """
DELETE FROM scheduler_flow_control WHERE id = ANY (ARRAY(
    SELECT id FROM scheduler_flow_control WHERE starts_at < %(before)s AND withdrawn_at < %(before)s
    ORDER BY starts_at LIMIT %(limit)s
))
"""


def prune(connection: psycopg.Connection, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` settings that ended before an instant; return how many."""
    return connection.execute(_PRUNE, {"before": before, "limit": limit}).rowcount
