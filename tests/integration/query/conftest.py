"""What the read API is asked about: tasks of every kind, and a history."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from query import attention, coming, forecast, lanes, overview, timeline
from scheduler import connections, transitions
from scheduler.engine.identity import execution_id, slot_cause
from scheduler.engine.states import Status, Trigger
from scheduler.models import Execution, Task
from scheduler.rebuild import rebuild
from scheduler.records import NewExecution

# In the partition of everything old, so that slots can be written down as dates.
JANUARY = datetime(2023, 1, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def fresh() -> None:
    """Nothing is kept of what an earlier test was answered."""
    for service in (attention, coming, forecast, lanes, overview, timeline):
        service.kept.clear()


@pytest.fixture
def count(now: datetime) -> Callable[[], None]:
    """Takes all that has ended into the roll-ups, as a node does."""

    def take_in() -> None:
        list(rebuild(connections.current(), begin=None, end=now + timedelta(hours=1)))

    return take_in


@pytest.fixture
def record(now: datetime) -> Callable[..., Execution]:
    """Records an execution of a task at a slot, as the claim does, and sets further columns."""

    def insert(task: Task, slot: datetime, *, attempt: int = 1, **columns: Any) -> Execution:
        cause = slot_cause(slot)
        row = NewExecution(
            id=execution_id(task.id, cause=cause, at=slot, attempt=attempt), task_id=task.id, cause=cause,
            attempt=attempt, trigger=Trigger.SCHEDULE, status=Status.QUEUED, scheduled_for=slot, due_at=slot,
            namespace=task.namespace, queue=task.queue, priority=task.priority, timeout_seconds=60, revision=1,
        )  # fmt: skip
        transitions.record(connections.current(), [row], now=now)
        Execution.objects.filter(id=row.id).update(**columns)
        return Execution.objects.get(id=row.id)

    return insert


@pytest.fixture
def january(cleanup: Task, record: Callable[..., Execution]) -> list[Execution]:
    """Three days of an example: a success, a failure, a success; oldest first."""
    statuses = ("SUCCESS", "FAILED", "SUCCESS")
    return [record(cleanup, JANUARY + timedelta(days=day), status=status) for day, status in enumerate(statuses)]
