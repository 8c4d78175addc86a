"""Protection: what is decided by what was measured (`engine.protection`), and the permit by which it takes effect.

One row says what is decided; nodes take turns at deciding. Everything that is not critical needs the permit `load`:
while the row says THROTTLED it has a rate, CRITICAL pauses it, and NORMAL takes it away. Every admission locks it, so
that what is decided holds on all nodes with the commit. While it holds too much the permits `shed:…` are there, paused,
and leave fresh slots of low priority out.
"""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import psycopg

from scheduler import claims
from scheduler.engine import protection as engine
from scheduler.engine.gates import LOAD, SHED
from scheduler.engine.protection import Exceeded, Level, Limit, Protection, Reading
from scheduler.engine.states import Reason

logger = logging.getLogger(__name__)

BURST_SECONDS = 0.2
MOST_HELD = 100_000
# What a node has said of itself counts for so long; it says so every few seconds.
FRESH_FOR = timedelta(seconds=12)

_OF_NODES = """
SELECT role, hostname, load ->> 'memoryPercent', load ->> 'cpuPercent', load ->> 'dispatchedPerSecond'
FROM scheduler_nodes WHERE ended_at IS NULL AND heartbeat_at > %s
"""

_IS_WAITING = f"""
SELECT EXISTS (
    SELECT FROM task_execution_history
    WHERE status = 'SCHEDULED' AND reason = '{Reason.THROTTLE}' AND {claims.IS_GATED} AND held_by = '{LOAD}'
)
"""  # noqa: S608 - our own words


def decide(
    connection: psycopg.Connection,
    measured: Mapping[str, float],
    *,
    limits: Mapping[str, Limit],
    most_held: int = MOST_HELD,
    now: datetime,
) -> Protection | None:
    """Decide anew by what this node has measured and all say of themselves, unless another has just done so.

    Return what is decided; None where another is deciding.

    From `most_held` executions that load holds on, fresh slots of low priority are left out (`engine.sheds`).
    """
    with connection.transaction():
        was = claims.protection(connection, now=now)
        if was is None or not was.is_due(now):
            return was
        readings, going = _readings(connection, measured, now=now)
        (is_waiting,) = connection.execute(_IS_WAITING).fetchone() or (False,)
        pressure = engine.pressure(readings, limits)
        decided = engine.decide(was, pressure, going=going, is_waiting=is_waiting, now=now)
        _write(connection, decided, engine.exceeded(readings, limits), measured)
        if (decided.level, decided.rate) != (was.level, was.rate):
            _gate(connection, decided, now=now)
        if was.level is not Level.NORMAL or decided.level is not Level.NORMAL:
            _shed(connection, decided, most_held=most_held, now=now)
    return decided


def lift(connection: psycopg.Connection, *, now: datetime) -> None:
    """Let everything go: protection is switched off."""
    with connection.transaction():
        was = claims.protection(connection, now=now)
        if was is not None and was.level is not Level.NORMAL:
            normal = Protection(Level.NORMAL, now, decided_at=now)
            _write(connection, normal, [], {})
            _gate(connection, normal, now=now)
            _shed(connection, normal, most_held=MOST_HELD, now=now)


def _readings(
    connection: psycopg.Connection, measured: Mapping[str, float], *, now: datetime
) -> tuple[list[Reading], float]:
    """Return all that is known, and how many executions a second the nodes have let go lately."""
    readings, going = [Reading(name, value) for name, value in measured.items()], 0.0
    for role, hostname, memory, cpu, dispatched in connection.execute(_OF_NODES, (now - FRESH_FOR,)):
        told = {"memoryPercent": memory, "cpuPercent": cpu}
        readings += [Reading(name, float(value), f"{role} {hostname}") for name, value in told.items() if value]
        going += float(dispatched or 0)
    return readings, going


_WRITE = """
UPDATE scheduler_protection SET level = %(level)s, since = %(since)s, rate = %(rate)s, usual = %(usual)s,
    decided_at = %(decided_at)s, exceeded = %(exceeded)s, measured = %(measured)s
WHERE id = 1
"""


def _write(
    connection: psycopg.Connection, decided: Protection, exceeded: Sequence[Exceeded], measured: Mapping[str, float]
) -> None:
    shown = [
        {
            "signal": one.reading.signal, "value": one.reading.value, "of": one.reading.of,
            "soft": one.limit.soft, "hard": one.limit.hard,
        }
        for one in exceeded
    ]  # fmt: skip
    parameters = {
        "level": decided.level, "since": decided.since, "rate": decided.rate, "usual": decided.usual,
        "decided_at": decided.decided_at, "exceeded": json.dumps(shown), "measured": json.dumps(measured),
    }  # fmt: skip
    connection.execute(_WRITE, parameters)


_SET = f"""
INSERT INTO scheduler_permits AS p (key, is_paused, rate, burst, tokens, refilled_at)
VALUES ('{LOAD}', %(is_paused)s, %(rate)s, %(burst)s, 0, %(now)s)
ON CONFLICT (key) DO UPDATE SET is_paused = EXCLUDED.is_paused, rate = EXCLUDED.rate, burst = EXCLUDED.burst,
    tokens = CASE WHEN p.rate IS NULL THEN 0 ELSE least(EXCLUDED.burst, {claims.TOKENS}) END,
    refilled_at = greatest(p.refilled_at, EXCLUDED.refilled_at)
"""  # noqa: S608 - the arithmetic is that of the claims

# What it still holds goes as soon as a scheduler looks (`scheduler.throttles`), which then removes it.
_UNSET = "UPDATE scheduler_permits SET is_paused = false, rate = NULL, burst = NULL WHERE key = %s"
_DROP = "DELETE FROM scheduler_permits WHERE key = %s AND NOT has_waiting"


def _gate(connection: psycopg.Connection, decided: Protection, *, now: datetime) -> None:
    if decided.level is Level.NORMAL:
        connection.execute(_UNSET, (LOAD,))
        connection.execute(_DROP, (LOAD,))
        return
    burst = max(1.0, decided.rate * BURST_SECONDS) if decided.rate is not None else None
    is_paused = decided.level is Level.CRITICAL
    connection.execute(_SET, {"is_paused": is_paused, "rate": decided.rate, "burst": burst, "now": now})


_SHEDDING = f"SELECT key FROM scheduler_permits WHERE starts_with(key, '{SHED}')"  # noqa: S608 - our own word

_HELD_COUNT = f"""
SELECT count(*) FROM (
    SELECT FROM task_execution_history
    WHERE status = 'SCHEDULED' AND {claims.IS_GATED} AND held_by = '{LOAD}' LIMIT %s
) held
"""  # noqa: S608 - our own words

_BEGIN_SHEDDING = """
INSERT INTO scheduler_permits (key, is_paused, refilled_at) SELECT key, true, %s FROM unnest(%s::text[]) AS u (key)
ON CONFLICT (key) DO NOTHING
"""
_END_SHEDDING = "DELETE FROM scheduler_permits WHERE key = ANY(%s)"


def shedding(connection: psycopg.Connection) -> set[int]:
    """Return up to which priorities fresh slots are left out at present; mostly none."""
    return {int(key.removeprefix(SHED)) for (key,) in connection.execute(_SHEDDING)}


def _shed(connection: psycopg.Connection, decided: Protection, *, most_held: int, now: datetime) -> None:
    """Have fresh slots left out, or no more, by how many executions load holds; whoever calls holds the one row."""
    was = shedding(connection)
    sheds: set[int] = set()
    if decided.level is not Level.NORMAL:
        most = most_held * max(engine.SHED_FROM.values())
        (held,) = connection.execute(_HELD_COUNT, (most,)).fetchone() or (0,)
        sheds = engine.sheds(held, most_held=most_held, was=was)
    connection.execute(_BEGIN_SHEDDING, (now, _keys(sheds - was)))
    connection.execute(_END_SHEDDING, (_keys(was - sheds),))
    if sheds != was:
        logger.warning("Load leaves out fresh slots of priorities up to %s.", max(sheds, default="none"))


def _keys(priorities: Collection[int]) -> list[str]:
    return sorted(SHED + str(one) for one in priorities)
