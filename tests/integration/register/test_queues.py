"""GET /api/v1/queues, and the same figures as a scheduler node shows them to Prometheus."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from scheduler import clock, connections, rollups
from scheduler.engine.identity import execution_id, slot_cause
from scheduler.metrics import NodeMetrics
from scheduler.models import Ending, Execution, ForecastDay, ForecastRun, Node, QueueRollUp, Task
from tests.integration.conftest import Caller

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
IDLE = {
    "depth": 0, "isDepthEstimated": False, "oldestQueuedAt": None, "oldestWaitSeconds": 0.0, "running": 0,
    "arrivalsPerSecond": 0.0, "servedPerSecond": 0.0, "meanServiceSeconds": None, "forecastBusy": 0.0, "workers": 0,
    "concurrency": 0, "suggestedConcurrency": 0, "suggestedWorkers": 0,
}  # fmt: skip

Record = Callable[..., Execution]


@pytest.fixture
def now(db: None) -> datetime:
    """Half past a minute, so that the minute that has begun counts for something."""
    return clock.now().replace(second=30, microsecond=0)


@pytest.fixture
def record(payroll: Task, now: datetime) -> Record:
    """Records an execution of a slot so long ago; what has ended is counted."""

    def make(status: str, *, ago: timedelta, took: timedelta | None = None, queue: str = "default", **more: Any) -> Any:
        slot = now - ago - len(Execution.objects.all()) * timedelta(milliseconds=1)
        begun = slot if status != "QUEUED" else None
        row = Execution.objects.create(
            id=execution_id(payroll.id, cause=slot_cause(slot), at=slot, attempt=1), task=payroll, attempt=1,
            cause=slot_cause(slot), trigger="SCHEDULE", status=status, scheduled_for=slot, due_at=slot, queue=queue,
            namespace="payments", priority=5, timeout_seconds=60, revision=1, queued_at=slot, start_time=begun,
            end_time=begun + took if begun is not None and took is not None else None, **more,
        )  # fmt: skip
        if took is not None:
            Ending.objects.create(executions=[row.id])
            rollups.take_in(connections.current(), limit=10)
        return row

    return make


def worker(now: datetime, *, queues: list[str], concurrency: int = 4, **columns: Any) -> None:
    number = Node.objects.count() + 1
    Node.objects.create(
        id=UUID(int=number), role="worker", hostname="h", pid=number, started_at=now, heartbeat_at=now,
        load={"queues": queues, "concurrency": concurrency}, **columns,
    )  # fmt: skip


def queues(caller: Caller) -> dict[str, Any]:
    answer = caller.send("get", "queues")
    assert answer.status_code == 200, answer.content
    return {one.pop("queue"): one for one in answer.json()["content"]}


@pytest.fixture
def told(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of requests stands at `now`."""
    monkeypatch.setattr(clock, "now", lambda: now)


pytestmark = pytest.mark.usefixtures("told")


def test_a_queue_of_a_live_worker_is_shown_and_that_of_housekeeping_is_not(viewer: Caller, now: datetime) -> None:
    worker(now, queues=["platform", "default"])
    worker(now, queues=["reports"], ended_at=now)

    assert queues(viewer) == {"default": IDLE | {"workers": 1, "concurrency": 4}}


def test_it_measures_what_waits_comes_and_goes(viewer: Caller, record: Record, now: datetime) -> None:
    worker(now, queues=["default"], concurrency=2)
    for _ in range(33):
        record("SUCCESS", ago=2 * MINUTE, took=4 * SECOND)
    record("SUCCESS", ago=10 * MINUTE, took=SECOND)
    record("RUNNING", ago=3 * MINUTE)
    oldest = record("QUEUED", ago=20 * SECOND)
    record("QUEUED", ago=10 * SECOND)

    assert oldest.queued_at is not None
    found = queues(viewer)["default"]

    # 330 s: five minutes and what the sixth has had. 36 came, and 33 went, of 4 s each.
    assert found | {
        "depth": 2, "oldestQueuedAt": oldest.queued_at.isoformat().replace("+00:00", "Z"), "running": 1,
        "oldestWaitSeconds": pytest.approx(20, abs=0.1), "arrivalsPerSecond": round(36 / 330, 4),
        "servedPerSecond": 0.1, "meanServiceSeconds": 4.0, "suggestedConcurrency": 1, "suggestedWorkers": 1,
    } == found  # fmt: skip


def test_it_rises_before_a_full_hour_that_is_forecast(viewer: Caller, now: datetime) -> None:
    worker(now, queues=["default"], concurrency=4)
    run = ForecastRun.objects.create(begin=now, started_at=now, finished_at=now)
    coming = (now + timedelta(seconds=settings.WORKER_LEAD_SECONDS)).hour * 60 + (now + 5 * MINUTE).minute
    level = [6e5 if minute == coming else 0.0 for minute in range(1_440)]
    ForecastDay.objects.create(run=run, queue="default", level=level, moving=[0.0] * 1_440)
    ForecastDay.objects.create(run=run, queue="reports", level=level, moving=[0.0] * 1_440)

    found = queues(viewer)

    assert (found["default"]["forecastBusy"], found["default"]["suggestedConcurrency"]) == (10, 13)
    # Of a queue without workers the children are guessed.
    assert [found[name]["suggestedWorkers"] for name in ("default", "reports")] == [4, 4]


def test_a_token_of_a_namespace_sees_its_own_executions(payments_editor: Caller, record: Record, now: datetime) -> None:
    record("QUEUED", ago=SECOND)
    Execution.objects.update(namespace="default")
    record("QUEUED", ago=2 * SECOND)

    assert queues(payments_editor)["default"]["depth"] == 1


@pytest.mark.parametrize("query", ["?queue=default", "?page=1"])
def test_it_takes_no_parameters(viewer: Caller, query: str) -> None:
    assert viewer.send("get", f"queues{query}").status_code == 400


def test_a_node_shows_them_to_prometheus(record: Record, now: datetime) -> None:
    for _ in range(30):
        record("QUEUED", ago=90 * SECOND)
    metrics = NodeMetrics()
    metrics.queues.measure(connections.current(), now)

    def value(name: str) -> float | None:
        return metrics.registry.get_sample_value(f"platform_scheduler_queue_{name}", {"queue": "default"})

    assert [value("depth"), value("suggested_workers"), value("suggested_concurrency")] == [30, 1, 1]
    assert value("oldest_wait_seconds") == pytest.approx(90, abs=0.1)


def test_an_autoscaler_is_told_nothing_rather_than_what_once_was(
    record: Record, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    record("QUEUED", ago=SECOND)
    metrics = NodeMetrics()
    metrics.queues.measure(connections.current(), now)
    later = clock.monotonic() + 61
    monkeypatch.setattr(clock, "monotonic", lambda: later)

    assert metrics.registry.get_sample_value("platform_scheduler_queue_depth", {"queue": "default"}) is None


def test_minutes_of_queues_are_forgotten(record: Record, now: datetime) -> None:
    record("SUCCESS", ago=MINUTE, took=SECOND)
    rollups.forget(connections.current(), now=now + rollups.MINUTES_KEPT + 2 * MINUTE)

    assert not QueueRollUp.objects.exists()


def test_a_worker_for_what_is_critical_alone_does_not_count(viewer: Caller, now: datetime) -> None:
    worker(now, queues=["default"], concurrency=4)
    worker(now, queues=["default"], concurrency=2)
    Node.objects.filter(id=UUID(int=2)).update(load={"queues": ["default"], "concurrency": 2, "criticalOnly": True})

    shown = queues(viewer)["default"]
    assert (shown["workers"], shown["concurrency"]) == (1, 4)
