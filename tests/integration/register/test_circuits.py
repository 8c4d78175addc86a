"""GET /api/v1/circuits, POST /api/v1/circuits/{name}/reset, and the fields of tasks."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from register.access import create_token
from scheduler.models import AuditRecord, Circuit, Delivery, Permit, Task, Webhook
from tests.integration.conftest import Caller

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("handlers")]

GOOD: dict[str, Any] = {"name": "Invoices", "taskClass": "platform.noop"}
CAUSE = "8 of the last 10 calls failed."


@pytest.fixture
def billing(now: datetime) -> Circuit:
    Permit.objects.create(key="service:billing", is_paused=True)
    return Circuit.objects.create(
        name="billing", state="OPEN", since=now, retry_at=now, trip_count=1, cause=CAUSE, buckets=[[1_000, 10, 8, 1]]
    )


def test_it_lists_them(viewer: Caller, billing: Circuit) -> None:
    (shown,) = viewer.send("get", "circuits").json()["content"]
    assert (shown["name"], shown["state"], shown["cause"], shown["tripCount"]) == ("billing", "OPEN", CAUSE, 1)
    assert (shown["callCount"], shown["failureCount"], shown["slowCount"], shown["heldCount"]) == (10, 8, 1, 0)


@pytest.mark.usefixtures("billing")
def test_a_bound_token_sees_those_that_its_tasks_use(now: datetime, new_task: Callable[..., Task]) -> None:
    _, secret = create_token("bound", role="viewer", namespace="team-a", now=now)
    bound = Caller(secret)
    assert bound.send("get", "circuits").json()["content"] == []
    new_task("Invoices", namespace="team-a", uses=["billing"])
    assert [one["name"] for one in bound.send("get", "circuits").json()["content"]] == ["billing"]


@pytest.fixture
def receiver(now: datetime) -> Webhook:
    """A webhook of team-a's whose host fails, with a message that waits."""
    hook = Webhook.objects.create(namespace="team-a", url="https://receiver.example:8443/hook?key=1", events=["*"])
    Delivery.objects.create(
        id=uuid4(), webhook=hook, event="webhook.test", subject="x", body="{}", tries_left=9, next_attempt_at=now,
        created_at=now,
    )  # fmt: skip
    Circuit.objects.create(name="host:receiver.example:8443", state="OPEN", since=now, retry_at=now, cause=CAUSE)
    return hook


@pytest.mark.usefixtures("receiver", "billing")
def test_it_lists_hosts_of_webhooks(viewer: Caller) -> None:
    shown = viewer.send("get", "circuits").json()["content"]
    assert [(one["name"], one["heldCount"]) for one in shown] == [("billing", 0), ("host:receiver.example:8443", 1)]


@pytest.mark.usefixtures("receiver", "billing")
@pytest.mark.parametrize(("namespace", "names"), [("team-a", ["host:receiver.example:8443"]), ("team-b", [])])
def test_a_bound_token_sees_the_hosts_of_its_webhooks(now: datetime, namespace: str, names: list[str]) -> None:
    _, secret = create_token("bound", role="viewer", namespace=namespace, now=now)
    assert [one["name"] for one in Caller(secret).send("get", "circuits").json()["content"]] == names


@pytest.mark.usefixtures("receiver")
def test_it_closes_that_of_a_host_by_hand(operator: Caller) -> None:
    answer = operator.send("post", "circuits/host:receiver.example:8443/reset")
    assert (answer.status_code, answer.json()["state"], answer.json()["heldCount"]) == (200, "CLOSED", 0)
    assert not Permit.objects.exists()
    assert AuditRecord.objects.get(kind="circuit").object_id == "host:receiver.example:8443"


def test_it_closes_one_by_hand(operator: Caller, billing: Circuit) -> None:
    answer = operator.send("post", "circuits/billing/reset")
    assert (answer.status_code, answer.json()["state"], answer.json()["callCount"]) == (200, "CLOSED", 0)
    assert not Permit.objects.get(key="service:billing").is_paused
    record = AuditRecord.objects.get(kind="circuit")
    assert (record.verb, record.actor, record.object_id) == ("reset", "olaf", "billing")
    assert (record.before or {})["state"] == "OPEN"


def test_there_is_nothing_to_close_where_nothing_was_called(operator: Caller) -> None:
    assert operator.send("post", "circuits/billing/reset").status_code == 404


@pytest.mark.usefixtures("billing")
def test_a_bound_token_closes_none(now: datetime) -> None:
    _, secret = create_token("bound", role="admin", namespace="team-a", now=now)
    assert Caller(secret).send("post", "circuits/billing/reset").status_code == 403
    assert Circuit.objects.get().state == "OPEN"


def test_a_task_names_what_it_uses(editor: Caller) -> None:
    body = GOOD | {"uses": ["billing", "warehouse", "billing"], "circuitPolicy": "SKIP"}
    shown = editor.send("post", "tasks", body).json()
    assert (shown["uses"], shown["circuitPolicy"]) == (["billing", "warehouse"], "SKIP")


def test_a_task_uses_nothing_and_waits_unless_it_says_so(editor: Caller) -> None:
    shown = editor.send("post", "tasks", GOOD).json()
    assert (shown["uses"], shown["circuitPolicy"]) == ([], "WAIT")


def test_it_changes_what_a_task_uses(editor: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task("Invoices", uses=["billing"])
    shown = editor.send("patch", f"tasks/{task.id}", {"uses": []}).json()
    assert (shown["uses"], shown["version"]) == ([], 2)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"uses": ["bill ing"]}, "uses[0]"),
        ({"uses": ["host:x"]}, "uses[0]"),
        ({"uses": [f"s{number}" for number in range(21)]}, "uses"),
        ({"circuitPolicy": "LATER"}, "circuitPolicy"),
    ],
)
def test_it_refuses_what_is_no_service(editor: Caller, given: dict[str, Any], field: str) -> None:
    answer = editor.send("post", "tasks", GOOD | given)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
