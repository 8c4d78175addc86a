"""Ask for backfills, and do what schedulers and workers make of them."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from scheduler import backfills, connections, transitions
from scheduler.engine.states import Status
from scheduler.models import Task
from scheduler.records import Outcome
from scheduler.representations import instant
from tests.integration.conftest import Caller

HOUR = timedelta(hours=1)


def hours(now: datetime, begin: int, end: int) -> dict[str, Any]:
    """Return the period between two full hours, counted from the last one before now."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    return {"from": instant(hour + begin * HOUR), "to": instant(hour + end * HOUR)}


def ask(caller: Caller, task: Task, body: dict[str, Any]) -> Any:
    return caller.send("post", f"tasks/{task.id}/backfill", body)


def work(now: datetime, *, count: int, status: Status = Status.SUCCESS, **outcome: Any) -> None:
    """Take one step in every backfill, and run `count` of the executions that it has queued."""
    connection = connections.current()
    ready = backfills.advance(connection, after=UUID(int=0), now=now).ready
    for item in ready[:count]:
        started = transitions.start(connection, item.id, node_id="n", lease_expires_at=now + HOUR, now=now)
        assert started is not None
        transitions.finish(connection, [Outcome(started.id, started.fence, status, **outcome)], now=now)
