"""What is held is to be seen in health, metrics, dashboard and of the execution itself, for whatever reason."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from scheduler import clock, connections, display
from scheduler.engine.states import HOLDING, Reason
from scheduler.models import Circuit, Delivery, Execution, Permit, Task, Webhook
from scheduler.node import SchedulerNode
from tests.integration.conftest import Caller
from tests.integration.query.pages.inhabited import seated
from tests.integration.query.pages.test_task_page import text
from tests.integration.query.test_explain_execution import explain

MINUTE = timedelta(minutes=1)


@pytest.fixture
def node(db: None, monkeypatch: pytest.MonkeyPatch) -> SchedulerNode:
    return SchedulerNode()


@pytest.fixture
def hold(new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime) -> Callable[..., Execution]:
    """Hold an execution as if for this reason."""

    def held(reason: Reason, **columns: Any) -> Execution:
        task = new_task(f"For {reason}", intervalSeconds=3600)
        return record(task, now - MINUTE, status="SCHEDULED", reason=reason, not_before=now + MINUTE, **columns)

    return held


def count(node: SchedulerNode) -> dict[str, Any]:
    connection = connections.current()
    node.flow.count(connection, clock.read(connection), show=node.metrics.held.show)
    return node.live()[1]


def metric(node: SchedulerNode, name: str, **labels: str) -> float | None:
    return node.metrics.registry.get_sample_value(f"platform_scheduler_{name}", labels)


@pytest.mark.parametrize("reason", HOLDING)
def test_each_reason_for_which_something_is_held_is_to_be_seen(
    reason: Reason, node: SchedulerNode, hold: Callable[..., Execution], viewer: Caller
) -> None:
    held = hold(reason)

    assert count(node)["held"] == {reason: 1}
    assert metric(node, "held_executions", reason=reason) == 1
    words = display.held(reason)
    assert (words == reason, "_" in words) == (False, False)
    shown = f'<span title="{reason}">1 {words}</span>'
    assert f"held: {shown}" in text(seated("viewer"), "/admin/")
    assert shown in text(seated("viewer"), "/admin/circuits/")
    assert viewer.get("/api/v1/protection").json()["held"] == {reason: 1}
    assert viewer.get(f"/api/v1/executions/{held.id}").json()["reason"] == reason
    answer = explain(viewer, held)
    assert (answer["outcome"], answer["steps"][-1]["code"]) == ("waits", reason)


def test_every_reason_has_a_gauge_from_the_start(node: SchedulerNode) -> None:
    count(node)

    assert [metric(node, "held_executions", reason=reason) for reason in HOLDING] == [0] * len(HOLDING)


def test_what_load_leaves_out_is_to_be_seen(
    node: SchedulerNode, new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime, viewer: Caller
) -> None:
    Permit.objects.create(key="shed:3", is_paused=True)
    left_out = record(new_task("Low", intervalSeconds=3600), now - MINUTE, status="SKIPPED", reason="shed")

    assert count(node)["shedPriority"] == metric(node, "shed_priority") == 3
    assert viewer.get("/api/v1/protection").json()["shedPriority"] == 3
    assert explain(viewer, left_out)["steps"][-1]["code"] == "shed"


def test_messages_that_wait_for_a_host_are_to_be_seen(node: SchedulerNode, viewer: Caller, now: datetime) -> None:
    hook = Webhook.objects.create(namespace="team-a", url="https://receiver.example/hook", events=["*"])
    Delivery.objects.create(
        id=uuid4(), webhook=hook, event="webhook.test", subject="x", body="{}", tries_left=9, next_attempt_at=now,
        created_at=now,
    )  # fmt: skip
    Circuit.objects.create(name="host:receiver.example", state="OPEN", since=now, retry_at=now + MINUTE)

    assert count(node)["deliveriesHeldByCircuits"] == metric(node, "circuit_held_deliveries") == 1
    assert viewer.get("/api/v1/protection").json()["heldDeliveries"] == 1
    assert "deliveries to webhooks 1" in text(seated("viewer"), "/admin/circuits/")
