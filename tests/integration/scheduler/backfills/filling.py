"""What the tests of backfills do to one: advance it, run what it has recorded, say how it stands."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from scheduler import backfills, transitions
from scheduler.engine.identity import execution_id, slot_cause
from scheduler.engine.states import Status, Trigger
from scheduler.records import NewExecution
from tests.hot_paths import (
    change,
    operation,
)
from tests.integration.scheduler.lifecycle import end, start

NOBODY = UUID(int=0)
MILLISECOND = timedelta(milliseconds=1)


def advance(connection: psycopg.Connection, now: datetime) -> list[Any]:
    return backfills.advance(connection, after=NOBODY, now=now).ready


def run(
    connection: psycopg.Connection, ready: Sequence[Any], *, now: datetime, status: Status = Status.SUCCESS
) -> None:
    """Start and end what has become ready."""
    for item in ready:
        started = start(connection, item.id, now=now)
        assert started is not None
        end(connection, started, now=now, status=status)


def run_through(connection: psycopg.Connection, *, now: datetime, looks: int, status: Status = Status.SUCCESS) -> None:
    """Advance and run, so many times."""
    for _ in range(looks):
        run(connection, advance(connection, now), now=now, status=status)


def had(connection: psycopg.Connection, task_id: UUID, slot: datetime, status: Status, **columns: Any) -> UUID:
    """Record a slot of the schedule's own as it stands by now."""
    cause = slot_cause(slot)
    row = NewExecution(
        id=execution_id(task_id, cause=cause, at=slot, attempt=1), task_id=task_id, cause=cause, attempt=1,
        trigger=Trigger.SCHEDULE, status=Status.QUEUED, scheduled_for=slot, due_at=slot, namespace="default",
        queue="default", priority=5, timeout_seconds=60, revision=1,
    )  # fmt: skip
    transitions.record(connection, [row], now=slot)
    change(connection, "task_execution_history", row.id, status=status, **columns)
    return row.id


def stands(connection: psycopg.Connection, operation_id: UUID) -> tuple[Any, ...]:
    row = operation(connection, operation_id)
    return row["status"], row["done_count"], row["failed_count"], row["skipped_count"]
