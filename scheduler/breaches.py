"""Finds the promises (SLA) that slots have broken, told by the clock alone: what never began is found too.

Independent of the claim and of the workers: a row says when it is to be looked at (`sla_look_at`), and every node looks
each second, one at a time. A breach is written down, counted and announced in one transaction with the row's next
look: a crash undoes all of it.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import psycopg

from scheduler import claims, outbox
from scheduler.connections import as_json
from scheduler.engine.identity import id_bounds, same_milliseconds
from scheduler.engine.schedules.instants import told
from scheduler.engine.sla import BREACHES, Promise, Verdict, Watched, judge
from scheduler.records import Promising

logger = logging.getLogger(__name__)

BATCH = 500
FORGET_BATCH = 10_000
KEPT = timedelta(days=400)

# Any number that no other advisory lock of the project has.
ADVISORY_KEY = 0x5C4ED005


@dataclass(frozen=True, slots=True)
class Broken:
    """One promise of one slot that is broken since `broken_at`, by the attempt `execution_id`."""

    task_id: UUID
    namespace: str
    cause: str
    promise: Promise
    execution_id: UUID
    scheduled_for: datetime
    broken_at: datetime
    id: int = 0
    """Of the row that says so; 0 while there is none."""


class Looked(NamedTuple):
    """How many rows were looked at, and what of them was found broken that was not known."""

    row_count: int = 0
    found: Sequence[Broken] = ()


class _Slot(NamedTuple):
    """What all attempts at a slot have come to; whether its first one had been settled."""

    succeeded_at: datetime | None = None
    cancelled_at: datetime | None = None
    is_settled: bool = False


@dataclass(slots=True)
class _Judged:
    row: Promising
    slot: _Slot
    verdict: Verdict

    @property
    def key(self) -> tuple[UUID, str]:
        return self.row.task_id, self.row.cause


def announce(connection: psycopg.Connection, found: Sequence[Broken], *, now: datetime) -> None:
    """Tell of breaches found at `now`, each once, inside the transaction that writes them down.

    The one place where they are announced: whoever is to be notified is noted here, over `connection`, so that a crash
    undoes both. What may take long, or fail by itself, comes after the commit: a worker makes messages of the note
    (`webhooks.fan_out`).
    """
    outbox.note_breaches(connection, [one.id for one in found])
    for one in found:
        logger.warning("Task %s broke its SLA (%s) at the slot %s.", one.task_id, one.promise, told(one.scheduled_for))


def look(connection: psycopg.Connection, *, now: datetime, low: UUID, limit: int = BATCH) -> Looked:
    """Look at up to `limit` rows whose time has come, ids from `low` on, and write down what they have broken.

    Nothing where another node is at it.
    """
    with connection.transaction():
        row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (ADVISORY_KEY,)).fetchone()
        if row != (True,):
            return Looked()
        rows = claims.promising(connection, now=now, low=low, limit=limit)
        if not rows:
            return Looked()
        slots = _slots(connection, rows)
        judged = [_judge(one, slots.get(one.id, _Slot()), now=now) for one in rows]
        known = _known(connection, judged)
        found = _write_down(connection, judged, now=now)
        _move_on(connection, judged)
        _count(connection, judged, found, known)
        if found:
            announce(connection, found, now=now)
    return Looked(len(rows), found)


_SLOTS = """
SELECT u.id, min(h.end_time) FILTER (WHERE h.status = 'SUCCESS'), min(h.end_time) FILTER (WHERE h.status = 'CANCELLED'),
    coalesce(bool_or(h.attempt = 1 AND h.sla_look_at IS NULL), false)
FROM unnest(%(ids)s::uuid[], %(tasks)s::uuid[], %(causes)s::text[], %(lows)s::uuid[], %(highs)s::uuid[])
    AS u (id, task_id, cause, low, high)
JOIN task_execution_history h ON h.task_id = u.task_id AND h.id >= u.low AND h.id < u.high
    AND h.id >= %(low)s AND h.id < %(high)s AND h.cause = u.cause
GROUP BY u.id
"""


def _slots(connection: psycopg.Connection, rows: Sequence[Promising]) -> dict[UUID, _Slot]:
    """Return what all attempts at the slots of these rows have come to, by row; they share their milliseconds."""
    bounds = [same_milliseconds(row.id) for row in rows]
    parameters = {
        "ids": [row.id for row in rows],
        "tasks": [row.task_id for row in rows],
        "causes": [row.cause for row in rows],
        "lows": [low for low, _ in bounds],
        "highs": [high for _, high in bounds],
        "low": min(bounds)[0],
        "high": max(bounds)[1],
    }
    return {execution: _Slot(*slot) for execution, *slot in connection.execute(_SLOTS, parameters)}


def _judge(row: Promising, slot: _Slot, *, now: datetime) -> _Judged:
    watched = Watched(
        row.sla, row.attempt, row.trigger, row.status, row.reason, row.due_at, row.start_time, row.end_time,
        slot.succeeded_at, slot.cancelled_at,
    )  # fmt: skip
    return _Judged(row, slot, judge(watched, now=now))


_KNOWN = """
SELECT DISTINCT b.task_id, b.cause FROM unnest(%s::uuid[], %s::text[]) AS u (task_id, cause)
JOIN scheduler_sla_breaches b ON b.task_id = u.task_id AND b.cause = u.cause
"""


def _known(connection: psycopg.Connection, judged: Sequence[_Judged]) -> set[tuple[UUID, str]]:
    """Return which of these slots had broken something before."""
    keys = {one.key for one in judged}
    rows = connection.execute(_KNOWN, ([task_id for task_id, _ in keys], [cause for _, cause in keys]))
    return {(task_id, cause) for task_id, cause in rows}


_WRITE_DOWN = """
INSERT INTO scheduler_sla_breaches (
    task_id, namespace, cause, promise, execution_id, scheduled_for, broken_at, detected_at
)
SELECT u.*, %(now)s FROM json_to_recordset(%(rows)s::json) AS u (
    task_id uuid, namespace text, cause text, promise text, execution_id uuid, scheduled_for timestamptz,
    broken_at timestamptz
)
ON CONFLICT (task_id, cause, promise) DO NOTHING
RETURNING task_id, cause, promise, id
"""


def _write_down(connection: psycopg.Connection, judged: Sequence[_Judged], *, now: datetime) -> list[Broken]:
    """Write down what is broken; return what nobody had found yet."""
    broken = {
        (*one.key, promise): Broken(
            one.row.task_id, one.row.namespace, one.row.cause, promise, one.row.id, one.row.scheduled_for, broken_at
        )
        for one in judged
        for promise, broken_at in one.verdict.broken.items()
    }
    if not broken:
        return []
    rows = connection.execute(_WRITE_DOWN, {"rows": as_json(list(broken.values())), "now": now})
    return [replace(broken[task_id, cause, Promise(promise)], id=number) for task_id, cause, promise, number in rows]


_MOVE_ON = """
UPDATE task_execution_history h SET sla_look_at = u.next_look, sla = coalesce(u.sla, h.sla)
FROM json_to_recordset(%(rows)s::json) AS u (id uuid, next_look timestamptz, sla jsonb)
WHERE h.id = u.id AND h.id = ANY(%(ids)s::text::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
"""


def _move_on(connection: psycopg.Connection, judged: Sequence[_Judged]) -> None:
    """Say when each row is looked at next, and on the row itself what it has broken."""
    rows = [{"id": one.row.id, "next_look": one.verdict.next_look, "sla": _with_breaches(one)} for one in judged]
    ids = [one.row.id for one in judged]
    connection.execute(_MOVE_ON, {"rows": as_json(rows)} | id_bounds(ids))


def _with_breaches(judged: _Judged) -> dict[str, object] | None:
    """Return a row's SLA with what is broken in it; None where that stands there already."""
    shown: Mapping[str, str] = judged.row.sla.get(BREACHES, {})
    new = {promise.value: at.isoformat() for promise, at in judged.verdict.broken.items() if promise not in shown}
    return {**judged.row.sla, BREACHES: {**shown, **new}} if new else None


_COUNT = """
INSERT INTO scheduler_sla_rollups AS r (task_id, day, namespace, slots, broken, lateness, duration, deadline)
SELECT * FROM json_to_recordset(%s::json) AS u (
    task_id uuid, day date, namespace text, slots bigint, broken bigint, lateness bigint, duration bigint,
    deadline bigint
)
ON CONFLICT (task_id, day) DO UPDATE SET slots = r.slots + excluded.slots, broken = r.broken + excluded.broken,
    lateness = r.lateness + excluded.lateness, duration = r.duration + excluded.duration,
    deadline = r.deadline + excluded.deadline
"""


def _count(
    connection: psycopg.Connection,
    judged: Iterable[_Judged],
    found: Iterable[Broken],
    known: set[tuple[UUID, str]],
) -> None:
    """Count each slot once: when it first breaks something, or when all is known and nothing is broken."""
    promises: dict[tuple[UUID, str], set[Promise]] = defaultdict(set)
    for one in found:
        promises[one.task_id, one.cause].add(one.promise)
    counted: dict[tuple[UUID, date], dict[str, object]] = {}
    for slot in {one.key: one for one in sorted(judged, key=_first_attempt_last)}.values():
        counts = _counts(slot, promises[slot.key], was_broken=slot.key in known)
        day = slot.row.scheduled_for.astimezone(UTC).date()
        row = counted.setdefault(
            (slot.row.task_id, day), {"task_id": slot.row.task_id, "day": day, "namespace": slot.row.namespace}
        )
        for name, count in counts.items():
            row[name] = int(str(row.get(name, 0))) + count
    connection.execute(_COUNT, (as_json(sorted(counted.values(), key=str)),))


def _first_attempt_last(judged: _Judged) -> int:
    return -judged.row.attempt


def _counts(judged: _Judged, new: set[Promise], *, was_broken: bool) -> dict[str, int]:
    """Return what one slot adds; a range row counts with all its slots."""
    row, slot, slots = judged.row, judged.slot, judged.row.slot_count or 1
    is_first_breach = bool(new) and not was_broken
    is_kept = row.attempt == 1 and judged.verdict.next_look is None and not new and not was_broken
    was_called_off = slot.cancelled_at is not None and slot.succeeded_at is None
    is_counted = (is_first_breach and not slot.is_settled) or (is_kept and not was_called_off)
    return {
        "slots": slots if is_counted else 0,
        "broken": slots if is_first_breach else 0,
        **{promise.lower(): slots if promise in new else 0 for promise in Promise},
    }


_FORGET = """
DELETE FROM scheduler_sla_breaches WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM scheduler_sla_breaches WHERE detected_at < %(before)s ORDER BY detected_at LIMIT %(limit)s
))
"""
_FORGET_COUNTS = """
DELETE FROM scheduler_sla_rollups WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM scheduler_sla_rollups WHERE day < %(before)s ORDER BY day LIMIT %(limit)s
))
"""

# By when a week has ended, all its days are as old.
_FORGET_WEEKS = """
DELETE FROM scheduler_sla_weeks WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM scheduler_sla_weeks WHERE week < %(before)s - interval '6 days' ORDER BY week LIMIT %(limit)s
))
"""


def forget(connection: psycopg.Connection, *, now: datetime, limit: int = FORGET_BATCH) -> int:
    """Delete up to `limit` breaches, days and weeks that are older than they are kept; return the most of one kind."""
    parameters = {"before": now - KEPT, "limit": limit}
    return max(connection.execute(one, parameters).rowcount for one in (_FORGET, _FORGET_COUNTS, _FORGET_WEEKS))
