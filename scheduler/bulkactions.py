"""Bulk actions: one verb on many tasks or executions, carried out some at a time behind the answer."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg.types.json import Json

from scheduler import claims, clock, requests, verbs
from scheduler.acting import PLATFORM, Actor, acting
from scheduler.backfills import Advanced
from scheduler.errors import PartitionMissing
from scheduler.models.choices import Via
from scheduler.operations import ERROR_LENGTH, MOST_ERRORS
from scheduler.records import Done, Ready
from scheduler.requested import LockedAction

logger = logging.getLogger(__name__)

OPERATIONS_PER_PASS: Final = 100
# Their rows stay locked for as long as one step takes, and claims pass over them meanwhile.
ITEMS_PER_STEP: Final = 100
# Of the loop that also looks for leases that have run out.
PASS_SECONDS: Final = 0.5
# What makes new executions waits while there are too many already.
FIRING: Final = ("trigger", "retry")

_Verb = Callable[[psycopg.Connection, Sequence[UUID], LockedAction, datetime], Done]

_OPEN_ACTIONS = """
SELECT id FROM scheduler_operations
WHERE status IN ('PENDING', 'RUNNING') AND kind = 'BULK_ACTION' AND id > %(after)s
    AND (%(may_fire)s OR arguments->>'action' <> ALL(%(firing)s)) ORDER BY id LIMIT %(limit)s
"""


def advance(connection: psycopg.Connection, *, after: UUID, now: datetime, may_fire: bool = True) -> Advanced:
    """Take steps in the open bulk actions, ids after `after`, for half a second; return what to publish.

    Each step is a transaction. What another node holds, it advances; an item is dealt with in the transaction that
    counts it, so never twice. If the process dies before a commit nothing has happened; after it, another goes on
    behind it. Raises PartitionMissing.
    """
    parameters = {"after": after, "may_fire": may_fire, "firing": list(FIRING), "limit": OPERATIONS_PER_PASS}
    found = [row[0] for row in connection.execute(_OPEN_ACTIONS, parameters).fetchall()]
    deadline = clock.monotonic() + PASS_SECONDS
    ready: list[Ready] = []
    going_on = found
    while going_on:
        # In turn, so that a small one does not wait for a large one.
        round_of, going_on = going_on, []
        for operation_id in round_of:
            with connection.transaction():
                queued, goes_on = _step(connection, operation_id, now=now)
            ready += queued
            if goes_on and clock.monotonic() < deadline:
                going_on.append(operation_id)
    return Advanced(ready, found[-1] if len(found) == OPERATIONS_PER_PASS else None)


def abort(connection: psycopg.Connection, operation_id: UUID, *, now: datetime) -> bool:
    """Deal with no further items, inside the caller's transaction; False where it has ended. What is done stays so."""
    action = claims.operation_on_many(connection, operation_id, waits=True)
    if action is None:
        return False
    _note(connection, replace(action, abort_requested_at=action.abort_requested_at or now), status="ABORTED", now=now)
    return True


_ITEMS = """
SELECT item_id FROM scheduler_operation_items WHERE operation_id = %s AND number >= %s ORDER BY number LIMIT %s
"""


def _step(connection: psycopg.Connection, operation_id: UUID, *, now: datetime) -> tuple[Sequence[Ready], bool]:
    """Deal with the next items of an operation; tell what to publish, and whether there may be more."""
    action = claims.operation_on_many(connection, operation_id)
    if action is None:
        return [], False
    rows = connection.execute(_ITEMS, (operation_id, action.position, ITEMS_PER_STEP)).fetchall()
    items = [row[0] for row in rows]
    actor = Actor(action.created_by or PLATFORM.name, Via.PLATFORM, reason=f"Bulk action {action.id}.")
    with acting(actor):
        done = _apply(connection, items, action, now=now) if items else Done()
    goes_on = len(items) == ITEMS_PER_STEP
    status = "RUNNING" if goes_on else "COMPLETED"
    _note(connection, _counted(action, items, done), status=status, now=now)
    return done.ready, goes_on


def _apply(connection: psycopg.Connection, items: Sequence[UUID], action: LockedAction, *, now: datetime) -> Done:
    """Apply the verb to all at once, or where one of them makes that fail, to each by itself."""
    verb = _VERBS[action.arguments["on"], action.arguments["action"]]
    try:
        with connection.transaction():
            return verb(connection, items, action, now)
    except (psycopg.OperationalError, psycopg.InterfaceError, PartitionMissing):
        raise
    except Exception as error:  # one item may not hold up all others
        if len(items) == 1:
            logger.exception("Bulk action %s cannot be carried out on %s.", action.id, items[0])
            return Done(refused={items[0]: f"It failed: {error}"})
    each = [_apply(connection, [item], action, now=now) for item in items]
    refused = {item: why for one in each for item, why in one.refused.items()}
    return Done([item for one in each for item in one.done], refused, [ready for one in each for ready in one.ready])


def _counted(action: LockedAction, items: Sequence[UUID], done: Done) -> LockedAction:
    room = MOST_ERRORS - len(action.errors)
    errors = [_error(item, done.refused[item]) for item in items if item in done.refused][:room]
    return replace(
        action,
        errors=action.errors + errors,
        done_count=action.done_count + len(done.done),
        failed_count=action.failed_count + len(done.refused),
        skipped_count=action.skipped_count + len(items) - len(done.done) - len(done.refused),
    )


def _error(item: UUID, message: str) -> dict[str, Any]:
    return {"id": str(item), "slot": None, "status": None, "message": message[:ERROR_LENGTH]}


_NOTE = """
UPDATE scheduler_operations
SET status = %(status)s, done_count = %(done)s, failed_count = %(failed)s, skipped_count = %(skipped)s,
    errors = %(errors)s, started_at = coalesce(started_at, %(now)s), abort_requested_at = %(abort_requested_at)s,
    ended_at = %(ended_at)s
WHERE id = %(id)s AND status IN ('PENDING', 'RUNNING')
"""

_FORGET = "DELETE FROM scheduler_operation_items WHERE operation_id = %s"


def _note(connection: psycopg.Connection, action: LockedAction, *, status: str, now: datetime) -> None:
    """Write down how a locked action stands; once it has ended nobody needs its items any more."""
    connection.execute(
        _NOTE,
        {
            "id": action.id,
            "status": status,
            "done": action.done_count,
            "failed": action.failed_count,
            "skipped": action.skipped_count,
            "errors": Json(action.errors),
            "abort_requested_at": action.abort_requested_at,
            "ended_at": now if status != "RUNNING" else None,
            "now": now,
        },
    )
    if status != "RUNNING":
        connection.execute(_FORGET, (action.id,))


def _pause(connection: psycopg.Connection, items: Sequence[UUID], action: LockedAction, now: datetime) -> Done:
    until = action.arguments["arguments"].get("until")
    end = datetime.fromisoformat(until) if until is not None else None
    reason = action.arguments["arguments"].get("reason") or f"Paused by {action.created_by}."
    return verbs.pause(connection, items, reason=reason, until=end, now=now)


def _resume(connection: psycopg.Connection, items: Sequence[UUID], action: LockedAction, now: datetime) -> Done:
    return verbs.resume(connection, items, catch_up=bool(action.arguments["arguments"].get("catchUp")), now=now)


def _trigger(connection: psycopg.Connection, items: Sequence[UUID], action: LockedAction, now: datetime) -> Done:
    return verbs.trigger(connection, items, request=action.id, now=now)


def _delete(connection: psycopg.Connection, items: Sequence[UUID], _action: LockedAction, now: datetime) -> Done:
    return verbs.delete(connection, items, now=now)


def _set(connection: psycopg.Connection, items: Sequence[UUID], action: LockedAction, now: datetime) -> Done:
    return verbs.assign(connection, items, values=action.arguments["arguments"], now=now)


def _cancel(connection: psycopg.Connection, items: Sequence[UUID], action: LockedAction, now: datetime) -> Done:
    return requests.cancel_all(connection, items, reason=f"cancelled by {action.created_by}", now=now)


def _retry(connection: psycopg.Connection, items: Sequence[UUID], _action: LockedAction, now: datetime) -> Done:
    return requests.retry_all(connection, items, now=now)


_VERBS: Final[dict[tuple[str, str], _Verb]] = {
    ("tasks", "pause"): _pause,
    ("tasks", "resume"): _resume,
    ("tasks", "trigger"): _trigger,
    ("tasks", "delete"): _delete,
    ("tasks", "set"): _set,
    ("executions", "cancel"): _cancel,
    ("executions", "retry"): _retry,
}
