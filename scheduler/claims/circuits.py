"""Circuits, and the calls that they have not counted yet."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import psycopg

from scheduler.engine.circuits import HOST, Bucket, Circuit, State

_CALLS = """
DELETE FROM scheduler_circuit_calls WHERE id = ANY (ARRAY(
    SELECT id FROM scheduler_circuit_calls ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
))
RETURNING calls
"""


def calls(connection: psycopg.Connection, *, limit: int) -> list[list[dict[str, Any]]]:
    """Take up to `limit` notes of calls, oldest first: they are gone once the caller commits."""
    return [noted for (noted,) in connection.execute(_CALLS, (limit,))]


_BEGIN = """
INSERT INTO scheduler_circuits (name, state, since, buckets)
SELECT u.name, 'CLOSED', %s, '[]' FROM unnest(%s::text[]) AS u (name)
ON CONFLICT (name) DO NOTHING
"""

_CIRCUITS = """
SELECT name, state, since, buckets, trip_count, retry_at, probe, cause FROM scheduler_circuits
WHERE name = ANY(%s) ORDER BY name FOR NO KEY UPDATE
"""


def circuits(
    connection: psycopg.Connection, names: Collection[str], *, now: datetime | None = None
) -> dict[str, Circuit]:
    """Lock circuits in order of name, waiting for whoever holds them; with `now` those that are missing are made.

    Where they have permits the caller has locked these: whoever chooses a probe comes from there.
    """
    ordered = sorted(names)
    if now is not None:
        connection.execute(_BEGIN, (now, ordered))
    return {row[0]: _circuit(*row[1:]) for row in connection.execute(_CIRCUITS, (ordered,))}


def _circuit(state: str, since: datetime, buckets: list[list[int]], *others: Any) -> Circuit:
    return Circuit(State(state), since, tuple(Bucket(*one) for one in buckets), *others)


_HOSTS = f"""
SELECT name, state, since, buckets, trip_count, retry_at, probe, cause FROM scheduler_circuits
WHERE starts_with(name, '{HOST}') AND state <> 'CLOSED' ORDER BY name FOR NO KEY UPDATE
"""  # noqa: S608 - our own word


def host_circuits(connection: psycopg.Connection) -> dict[str, Circuit]:
    """Lock the circuits of hosts that are not closed, in order of name: whoever chooses a probe of them holds them."""
    return {row[0]: _circuit(*row[1:]) for row in connection.execute(_HOSTS)}


_TO_LOOK_AT = "SELECT name FROM scheduler_circuits WHERE look_at <= %s ORDER BY name"


def circuits_to_look_at(connection: psycopg.Connection, *, now: datetime) -> list[str]:
    """Return which circuits are to be looked at; nothing is locked."""
    return [row[0] for row in connection.execute(_TO_LOOK_AT, (now,))]
