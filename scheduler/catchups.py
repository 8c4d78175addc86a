"""Catch-ups: lets go what an outage has left behind, by group, at a budgeted rate and under fresh work; or drops it.

The rows stand in history since the claim found them missed, so that each slot is recorded once, whoever dies when. The
operation's row says how fast they go and up to when that budget is used; it is locked by whoever lets some go.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple
from uuid import UUID

import psycopg
from django.conf import settings
from psycopg.types.json import Json

from scheduler import claims, dependents, permits, transitions
from scheduler.engine.catchup import IDLE, SETTLES, budget, needs_approval
from scheduler.engine.schedules.instants import written
from scheduler.engine.states import Reason
from scheduler.outages import key_of
from scheduler.records import Ready
from scheduler.requested import LockedCatchUp

logger = logging.getLogger(__name__)

OPERATIONS_PER_PASS: Final = 100
MOST_AT_ONCE: Final = 500


class Advanced(NamedTuple):
    """What one pass has queued, and after which operation the next one goes on; None: from the beginning."""

    ready: list[Ready]
    after: UUID | None


_OPEN = """
SELECT id FROM scheduler_operations
WHERE kind = 'CATCH_UP' AND status IN ('PENDING', 'RUNNING', 'HELD') AND id > %s ORDER BY id LIMIT %s
"""


def advance(connection: psycopg.Connection, *, after: UUID, now: datetime) -> Advanced:
    """Take a step in each open catch-up, ids after `after`, one transaction each; return what to publish.

    What another node holds, it advances. If the process dies before a commit nothing has happened; after it, the
    sweep publishes the rows.
    """
    found = [row[0] for row in connection.execute(_OPEN, (after, OPERATIONS_PER_PASS)).fetchall()]
    ready: list[Ready] = []
    for operation_id in found:
        with connection.transaction():
            operation = claims.catchup(connection, operation_id)
            if operation is not None:
                ready += _step(connection, operation, now=now)
    return Advanced(ready, found[-1] if len(found) == OPERATIONS_PER_PASS else None)


def _step(connection: psycopg.Connection, operation: LockedCatchUp, *, now: datetime) -> list[Ready]:
    if operation.abort_requested_at is not None:
        _drop(connection, operation, now=now)
        return []
    held = _held_count(connection, operation)
    total = operation.done_count + operation.skipped_count + held
    is_approved = operation.arguments.get("approvedAt") is not None
    if needs_approval(total=total, above=settings.CATCH_UP_APPROVAL_ABOVE, is_approved=is_approved):
        _note(connection, operation, total=total, status="HELD", used_until=now, now=now)
        return []
    if held == 0:
        _complete_if_idle(connection, operation, total=total, now=now)
        return []
    if now < operation.created_at + SETTLES:
        _note(connection, operation, total=total, status="PENDING", used_until=now, now=now)
        return []
    going = budget(
        used_until=operation.position, per_second=operation.arguments["maxPerSecond"], now=now, most=MOST_AT_ONCE
    )
    count, ready = _let_go(connection, operation, count=going.going, now=now) if going.going else (0, [])
    _note(connection, operation, total=total, status="RUNNING", used_until=going.used_until, now=now, gone=count)
    return ready


def _let_go(
    connection: psycopg.Connection, operation: LockedCatchUp, *, count: int, now: datetime
) -> tuple[int, list[Ready]]:
    """Admit the next executions, as newcomers; tasks are locked, then limits, then the rows."""
    key = key_of(operation.id)
    executions, task_ids, keys = claims.next_caught_up(connection, key, count=count)
    if not executions:
        return 0, []
    tasks = {task.id: task for task in claims.tasks(connection, task_ids)}
    limits = permits.lock(connection, keys, now=now)
    rows = claims.caught_up(connection, key, executions)
    if not rows:
        return 0, []
    transitions.give_way(connection, [row.id for row in rows])
    queued = dependents.admit(connection, rows, tasks, limits, now=now)
    return len(rows), claims.ready(connection, queued)


_HELD_COUNT = """
SELECT count(*) FROM task_execution_history WHERE status = 'SCHEDULED' AND reason = 'catch_up' AND held_by = %s
"""


def _held_count(connection: psycopg.Connection, operation: LockedCatchUp) -> int:
    row = connection.execute(_HELD_COUNT, (key_of(operation.id),)).fetchone()
    return row[0] if row is not None else 0


_NOTE = """
UPDATE scheduler_operations
SET status = %(status)s, position = %(used_until)s, total_count = %(total)s, done_count = done_count + %(gone)s,
    skipped_count = skipped_count + %(dropped)s, ended_at = %(ended_at)s,
    started_at = CASE WHEN %(gone)s > 0 THEN coalesce(started_at, %(now)s) ELSE started_at END
WHERE id = %(id)s AND status IN ('PENDING', 'RUNNING', 'HELD')
"""


def _note(
    connection: psycopg.Connection,
    operation: LockedCatchUp,
    *,
    total: int,
    status: str,
    used_until: datetime,
    now: datetime,
    gone: int = 0,
    dropped: int = 0,
) -> None:
    ended_at = now if status in ("COMPLETED", "ABORTED") else None
    connection.execute(
        _NOTE,
        {
            "id": operation.id, "status": status, "used_until": used_until, "total": total, "gone": gone,
            "dropped": dropped, "ended_at": ended_at, "now": now,
        },
    )  # fmt: skip


def _complete_if_idle(connection: psycopg.Connection, operation: LockedCatchUp, *, total: int, now: datetime) -> None:
    """End a catch-up that holds nothing any more and has not for a while; a claim that adds to it keeps it open."""
    if now < operation.position + IDLE or not claims.catchup_to_complete(connection, operation.id):
        return
    if _held_count(connection, operation) == 0:  # asked again: no claim can add to it from here on
        _note(connection, operation, total=total, status="COMPLETED", used_until=operation.position, now=now)


# What is dropped of a task shares the row of its first slot.
_FOLD = """
UPDATE task_execution_history h SET scheduled_until = u.until, slot_count = u.count
FROM unnest(%(ids)s::uuid[], %(untils)s::timestamptz[], %(counts)s::int[]) AS u (id, until, count)
WHERE h.id = u.id AND h.id = ANY(%(ids)s::uuid[]) AND h.id BETWEEN %(first)s AND %(last)s
    AND h.status || '' = 'SCHEDULED' AND h.reason = 'catch_up'
"""

_DELETE = """
DELETE FROM task_execution_history
WHERE id = ANY(%(ids)s::uuid[]) AND id BETWEEN %(first)s AND %(last)s
    AND status || '' = 'SCHEDULED' AND reason = 'catch_up'
"""


def _drop(connection: psycopg.Connection, operation: LockedCatchUp, *, now: datetime) -> None:
    """Leave out what is held of some tasks: one SKIPPED row each, reason misfire, with all its slots."""
    key = key_of(operation.id)
    _, task_ids, _ = claims.next_caught_up(connection, key, count=MOST_AT_ONCE, is_dropped=True)
    dropped = 0
    if task_ids:
        claims.lock_tasks(connection, task_ids)
        groups = [list(rows) for _, rows in groupby(claims.dropped(connection, key, task_ids), lambda row: row[0])]
        dropped = sum(map(len, groups))
        _fold(connection, groups, now=now)
    held = _held_count(connection, operation)
    is_over = held == 0 and claims.catchup_to_complete(connection, operation.id)
    is_over = is_over and _held_count(connection, operation) == 0
    total = operation.done_count + operation.skipped_count + dropped + held
    status = "ABORTED" if is_over else "RUNNING"
    _note(connection, operation, total=total, status=status, used_until=now, now=now, dropped=dropped)


def _fold(
    connection: psycopg.Connection, groups: Sequence[Sequence[tuple[UUID, UUID, datetime]]], *, now: datetime
) -> None:
    firsts = [group[0][1] for group in groups]
    others = [row[1] for group in groups for row in group[1:]]
    if others:
        connection.execute(_DELETE, {"ids": others, "first": min(others), "last": max(others)})
    if firsts:
        parameters = {"ids": firsts, "first": min(firsts), "last": max(firsts)}
        parameters |= {"untils": [group[-1][2] for group in groups], "counts": list(map(len, groups))}
        connection.execute(_FOLD, parameters)
        transitions.skip(connection, firsts, reason=Reason.MISFIRE, now=now)


_ARGUE = "UPDATE scheduler_operations SET arguments = arguments || %s::jsonb, status = %s WHERE id = %s"


def approve(connection: psycopg.Connection, operation_id: UUID, *, by: str, now: datetime) -> bool:
    """Let a catch-up go, inside the caller's transaction; False where it has ended. Asking twice asks once."""
    operation = claims.catchup(connection, operation_id, waits=True)
    if operation is None:
        return False
    if operation.arguments.get("approvedAt") is None:
        arguments = {"approvedAt": written(now), "approvedBy": by}
        status = "PENDING" if operation.status == "HELD" else operation.status
        connection.execute(_ARGUE, (Json(arguments), status, operation_id))
    return True


def throttle(connection: psycopg.Connection, operation_id: UUID, *, per_second: float) -> bool:
    """Set how fast a catch-up goes, 0 stops it for now, inside the caller's transaction; False where it has ended."""
    operation = claims.catchup(connection, operation_id, waits=True)
    if operation is None:
        return False
    connection.execute(_ARGUE, (Json({"maxPerSecond": per_second}), operation.status, operation_id))
    return True


_ASK = "UPDATE scheduler_operations SET abort_requested_at = coalesce(abort_requested_at, %s) WHERE id = %s"


def drop(connection: psycopg.Connection, operation_id: UUID, *, now: datetime) -> bool:
    """Have the rest of a catch-up left out, inside the caller's transaction; False where it has ended.

    What has been let go already goes on.
    """
    if claims.catchup(connection, operation_id, waits=True) is None:
        return False
    connection.execute(_ASK, (now, operation_id))
    return True
