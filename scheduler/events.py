"""Events: starts the tasks that listen for what somebody has told of, some at a time, each task once."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

import psycopg

from scheduler import claims, triggers
from scheduler.backfills import Advanced
from scheduler.engine.matching import matches
from scheduler.engine.states import Status, TaskStatus
from scheduler.halving import in_halves
from scheduler.records import Ready
from scheduler.requested import LockedEvent

logger = logging.getLogger(__name__)

EVENTS_PER_PASS: Final = 100
# Their rows stay locked for as long as one step takes, and claims pass over them meanwhile.
TASKS_PER_STEP: Final = 200
STEPS_PER_PASS: Final = 5
FORGET_BATCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Started:
    """What became of the tasks that an event has met in one step."""

    ready: tuple[Ready, ...] = ()
    started: int = 0
    skipped: int = 0
    failed: int = 0


_OPEN = "SELECT id FROM scheduler_events WHERE completed_at IS NULL AND id > %s ORDER BY id LIMIT %s"


def advance(connection: psycopg.Connection, *, after: UUID, now: datetime) -> Advanced:
    """Take some steps in the open events, ids after `after`; return what to publish.

    Each step is a transaction. What another node holds, it advances. If the process dies before a commit nothing has
    happened; after it, another goes on behind it, and the sweep publishes the rows. Raises PartitionMissing.
    """
    found = [row[0] for row in connection.execute(_OPEN, (after, EVENTS_PER_PASS)).fetchall()]
    ready: list[Ready] = []
    for event_id in found:
        for _ in range(STEPS_PER_PASS):
            with connection.transaction():
                queued, goes_on = step(connection, event_id, now=now)
            ready += queued
            if not goes_on:
                break
    return Advanced(ready, found[-1] if len(found) == EVENTS_PER_PASS else None)


def step(connection: psycopg.Connection, event_id: UUID, *, now: datetime) -> tuple[Sequence[Ready], bool]:
    """Start the next tasks that listen, in the caller's transaction; tell what to publish, and whether to go on.

    A second copy passes over an event that this one holds; whatever it starts again meets the primary key.
    """
    event = claims.event(connection, event_id)
    if event is None:
        return [], False
    listening = _listening(connection, event)
    payload = json.loads(event.payload)
    wanted = [task_id for task_id, listens_to in listening if _hears(listens_to, event.name, payload)]
    started = _started(connection, wanted, event, payload, now=now)
    goes_on = len(listening) == TASKS_PER_STEP
    _note(connection, event, listening[-1][0] if listening else None, started, ended_at=None if goes_on else now)
    return started.ready, goes_on


# Found before they are sorted: a planner that thinks there are many would read all tasks in order instead.
_LISTENING = """
WITH listening AS MATERIALIZED (
    SELECT t.id, t.listens_to FROM scheduler_tasks t
    WHERE NOT t.listens_to = '[]'::jsonb AND t.listens_to @> %(wanted)s::jsonb AND t.status <> 'DELETED'
        AND (%(namespace)s::text IS NULL OR t.namespace = %(namespace)s)
)
SELECT id, listens_to::text FROM listening WHERE %(after)s::uuid IS NULL OR id > %(after)s ORDER BY id LIMIT %(limit)s
"""


def _listening(connection: psycopg.Connection, event: LockedEvent) -> list[tuple[UUID, str]]:
    """Return the next tasks that listen for the event's name, with all that they listen for."""
    parameters = {
        "wanted": json.dumps([{"event": event.name}]),
        "namespace": event.namespace,
        "after": event.position,
        "limit": TASKS_PER_STEP,
    }
    return connection.execute(_LISTENING, parameters).fetchall()


def _hears(listens_to: str, name: str, payload: Any) -> bool:
    return any(one["event"] == name and matches(one["match"], payload) for one in json.loads(listens_to))


_AS_LOCKED = "SELECT id, listens_to::text FROM scheduler_tasks WHERE id = ANY(%s)"


def _started(
    connection: psycopg.Connection, task_ids: Sequence[UUID], event: LockedEvent, payload: Any, *, now: datetime
) -> _Started:
    tasks = claims.tasks(connection, task_ids)
    # Asked again under the locks: a definition may have changed meanwhile.
    listens_to: dict[UUID, str] = (
        dict(connection.execute(_AS_LOCKED, ([task.id for task in tasks],)).fetchall()) if tasks else {}
    )
    hearing = [
        task for task in tasks if task.status != TaskStatus.DELETED and _hears(listens_to[task.id], event.name, payload)
    ]

    def give_up(task: Any, error: Exception) -> _Started:
        logger.error("Event %s cannot start task %s.", event.id, task.id, exc_info=error)
        return _Started(failed=1)

    parts = list(in_halves(connection, hearing, partial(_start, connection, event=event, now=now), give_up))
    return _Started(
        tuple(ready for part in parts for ready in part.ready),
        sum(part.started for part in parts),
        sum(part.skipped for part in parts),
        sum(part.failed for part in parts),
    )


def _start(connection: psycopg.Connection, tasks: Sequence[Any], *, event: LockedEvent, now: datetime) -> _Started:
    rows, ready = triggers.start_all(connection, tasks, event, now=now)
    skipped = sum(row.status is Status.SKIPPED for row in rows)
    return _Started(tuple(ready), len(rows) - skipped, skipped)


_NOTE = """
UPDATE scheduler_events SET position = coalesce(%(position)s, position), completed_at = %(ended_at)s,
    started_count = started_count + %(started)s, skipped_count = skipped_count + %(skipped)s,
    failed_count = failed_count + %(failed)s
WHERE id = %(id)s
"""


def _note(
    connection: psycopg.Connection,
    event: LockedEvent,
    position: UUID | None,
    started: _Started,
    *,
    ended_at: datetime | None,
) -> None:
    counts = {"started": started.started, "skipped": started.skipped, "failed": started.failed}
    connection.execute(_NOTE, {"id": event.id, "position": position, "ended_at": ended_at} | counts)


_FORGET = """
DELETE FROM scheduler_events WHERE id = ANY (ARRAY(
    SELECT id FROM scheduler_events
    WHERE received_at < %s AND completed_at IS NOT NULL ORDER BY received_at, id LIMIT %s
))
"""

# History is removed by whole days, and a retry by hand may follow an execution for as long as it is there.
KEPT_BEYOND_HISTORY: Final = timedelta(days=8)


def forget(connection: psycopg.Connection, *, before: datetime, limit: int = FORGET_BATCH) -> int:
    """Delete up to `limit` events that were received before an instant; return how many."""
    return connection.execute(_FORGET, (before, limit)).rowcount
