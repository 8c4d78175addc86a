"""Release: the second claim, which lets SCHEDULED rows go when their time has come and nothing holds them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import psycopg

from scheduler import claims, followups, overlaps, transitions
from scheduler.engine.admission import TURN_TAKERS, Standing, next_look
from scheduler.engine.states import Reason
from scheduler.records import Held, Ready

BATCH = 500


def release(connection: psycopg.Connection, *, now: datetime, low: UUID) -> list[Ready]:
    """Let a batch of rows go, ids from `low` on; return what to publish.

    Retries go at once: they have kept their task busy meanwhile. What is held for an overlap is decided anew under
    the task's lock, and looked at again later where it has to wait on.
    """
    with connection.transaction():
        held = claims.held_executions(connection, now=now, low=low, limit=BATCH)
        overlapping = [row for row in held if row.reason == Reason.OVERLAP]
        going = [row for row in held if row.reason != Reason.OVERLAP]
        if overlapping:
            going += _decided(connection, overlapping, now=now)
        released = transitions.release(connection, [row.id for row in going], now=now)
    return claims.ready(connection, released)


def _decided(connection: psycopg.Connection, rows: Sequence[Held], *, now: datetime) -> list[Held]:
    """Return which of these rows may go; the others wait on."""
    claims.lock_tasks(connection, {row.task_id for row in rows})
    standings = claims.standings(connection, {row.task_id for row in rows})
    going, waiting = _parted(rows, standings)
    # Those that took turns did not make their task busy until now.
    followups.count_opened(connection, [row.task_id for row in going if row.trigger in TURN_TAKERS])
    transitions.hold_again(connection, {row.id: next_look(now, since=row.due_at) for row in waiting})
    overlaps.make_room(connection, {row.task_id: row.id for row in waiting if _cancels(row)}, now=now, are_new=False)
    return going


def _parted(rows: Iterable[Held], standings: Mapping[UUID, Standing]) -> tuple[list[Held], list[Held]]:
    going: list[Held] = []
    waiting: list[Held] = []
    for row in sorted(rows, key=_turn):
        may_go = standings[row.task_id].release(row.overlap_policy, row.trigger)
        (going if may_go else waiting).append(row)
    return going, waiting


def _turn(row: Held) -> tuple[bool, datetime, datetime, UUID]:
    """Return by what rows go one after another; those of a backfill that were recorded together are due together."""
    return row.trigger in TURN_TAKERS, row.due_at, row.scheduled_for, row.id


def _cancels(row: Held) -> bool:
    return row.overlap_policy == "CANCEL_RUNNING" and row.trigger not in TURN_TAKERS
