"""Circuits: notes how calls of services went, and holds what would call one that fails (`engine.circuits`).

What ends executions writes down how, in its own transaction; a node takes that in soon after, decides, and sets the
permit of the service's key: paused while the circuit is open, one token while it is half-open, a growing rate for a
while after it has closed. So that two schedulers agree by the permit's lock. Hosts of webhooks have circuits and no
permits: who sends asks the circuits themselves (`scheduler.hosts`).
"""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from scheduler import claims
from scheduler.connections import as_json
from scheduler.engine import circuits as engine
from scheduler.engine.circuits import Call, Circuit, Limits, State
from scheduler.engine.gates import SERVICE
from scheduler.engine.states import FINAL, Status
from scheduler.records import Ended, EndingTask

logger = logging.getLogger(__name__)

NOTES_PER_PASS = 500
# How often a node looks at a circuit on the move: a probe that ended without a word, a rate that grows.
LOOK_EVERY = timedelta(seconds=0.5)
# What tells of the service. A LOST one tells of its worker, a CANCELLED one of whoever cancelled it.
TELLING = frozenset({Status.SUCCESS, Status.FAILED, Status.TIMED_OUT})
BURST_SECONDS = 0.2
MOST_NAMED = 200

_NOTE = "INSERT INTO scheduler_circuit_calls (calls) VALUES (%s::jsonb)"


def note(connection: psycopg.Connection, ended: Iterable[Ended], tasks: Mapping[UUID, EndingTask]) -> None:
    """Write down, in the transaction that ends them, how executions of tasks that use services went.

    What failed for good failed by itself, whatever the service does: it says nothing.
    """
    told = [
        _noted(name, Call(one.id, one.started_at, one.ended_at, one.status is not Status.SUCCESS, _may_take(task)))
        for one in ended
        if (task := tasks[one.task_id]).uses and one.status in TELLING and not one.is_permanent
        for name in task.uses
    ]
    if told:
        connection.execute(_NOTE, (as_json(told),))


def note_call(connection: psycopg.Connection, name: str, call: Call) -> None:
    """Write down how one call of a service went."""
    connection.execute(_NOTE, (as_json([_noted(name, call)]),))


def _may_take(task: EndingTask) -> timedelta:
    return timedelta(seconds=task.timeout_seconds)


def _noted(name: str, call: Call) -> dict[str, Any]:
    return {
        "name": name,
        "caller": call.caller,
        "began": call.began_at.timestamp(),
        "ended": call.ended_at.timestamp(),
        "failed": call.has_failed,
        "mayTake": call.may_take.total_seconds(),
    }


def _read(noted: Mapping[str, Any]) -> Call:
    began, ended = (datetime.fromtimestamp(noted[name], UTC) for name in ("began", "ended"))
    return Call(UUID(noted["caller"]), began, ended, noted["failed"], timedelta(seconds=noted["mayTake"]))


class Taken(NamedTuple):
    """How many notes were taken in, and which circuits opened by them."""

    note_count: int = 0
    opened: Collection[str] = ()


def take_in(connection: psycopg.Connection, *, limits: Limits, now: datetime) -> Taken:
    """Count calls that have ended, and open or close circuits as they say.

    In one transaction: a note is taken once. Two nodes take different notes, and wait for each other at a circuit.
    """
    with connection.transaction():
        by_name: dict[str, list[Call]] = defaultdict(list)
        notes = claims.calls(connection, limit=NOTES_PER_PASS)
        for noted in chain.from_iterable(notes):
            by_name[noted["name"]].append(_read(noted))
        if not by_name:
            return Taken()
        opened = _change(
            connection, by_name, lambda name, was: engine.observe(was, by_name[name], limits=limits, now=now), now=now
        )
        return Taken(len(notes), opened)


def tick(connection: psycopg.Connection, *, now: datetime) -> None:
    """Look at the circuits on the move: half-open those whose time has come, watch probes, let recovered ones go."""
    names = claims.circuits_to_look_at(connection, now=now)
    if not names:
        return
    with connection.transaction():
        _change(connection, names, lambda name, was: _looked_at(connection, name, was, now=now), now=now)


def close_all(connection: psycopg.Connection, *, now: datetime) -> None:
    """Close what is not closed: circuits are switched off."""
    rows = connection.execute("SELECT name FROM scheduler_circuits WHERE state <> 'CLOSED'").fetchall()
    if rows:
        with connection.transaction():
            _change(connection, [name for (name,) in rows], lambda _, was: engine.close(was, now=now), now=now)


def reset(connection: psycopg.Connection, name: str, *, now: datetime) -> Circuit | None:
    """Close a circuit by hand, inside the caller's transaction; return how it stood, None where there is none."""
    before: list[Circuit] = []

    def closed(_name: str, was: Circuit) -> Circuit:
        before.append(was)
        return engine.close(was, now=now)

    _change(connection, [name], closed, now=now, are_known=True)
    return before[0] if before else None


_NOT_CLOSED = "SELECT name, state FROM scheduler_circuits WHERE state <> 'CLOSED' ORDER BY name LIMIT %s"


def not_closed(connection: psycopg.Connection, *, limit: int = MOST_NAMED) -> dict[str, State]:
    """Return the circuits that are not closed, some of them where there are many."""
    return {name: State(state) for name, state in connection.execute(_NOT_CLOSED, (limit,))}


_ELECT = """
UPDATE scheduler_circuits c SET probe = u.probe, look_at = c.since
FROM unnest(%s::text[], %s::uuid[]) AS u (name, probe)
WHERE c.name = u.name AND c.state = 'HALF_OPEN' AND c.probe IS NULL
"""


def elect(connection: psycopg.Connection, probes: Mapping[str, UUID]) -> None:
    """Have executions that have taken the one token of half-open circuits be their probes; by locked permits' keys."""
    if probes:
        connection.execute(_ELECT, ([key.removeprefix(SERVICE) for key in probes], list(probes.values())))


# In the order of an index: without one, all executions may be read for each key.
_HELD = f"""
SELECT u.key, count(h.id) FROM unnest(%(keys)s::text[]) AS u (key) CROSS JOIN LATERAL (
    SELECT id FROM task_execution_history
    WHERE status = 'SCHEDULED' AND {claims.IS_GATED} AND held_by = u.key
        AND (%(namespace)s::text IS NULL OR namespace = %(namespace)s)
    ORDER BY held_by, priority DESC, due_at, id LIMIT %(limit)s
) h GROUP BY u.key
"""  # noqa: S608 - the condition is that of the claims


def held(connection: psycopg.Connection, keys: Collection[str], *, namespace: str | None, limit: int) -> dict[str, int]:
    """Return how many executions each of these keys holds, at most `limit` of each; of a namespace or of all."""
    parameters = {"keys": list(keys), "namespace": namespace, "limit": limit}
    return dict(connection.execute(_HELD, parameters).fetchall())


def _change(
    connection: psycopg.Connection,
    names: Collection[str],
    become: Callable[[str, Circuit], Circuit],
    *,
    now: datetime,
    are_known: bool = False,
) -> list[str]:
    """Lock circuits, have them become something else, and set their permits; return which of them opened."""
    claims.permits(connection, [SERVICE + name for name in names if not engine.is_host(name)])
    was = claims.circuits(connection, names, now=None if are_known else now)
    became = {name: become(name, circuit) for name, circuit in was.items()}
    changed = {name: circuit for name, circuit in became.items() if circuit != was[name]}
    _write(connection, became, now=now)
    for name, circuit in became.items():
        if not engine.is_host(name):
            _gate(connection, SERVICE + name, was[name], circuit, now=now)
    opened = [name for name, one in changed.items() if one.state is State.OPEN and was[name].state is not State.OPEN]
    for name, circuit in changed.items():
        if circuit.state is not was[name].state:
            logger.warning("Circuit %s is %s%s", name, circuit.state, f": {circuit.cause}" if circuit.cause else ".")
    return opened


def _looked_at(connection: psycopg.Connection, name: str, circuit: Circuit, *, now: datetime) -> Circuit:
    if circuit.probe is None:
        return engine.wake(circuit, now=now)
    if engine.is_host(name):
        is_over = not _is_being_sent(connection, circuit.probe, now=now)
    else:
        is_over = _has_ended(connection, circuit.probe)
    # Asked in this order, for the end and its note are one commit.
    return engine.without_probe(circuit) if is_over and not _is_noted(connection, circuit.probe) else circuit


_STATUS = "SELECT status FROM task_execution_history WHERE id = %s"
# After each try, which is noted, it is due later or never again; one whose worker has died is due by then.
_IS_SENT = """
SELECT EXISTS (SELECT FROM scheduler_deliveries WHERE id = %s AND status = 'PENDING' AND next_attempt_at > %s)
"""
_IS_NOTED = "SELECT EXISTS (SELECT FROM scheduler_circuit_calls WHERE calls @> %s::jsonb)"


def _has_ended(connection: psycopg.Connection, execution: UUID) -> bool:
    row = connection.execute(_STATUS, (execution,)).fetchone()
    return row is None or Status(row[0]) in FINAL


def _is_being_sent(connection: psycopg.Connection, delivery: UUID, *, now: datetime) -> bool:
    return connection.execute(_IS_SENT, (delivery, now)).fetchone() == (True,)


def _is_noted(connection: psycopg.Connection, caller: UUID) -> bool:
    noted = connection.execute(_IS_NOTED, (json.dumps([{"caller": str(caller)}]),)).fetchone()
    return noted == (True,)


_WRITE = """
UPDATE scheduler_circuits c
SET state = u.state, since = u.since, buckets = u.buckets, trip_count = u.trip_count, retry_at = u.retry_at,
    probe = u.probe, cause = u.cause, look_at = u.look_at
FROM json_to_recordset(%s::json) AS u (
    name text, state text, since timestamptz, buckets jsonb, trip_count int, retry_at timestamptz, probe uuid,
    cause text, look_at timestamptz
)
WHERE c.name = u.name
"""


def _write(connection: psycopg.Connection, circuits: Mapping[str, Circuit], *, now: datetime) -> None:
    rows = [_as_row(name, one) | {"look_at": _look_at(one, now=now)} for name, one in circuits.items()]
    connection.execute(_WRITE, (as_json(rows),))


def _as_row(name: str, one: Circuit) -> dict[str, Any]:
    return {
        "name": name, "state": one.state, "since": one.since, "buckets": [list(bucket) for bucket in one.window],
        "trip_count": one.trip_count, "retry_at": one.retry_at, "probe": one.probe, "cause": one.cause,
    }  # fmt: skip


def _look_at(circuit: Circuit, *, now: datetime) -> datetime | None:
    if circuit.state is State.OPEN:
        return circuit.retry_at
    is_moving = circuit.state is State.HALF_OPEN or engine.rate(circuit, now=now) is not None
    return now + LOOK_EVERY if is_moving else None


_SET = f"""
INSERT INTO scheduler_permits AS p (key, is_paused, rate, burst, tokens, refilled_at)
VALUES (%(key)s, %(is_paused)s, %(rate)s, %(burst)s, coalesce(%(tokens)s, 0), %(now)s)
ON CONFLICT (key) DO UPDATE SET is_paused = EXCLUDED.is_paused, rate = EXCLUDED.rate, burst = EXCLUDED.burst,
    tokens = coalesce(%(tokens)s, least(EXCLUDED.burst, {claims.TOKENS})),
    refilled_at = greatest(p.refilled_at, EXCLUDED.refilled_at)
"""  # noqa: S608 - the arithmetic is that of the claims

# What it still holds goes as soon as a scheduler looks (`scheduler.throttles`), which then removes it.
_UNSET = "UPDATE scheduler_permits SET is_paused = false, rate = NULL, burst = NULL WHERE key = %s"
_DROP = "DELETE FROM scheduler_permits WHERE key = %s AND NOT has_waiting"


def _gate(connection: psycopg.Connection, key: str, was: Circuit, circuit: Circuit, *, now: datetime) -> None:
    """Set the permit of a service by how its circuit stands now."""
    rate = engine.rate(circuit, now=now)
    if circuit.state is State.CLOSED and rate is None:
        if was.state is not State.CLOSED or was.cause is not None:
            connection.execute(_UNSET, (key,))
            connection.execute(_DROP, (key,))
        return
    gate: dict[str, Any] = {"key": key, "now": now, "is_paused": False, "rate": rate, "burst": None, "tokens": None}
    if circuit.state is State.OPEN:
        gate |= {"is_paused": True, "rate": None, "tokens": 0.0}
    elif circuit.state is State.HALF_OPEN:
        if was.state is State.HALF_OPEN and was.probe == circuit.probe:
            return  # its token may be out
        gate |= {"rate": 0.0, "burst": 1.0, "tokens": 1.0}
    elif rate is not None:
        gate["burst"] = max(1.0, rate * BURST_SECONDS)
        if was.state is not State.CLOSED:
            gate["tokens"] = 1.0
    connection.execute(_SET, gate)
