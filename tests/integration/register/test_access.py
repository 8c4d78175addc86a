"""Every endpoint, method by method: which role it takes, and that no token reaches into another namespace."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from platform_scheduler.authentication import LADDER
from platform_scheduler.urls.composition import _methods
from query.api.routes import ROUTES as QUERY
from register.access import create_token
from register.api.routes import ROUTES as REGISTER
from register.given import Given
from register.templating.services import create_template
from scheduler.models import (
    ApiToken,
    AuditRecord,
    Calendar,
    Delivery,
    Event,
    Execution,
    FlowControl,
    Namespace,
    Operation,
    Revision,
    Task,
    Template,
    Webhook,
)
from tests.integration.conftest import Caller

TASK, EXECUTION = "tasks/<uuid:task_id>", "executions/<uuid:execution_id>"

RUN = "runs/<uuid:run_id>"
OPERATION = "operations/<uuid:operation_id>"
CALENDAR = "calendars/<uuid:calendar_id>"
NAMESPACE = "namespaces/<str:name>"
TOKEN = "tokens/<int:token_id>"
TEMPLATE = "templates/<uuid:template_id>"
EVENT = "events/<uuid:event_id>"
WEBHOOK = "webhooks/<uuid:webhook_id>"
DELIVERY = f"{WEBHOOK}/deliveries/<uuid:delivery_id>"
LEAST = {
    ("GET", "tasks"): "viewer",
    ("POST", "tasks"): "editor",
    ("POST", "tasks/validate"): "editor",
    ("POST", "tasks/bulk"): "editor",
    ("POST", "tasks/bulk-action"): "operator",
    ("POST", "executions/bulk-action"): "operator",
    ("GET", TASK): "viewer",
    ("PUT", TASK): "editor",
    ("PATCH", TASK): "editor",
    ("DELETE", TASK): "editor",
    ("GET", f"{TASK}/history"): "viewer",
    ("GET", f"{TASK}/metrics"): "viewer",
    ("GET", f"{TASK}/upcoming"): "viewer",
    ("GET", f"{TASK}/explain"): "viewer",
    ("GET", f"{TASK}/prediction"): "viewer",
    ("GET", f"{TASK}/revisions"): "viewer",
    ("GET", f"{TASK}/revisions/<int:version>"): "viewer",
    ("POST", f"{TASK}/revisions/<int:version>/restore"): "editor",
    ("GET", f"{TASK}/graph"): "viewer",
    ("GET", RUN): "viewer",
    ("POST", f"{RUN}/retry"): "operator",
    ("POST", f"{TASK}/trigger"): "operator",
    ("POST", f"{TASK}/pause"): "operator",
    ("POST", f"{TASK}/resume"): "operator",
    ("POST", f"{TASK}/skip"): "operator",
    ("POST", f"{TASK}/clone"): "editor",
    ("GET", "stream"): "viewer",
    ("GET", "sla"): "viewer",
    ("GET", "sla/breaches"): "viewer",
    ("GET", "forecast"): "viewer",
    ("GET", "stats/overview"): "viewer",
    ("GET", "stats/timeline"): "viewer",
    ("GET", "executions"): "viewer",
    ("GET", EXECUTION): "viewer",
    ("GET", f"{EXECUTION}/log"): "viewer",
    ("GET", f"{EXECUTION}/explain"): "viewer",
    ("POST", f"{EXECUTION}/cancel"): "operator",
    ("POST", f"{EXECUTION}/retry"): "operator",
    ("POST", f"{TASK}/backfill"): "operator",
    ("GET", "operations"): "viewer",
    ("GET", OPERATION): "viewer",
    ("POST", f"{OPERATION}/abort"): "operator",
    ("GET", "calendars"): "viewer",
    ("POST", "calendars"): "editor",
    ("POST", "calendars/preview"): "viewer",
    ("GET", CALENDAR): "viewer",
    ("PUT", CALENDAR): "editor",
    ("PATCH", CALENDAR): "editor",
    ("DELETE", CALENDAR): "editor",
    ("GET", f"{CALENDAR}/closed"): "viewer",
    ("POST", "schedules/preview"): "viewer",
    ("GET", "templates"): "viewer",
    ("POST", "templates"): "editor",
    ("GET", TEMPLATE): "viewer",
    ("PUT", TEMPLATE): "editor",
    ("PATCH", TEMPLATE): "editor",
    ("DELETE", TEMPLATE): "editor",
    ("GET", f"{TEMPLATE}/revisions"): "viewer",
    ("POST", f"{TEMPLATE}/instantiate"): "editor",
    ("POST", f"{TEMPLATE}/apply"): "editor",
    ("GET", "namespaces"): "viewer",
    ("POST", "namespaces"): "admin",
    ("GET", NAMESPACE): "viewer",
    ("PUT", NAMESPACE): "admin",
    ("PATCH", NAMESPACE): "admin",
    ("DELETE", NAMESPACE): "admin",
    ("GET", "flow-control"): "viewer",
    ("PUT", "flow-control"): "operator",
    ("DELETE", "flow-control/planned/<int:plan_id>"): "operator",
    ("GET", "tokens"): "admin",
    ("POST", "tokens"): "admin",
    ("GET", TOKEN): "admin",
    ("DELETE", TOKEN): "admin",
    ("GET", "audit"): "admin",
    ("GET", "audit/<int:record_id>"): "admin",
    ("GET", "events"): "viewer",
    ("POST", "events"): "operator",
    ("GET", EVENT): "viewer",
    ("GET", "webhooks"): "editor",
    ("POST", "webhooks"): "editor",
    ("GET", WEBHOOK): "editor",
    ("PUT", WEBHOOK): "editor",
    ("PATCH", WEBHOOK): "editor",
    ("DELETE", WEBHOOK): "editor",
    ("POST", f"{WEBHOOK}/rotate"): "editor",
    ("POST", f"{WEBHOOK}/test"): "editor",
    ("GET", f"{WEBHOOK}/deliveries"): "editor",
    ("GET", DELIVERY): "editor",
    ("POST", f"{DELIVERY}/replay"): "editor",
    ("GET", "handlers"): "viewer",
    ("GET", "nodes"): "viewer",
}
SERVED = {
    (method, route)
    for routes in (QUERY, REGISTER)
    for route, view in routes.items()
    for method in _methods(view)
    if method != "HEAD"
}
ALLOWED = [(*key, role) for key, least in LEAST.items() for role in LADDER[LADDER.index(least) :]]
FORBIDDEN = [(*key, role) for key, least in LEAST.items() for role in LADDER[: LADDER.index(least)]]
# What limits everybody is everybody's to see.
OF_ONE = [key for key in LEAST if "<" in key[1] and "plan_id" not in key[1]]


@pytest.fixture(autouse=True)
def no_streams(settings: LazySettings) -> None:
    """Streams are full: one that is open would go on after the test."""
    settings.STREAM_CLIENTS = 0


@pytest.fixture
def execution(cleanup: Task, admin: Caller) -> Execution:
    """Waits for a worker."""
    admin.send("post", f"tasks/{cleanup.id}/trigger")
    return Execution.objects.get()


@pytest.fixture
def paths(execution: Execution, now: datetime) -> Callable[[str], str]:
    """Fills in routes: the cleanup task, its execution, an operation on it; a calendar, a token of its namespace."""
    operation = Operation.objects.create(
        kind="BACKFILL", namespace="default", task=execution.task, position=execution.scheduled_for,
        arguments={"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z", "maxParallel": 1, "rerun": False},
    )  # fmt: skip
    calendar = Calendar.objects.create(name="weekends", namespace="default", rules={"weekdays": ["SAT", "SUN"]})
    Namespace.objects.create(name="default")
    token, _ = create_token("theirs", role="viewer", namespace="default", now=now)
    record = AuditRecord.objects.get(kind="token", object_id=token.id)
    given = Given({"name": "noop", "namespace": "default", "parameters": {"type": "object"}, "definition": {}})
    template = create_template(given, actor="ada", namespace=None, now=now)
    event = Event.objects.create(name="told", namespace="default", payload="{}", received_at=now)
    webhook = Webhook.objects.create(namespace="default", url="https://example.com/", events=["*"])
    delivery = Delivery.objects.create(
        id=webhook.id, webhook=webhook, event="webhook.test", subject="test", body="{}", status="FAILED", tries_left=0,
        next_attempt_at=now, created_at=now,
    )  # fmt: skip
    plan = FlowControl.objects.create(document={"mode": "PAUSED"}, created_at=now, starts_at=now + timedelta(days=9))
    ids = {
        "uuid:task_id": execution.task_id, "uuid:execution_id": execution.id, "uuid:operation_id": operation.id,
        "uuid:calendar_id": calendar.id, "int:token_id": token.id, "str:name": "default",
        "uuid:template_id": template.id, "int:version": 1, "int:record_id": record.id,
        "uuid:run_id": execution.id, "uuid:event_id": event.id,
        "uuid:webhook_id": webhook.id, "uuid:delivery_id": delivery.id,
        "int:plan_id": plan.id,
    }  # fmt: skip

    def fill_in(route: str) -> str:
        for name, one in ids.items():
            route = route.replace(f"<{name}>", str(one))
        return route

    return fill_in


@pytest.fixture
def send(paths: Callable[[str], str]) -> Callable[..., Any]:
    """Sends an empty object to a route that is filled in."""

    def send_it(caller: Client, method: str, route: str) -> Any:
        path = paths(route)
        body = None if method == "GET" else "{}"
        return caller.generic(method, f"/api/v1/{path}", data=body or "", content_type="application/json")

    return send_it


def _caller(role: str, now: datetime, namespace: str | None = None) -> Caller:
    return Caller(create_token(role, role=role, namespace=namespace, now=now)[1])


def test_the_table_has_every_endpoint() -> None:
    assert set(LEAST) == SERVED


@pytest.mark.parametrize(("method", "route", "role"), ALLOWED)
def test_it_takes_the_role(send: Callable[..., Any], now: datetime, method: str, route: str, role: str) -> None:
    assert send(_caller(role, now), method, route).status_code not in {401, 403, 404, 405, 500}


@pytest.mark.parametrize(("method", "route", "role"), FORBIDDEN)
def test_it_refuses_a_lesser_role(send: Callable[..., Any], now: datetime, method: str, route: str, role: str) -> None:
    caller = _caller(role, now)
    before = _everything()

    answer = send(caller, method, route)

    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    assert _everything() == before


@pytest.mark.parametrize(("method", "route"), LEAST)
def test_it_asks_for_a_token(send: Callable[..., Any], method: str, route: str) -> None:
    answer = send(Client(), method, route)

    assert (answer.status_code, answer["WWW-Authenticate"][:6]) == (401, "Bearer")


@pytest.mark.parametrize(("method", "route"), OF_ONE)
def test_it_finds_nothing_of_another_namespace(
    send: Callable[..., Any], now: datetime, method: str, route: str
) -> None:
    caller = _caller("admin", now, namespace="payments")
    before = _everything()

    answer = send(caller, method, route)

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert _everything() == before


@pytest.mark.parametrize(("method", "route"), [key for key in OF_ONE if key[0] == "POST"])
def test_it_tells_faults_to_nobody_of_another_namespace(
    paths: Callable[[str], str], now: datetime, method: str, route: str
) -> None:
    answer = _caller("admin", now, namespace="payments").send("post", paths(route), {"until": "soon", "slot": 5})

    assert answer.status_code in {400, 404}
    assert "default" not in answer.content.decode()


@pytest.mark.parametrize("path", ["tasks", "executions", "tasks?namespace=default", "executions?namespace=default"])
@pytest.mark.usefixtures("execution")
def test_it_lists_nothing_of_another_namespace(now: datetime, path: str) -> None:
    answer = _caller("admin", now, namespace="payments").get(f"/api/v1/{path}").json()

    assert (answer["content"], answer["totalElements"], answer["nextCursor"]) == ([], 0, None)


def _everything() -> list[Any]:
    models: list[Any] = [Task, Execution, Operation, Calendar, Template, Revision, Event, Webhook, Delivery]
    # Every request notes the use of the token that it is sent with.
    tokens = ApiToken.objects.order_by("id").values("id", "name", "revoked_at")
    namespaces = Namespace.objects.order_by("name").values()
    return [*tokens, *namespaces, *(row for model in models for row in model.objects.order_by("id").values())]
