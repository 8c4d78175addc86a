"""Release: the second claim, which lets SCHEDULED rows go when their time has come and nothing holds them."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import psycopg

from scheduler import claims, followups, overlaps, permits, transitions
from scheduler.engine.admission import TURN_TAKERS, Hindrance, Standing, next_look
from scheduler.engine.gates import gates_of
from scheduler.engine.states import GATED, Reason
from scheduler.halving import in_halves
from scheduler.permits import Permits
from scheduler.records import Held, HeldFor, Ready

logger = logging.getLogger(__name__)

BATCH = 500
PUT_OFF = timedelta(minutes=1)


def release(connection: psycopg.Connection, *, now: datetime, low: UUID) -> list[Ready]:
    """Let a batch of rows go, ids from `low` on; return what to publish.

    What is held for an overlap or a limit is decided anew, under the locks of its task and of the limits, and looked
    at again later where it has to wait on. A retry keeps its task busy while it waits, so that only limits hold it.
    Those locks come before the rows' own, as they do wherever something ends. One that cannot be decided on is put
    off, and holds up no other.
    """

    def release_part(rows: Sequence[Held]) -> set[UUID]:
        # Read by each part: what another had taken before it failed is not taken.
        limits, standings = permits.lock(connection, keys, now=now), claims.standings(connection, tasks)
        return _release(connection, rows, standings, limits, now=now)

    def put_off(row: Held, error: Exception) -> set[UUID]:
        logger.error("Execution %s cannot be released.", row.id, exc_info=error)
        transitions.hold_again(connection, {row.id: now + PUT_OFF})
        return set()

    tasks, keys = claims.deciding(connection, now=now, low=low, limit=BATCH)
    if not keys:
        return []
    with connection.transaction():
        claims.lock_tasks(connection, tasks)
        permits.lock(connection, keys, now=now)
        held = claims.held_executions(connection, now=now, low=low, limit=BATCH, tasks=tasks, keys=keys)
        released = set[UUID]().union(*in_halves(connection, held, release_part, put_off))
    return claims.ready(connection, released)


def _release(
    connection: psycopg.Connection,
    held: Sequence[Held],
    standings: Mapping[UUID, Standing],
    limits: Permits,
    *,
    now: datetime,
) -> set[UUID]:
    """Decide on locked rows; return which of them are QUEUED."""
    decided = [(row, hindrance_of(row, standings, limits)) for row in sorted(held, key=_turn)]
    going = [row for row, hindrance in decided if hindrance is None]
    flowing = [(row, hindrance) for row, hindrance in decided if hindrance and hindrance.reason in GATED]
    waiting = [row for row, hindrance in decided if hindrance and hindrance.reason not in GATED]
    permits.use(connection, limits.taken, waiting=limits.waiting, now=now)
    # Those that took turns did not make their task busy until now.
    opened = [*going, *(row for row, _ in flowing)]
    followups.count_opened(connection, [row.task_id for row in opened if _took_turns(row)])
    released = transitions.release(connection, [row.id for row in going], now=now)
    transitions.hold_again(connection, {row.id: next_look(now, since=row.due_at) for row in waiting})
    transitions.hold_for(
        connection, [HeldFor(row.id, hindrance.reason, hindrance.key, None) for row, hindrance in flowing]
    )
    overlaps.make_room(connection, {row.task_id: row.id for row in waiting if _cancels(row)}, now=now, are_new=False)
    return set(released)


def hindrance_of(
    row: Held, standings: Mapping[UUID, Standing], limits: Permits, *, in_turn: bool = False
) -> Hindrance | None:
    """Return what is in the way of a held row that is locked; where nothing is, it is counted as going."""
    standing = standings.get(row.task_id) or Standing(waiting=1)
    take = partial(limits.take, _keys(row), in_turn=row.id if in_turn else None)
    return standing.release(row, overlap_policy=row.overlap_policy, limit=row.max_concurrency, take=take)


def _keys(row: Held) -> tuple[str, ...]:
    return gates_of(
        queue=row.queue, task_class=row.task_class, namespace=row.namespace, priority=row.priority, uses=row.uses
    )


def _took_turns(row: Held) -> bool:
    return row.trigger in TURN_TAKERS and row.reason == Reason.OVERLAP


def _turn(row: Held) -> tuple[bool, datetime, datetime, UUID]:
    """Return by what rows go one after another; those of a backfill that were recorded together are due together."""
    return row.trigger in TURN_TAKERS, row.due_at, row.scheduled_for, row.id


def _cancels(row: Held) -> bool:
    is_overlap = row.reason == Reason.OVERLAP and row.overlap_policy == "CANCEL_RUNNING"
    return is_overlap and row.trigger not in TURN_TAKERS
