"""The same question has the same number in the dashboard, in the API and for Prometheus."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.contrib.auth.models import User
from django.test import Client
from prometheus_client import CollectorRegistry

from scheduler import connections
from scheduler.flow_ticks import FlowTicks
from scheduler.metrics import NodeMetrics
from scheduler.models import Circuit, Execution, Node, Permit, Protection, Task
from scheduler.observation import Observer
from scheduler.protecting import Protecting
from tests.integration.conftest import Caller

MINUTE = timedelta(minutes=1)
ENDED = ["SUCCESS"] * 5 + ["FAILED", "FAILED", "TIMED_OUT", "LOST", "CANCELLED", "SKIPPED"]


@dataclass
class Three:
    """Those who are asked: the dashboard's overview, its page of circuits, the API, and what a scheduler exposes."""

    page: str
    circuits_page: str
    api: Caller
    registry: CollectorRegistry

    def tile(self, label: str) -> str:
        """Return what a tile of the overview shows."""
        found = re.search(rf'<span class="label">{label}</span>\s*<a class="figure[^>]*>([^<]+)', self.page)
        assert found, label
        return found[1].strip()

    def get(self, path: str) -> Any:
        answer = self.api.get(f"/api/v1/{path}")
        assert answer.status_code == 200, answer.content
        return answer.json()

    def metric(self, name: str, **labels: str) -> float:
        found = [
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == f"platform_scheduler_{name}" and labels.items() <= sample.labels.items()
        ]
        return sum(found)


@pytest.fixture
def scenario(
    new_task: Callable[..., Task], record: Callable[..., Execution], count: Callable[[], None], now: datetime
) -> None:
    """Late, failed, retried, skipped, held, lost, running and queued executions, in two queues; nodes, alive or not."""
    busy, slow = new_task("Busy", intervalSeconds=600), new_task("Slow", queue="slow", namespace="payments")
    for name in ("Late 1", "Late 2"):
        late = new_task(name, intervalSeconds=600)
        Task.objects.filter(id=late.id).update(claim_at=now - MINUTE, next_execution_time=now - MINUTE)
    for place, status in enumerate(ENDED):
        record(busy, now - (place + 2) * MINUTE, status=status, start_time=now, end_time=now)
    record(busy, now - 3 * MINUTE, attempt=2, status="SUCCESS", start_time=now, end_time=now)
    for place in range(3):
        record(busy, now - (place + 20) * MINUTE, status="QUEUED", queued_at=now - (place + 20) * MINUTE)
    record(slow, now - MINUTE, status="QUEUED", queued_at=now - timedelta(seconds=30))
    for task in (busy, slow):
        record(task, now - 30 * MINUTE, status="RUNNING", start_time=now - 30 * MINUTE)
    held = {"status": "SCHEDULED", "published_at": None, "queued_at": None, "not_before": None}
    record(busy, now - 31 * MINUTE, **held, reason="flow", held_by="*")
    for place in range(2):
        record(busy, now - (place + 32) * MINUTE, **held, reason="throttle", held_by="load")
    record(busy, now - 34 * MINUTE, **held, reason="circuit", held_by="service:ledger")
    for role, beat in (("scheduler", now), ("worker", now), ("worker", now), ("worker", now - 5 * MINUTE)):
        load = {"concurrency": 4, "queues": ["default"]}
        Node.objects.create(id=uuid4(), role=role, hostname="h", pid=1, started_at=beat, heartbeat_at=beat, load=load)
    count()


@pytest.fixture
def under_load(now: datetime, settings: Any) -> None:
    """Protection lets so many go; of three circuits one is open, and one lets a probe go."""
    settings.PROTECTION = True
    Protection.objects.update_or_create(
        id=1, defaults={"level": "THROTTLED", "since": now, "rate": 20.0, "decided_at": now}
    )
    for key in ("load", "service:ledger"):
        Permit.objects.update_or_create(key=key)
    for name, state in (("ledger", "OPEN"), ("mail", "HALF_OPEN"), ("rates", "CLOSED")):
        Circuit.objects.create(name=name, state=state, since=now)


@pytest.fixture
def three(scenario: None, under_load: None, viewer: Caller, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Three:
    connection: psycopg.Connection = connections.current()
    metrics = NodeMetrics()
    flow, protecting = FlowTicks(), Protecting(metrics, node=uuid4())
    metrics.watch(**flow.gauges, **protecting.gauges)
    Observer(metrics.registry, watchdog_url=None, is_claiming=bool, speaks_for_all=bool).turn(connection)
    metrics.queues.measure(connection, now)
    flow.count(connection, now, show=metrics.held.show)
    for timer in protecting.timers:
        timer.run(connection, now)
    user = User.objects.create_superuser("root", password="unused")
    client = Client()
    client.force_login(user)
    page, circuits_page = (client.get(path).content.decode() for path in ("/admin/", "/admin/circuits/"))
    return Three(page, circuits_page, viewer, metrics.registry)


def test_late_tasks(three: Three):
    late = three.get("stats/overview")["late"]["count"]
    assert (late, three.get("tasks?late=true")["totalElements"], three.metric("late_tasks")) == (3, 3, 3)
    assert three.tile("Late now") == "3"


def test_what_ended_in_the_last_hour(three: Three):
    period = three.get("stats/overview")["lastHour"]
    failed = sum(three.metric("last_hour_executions", status=one) for one in ("FAILED", "TIMED_OUT", "LOST"))
    assert (period["succeeded"]["count"], three.metric("last_hour_executions", status="SUCCESS")) == (6, 6)
    assert (period["failed"]["count"], failed, three.tile("Failed, 24 h")) == (4, 4, "4")
    others = {one: three.metric("last_hour_executions", status=one) for one in ("CANCELLED", "SKIPPED")}
    assert others == {one: three.get(f"executions?status={one}")["totalElements"] for one in others}


def test_the_success_rate(three: Three):
    succeeded = three.metric("last_hour_executions", status="SUCCESS")
    ended = three.metric("last_hour_executions") - sum(
        three.metric("last_hour_executions", status=one) for one in ("CANCELLED", "SKIPPED")
    )
    rates = [three.get("stats/overview")[name]["successRate"] for name in ("lastHour", "lastDay")]
    assert (rates, succeeded / ended, three.tile("Success rate, 24 h")) == ([0.6, 0.6], 0.6, "60 %")


@pytest.mark.parametrize(("queue", "depth"), [("default", 3), ("slow", 1)])
def test_the_depth_of_a_queue(three: Three, queue: str, depth: int):
    of_overview = {one["queue"]: one["depth"]["count"] for one in three.get("stats/overview")["queues"]}
    of_queues = {one["queue"]: one["depth"] for one in three.get("queues")["content"]}
    assert (of_overview[queue], of_queues[queue], three.metric("queue_depth", queue=queue)) == (depth,) * 3


def test_what_is_open(three: Three):
    shown = {status: one["count"] for status, one in three.get("stats/overview")["executions"].items()}
    assert shown == {"QUEUED": 4, "RUNNING": 2, "SCHEDULED": 4}
    assert (three.metric("queue_depth"), three.metric("queue_running")) == (4, 2)
    held = [three.metric(f"{name}_held_executions") for name in ("flow", "circuit", "load")]
    assert (sum(held), held) == (4, [1, 1, 2])
    assert [three.tile(label) for label in ("Queued", "Running")] == ["4", "2"]


def test_workers(three: Three):
    workers = three.get("stats/overview")["workers"]
    listed = [len(three.get(f"nodes?role=worker&silent={one}")["content"]) for one in ("false", "true")]
    shown = [three.metric("nodes", role="worker", state=state) for state in ("alive", "silent")]
    assert (workers["alive"]["count"], workers["silent"]["count"]) == (2, 1)
    assert (listed, shown, three.tile("Workers")) == ([2, 1], [2, 1], "2")


def test_how_much_load_lets_go(three: Three):
    shown = three.get("protection")
    assert (shown["level"], shown["maxDispatchPerSecond"], shown["heldCount"]) == ("THROTTLED", 20.0, 2)
    assert (three.metric("protection_level"), three.metric("protection_rate")) == (1, 20.0)
    assert three.metric("load_held_executions") == 2
    assert "throttled by load, 2 held" in three.page


def test_circuits(three: Three):
    shown = {one["name"]: one["state"] for one in three.get("circuits")["content"] if one["state"] != "CLOSED"}
    assert shown == {"ledger": "OPEN", "mail": "HALF_OPEN"}
    assert [three.metric("circuit_open", circuit=name, state=state) for name, state in shown.items()] == [1, 1]
    assert three.metric("circuit_open") == 2
    assert "2 circuits open: ledger, mail" in three.page
    assert "ledger" in three.circuits_page
