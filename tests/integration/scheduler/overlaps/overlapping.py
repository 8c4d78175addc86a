"""A minutely task that obeys an overlap policy, and what is done to it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from scheduler import firing, releases, sweep
from scheduler.records import Started
from tests.hot_paths import (
    MINUTE,
    add_task,
    change,
    executions,
    task,
)
from tests.integration.scheduler.lifecycle import end, start

EVERYWHERE = UUID(int=0)
POLICIES = ["SKIP", "QUEUE", "CANCEL_RUNNING"]
RETRY = '{"delaySeconds": 300, "jitter": false}'

Seen = list[tuple[str, str | None]]


def add(connection: psycopg.Connection, now: datetime, policy: str, **columns: Any) -> UUID:
    """Add a minutely task that is due now and obeys `policy`."""
    return add_task(connection, next_slot_for=now, overlap_policy=policy, **columns)


def seen(connection: psycopg.Connection, task_id: UUID) -> Seen:
    """Return status and reason of a task's executions, oldest slot first."""
    return [(row["status"], row["reason"]) for row in executions(connection, task_id)]


def run(connection: psycopg.Connection, item: Any, *, now: datetime) -> Started:
    started = start(connection, item.id, now=now)
    assert started is not None
    return started


def claim(connection: psycopg.Connection, *, now: datetime) -> Sequence[Any]:
    return firing.claim(connection, now=now).ready


def release(connection: psycopg.Connection, *, now: datetime) -> Sequence[Any]:
    return releases.release(connection, now=now, low=EVERYWHERE)


def begun(connection: psycopg.Connection, task_id: UUID, now: datetime) -> Started:
    """Claim the task's slot and start it."""
    (item,) = claim(connection, now=now)
    return run(connection, item, now=now)


def is_counted_right(connection: psycopg.Connection, task_id: UUID) -> bool:
    """Tell whether the count of open executions, which the claim goes by, is what a recount would make it."""
    counted = task(connection, task_id)["open_count"]
    sweep.recount_open(connection, after=EVERYWHERE)
    return bool(counted == task(connection, task_id)["open_count"])


def caught_up(connection: psycopg.Connection, now: datetime, policy: str) -> tuple[UUID, Sequence[Any]]:
    """Claim five missed slots and nothing else."""
    task_id = add_task(
        connection, next_slot_for=now - 10 * MINUTE, misfire_policy="FIRE_ALL", overlap_policy=policy,
        end_at=now - 5 * MINUTE,
    )  # fmt: skip
    ready = claim(connection, now=now)
    change(connection, "scheduler_tasks", task_id, end_at=None, status="ACTIVE", next_slot_for=now + MINUTE)
    change(connection, "scheduler_tasks", task_id, claim_at=now + MINUTE)
    return task_id, ready


def run_all(connection: psycopg.Connection, ready: Sequence[Any], *, now: datetime) -> list[datetime]:
    """Run what is ready, and one at a time what that lets go; return the slots in the order in which they ran."""
    ran: list[datetime] = []
    while ready:
        (item,) = ready
        started = run(connection, item, now=now)
        ran.append(started.scheduled_for)
        end(connection, started, now=now)
        ready = release(connection, now=now)
    return ran
