"""Throttles: lets go what keys hold, of flow control, load or circuits: the most urgent first, at their rates."""

import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import psycopg

from scheduler import circuits, claims, permits, transitions
from scheduler.engine.admission import FIRST_WAIT, Standing
from scheduler.engine.states import Reason
from scheduler.halving import in_halves
from scheduler.permits import Permits
from scheduler.records import Held, HeldFor, Ready
from scheduler.releases import hindrance_of

logger = logging.getLogger(__name__)

BATCH = 500

# What the claim looks at each tick: when the first task is due, unless all is stopped; whether something waits that
# may go. Each is a probe of an index of few rows.
IS_STOPPED = "EXISTS (SELECT FROM scheduler_permits WHERE key = 'all' AND is_paused)"
FIRST_CLAIM = f"CASE WHEN NOT {IS_STOPPED} THEN {claims.FIRST_CLAIM} END"
HAS_WAITING = "EXISTS (SELECT FROM scheduler_permits WHERE has_waiting AND NOT is_paused)"


def release(connection: psycopg.Connection, *, now: datetime, low: UUID) -> list[Ready]:
    """Let go what the rates allow, ids from `low` on; return what to publish.

    Tasks are locked, then limits, then the rows, as in `scheduler.releases`. A second scheduler waits at the limits and
    finds the tokens taken. Here alone are probes of circuits chosen. What something else holds by then waits for that.
    """

    def release_part(rows: Sequence[Held]) -> set[UUID]:
        limits, standings = permits.lock(connection, found.keys, now=now), claims.standings(connection, found.tasks)
        return _release(connection, rows, standings, limits, now=now)

    def put_off(row: Held, error: Exception) -> set[UUID]:
        logger.error("Execution %s cannot be released.", row.id, exc_info=error)
        transitions.hold_for(connection, [HeldFor(row.id, Reason.LIMIT, None, now + FIRST_WAIT)])
        return set()

    with connection.transaction():
        found = claims.flowing(connection, now=now, low=low, limit=BATCH)
        if not found.open_keys:
            return []
        claims.lock_tasks(connection, found.tasks)
        permits.lock(connection, found.keys, now=now)
        held = claims.flow_held(connection, found)
        released = set[UUID]().union(*in_halves(connection, held, release_part, put_off))
        _forget_waiting(connection, found.open_keys, low=low)
    return claims.ready(connection, released)


def _release(
    connection: psycopg.Connection,
    held: Sequence[Held],
    standings: Mapping[UUID, Standing],
    limits: Permits,
    *,
    now: datetime,
) -> set[UUID]:
    """Decide on locked rows, in their order; return which of them are QUEUED."""
    decided = [(row, hindrance_of(row, standings, limits, in_turn=True)) for row in held]
    circuits.elect(connection, limits.probes)
    permits.use(connection, limits.taken, waiting=limits.waiting, now=now)
    others = [(row.id, hindrance) for row, hindrance in decided if hindrance is not None]
    transitions.hold_for(
        connection,
        [
            HeldFor(one, hindrance.reason, hindrance.key, None if hindrance.key else now + FIRST_WAIT)
            for one, hindrance in others
        ],
    )
    return transitions.release(connection, [row.id for row, hindrance in decided if hindrance is None], now=now)


# OFFSET 0: one probe for each key, and never all that is held for each.
_FORGET = f"""
UPDATE scheduler_permits p SET has_waiting = false
WHERE p.key = ANY(%(keys)s) AND p.has_waiting AND NOT EXISTS (
    SELECT FROM task_execution_history h
    WHERE h.status = 'SCHEDULED' AND h.{claims.IS_GATED} AND h.held_by = p.key AND h.id >= %(low)s
    OFFSET 0
)
"""  # noqa: S608 - the condition is that of the claims

_DROP = """
DELETE FROM scheduler_permits
WHERE key = ANY(%s) AND capacity IS NULL AND rate IS NULL AND NOT is_paused AND NOT has_waiting
"""


def _forget_waiting(connection: psycopg.Connection, keys: Collection[str], *, low: UUID) -> None:
    """Note which of these locked keys hold nothing any more; what limits nothing besides is gone."""
    connection.execute(_FORGET, {"keys": list(keys), "low": low})
    connection.execute(_DROP, (list(keys),))


_REMEMBER = f"""
INSERT INTO scheduler_permits (key, has_waiting)
SELECT held_by, true FROM task_execution_history
WHERE status = 'SCHEDULED' AND {claims.IS_GATED} AND held_by IS NOT NULL GROUP BY held_by
ON CONFLICT (key) DO UPDATE SET has_waiting = true WHERE NOT scheduler_permits.has_waiting
"""  # noqa: S608 - the condition is that of the claims


def remember(connection: psycopg.Connection) -> None:
    """Have every key looked at that holds something, however old: nothing that is held is forgotten."""
    connection.execute(_REMEMBER)
