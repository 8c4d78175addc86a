"""Every endpoint, method by method: which role it takes, and that no token reaches into another namespace."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from platform_scheduler.authentication import LADDER
from register.access import create_token
from tests.integration.conftest import Caller
from tests.integration.register.endpoints import (
    CALENDAR,
    DELIVERY,
    EVENT,
    EXECUTION,
    NAMESPACE,
    OPERATION,
    RUN,
    SERVED,
    TASK,
    TEMPLATE,
    TOKEN,
    WEBHOOK,
    everything,
)

pytestmark = pytest.mark.anywhere

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
    ("POST", f"{OPERATION}/approve"): "operator",
    ("POST", f"{OPERATION}/throttle"): "operator",
    ("POST", f"{OPERATION}/drop"): "operator",
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
    ("GET", "protection"): "viewer",
    ("GET", "circuits"): "viewer",
    ("POST", "circuits/<str:name>/reset"): "operator",
    ("GET", "tokens"): "admin",
    ("POST", "tokens"): "admin",
    ("GET", TOKEN): "admin",
    ("DELETE", TOKEN): "admin",
    ("GET", "audit"): "admin",
    ("GET", "stats/slot-faults"): "admin",
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
    ("POST", f"{WEBHOOK}/deliveries/replay"): "editor",
    ("GET", DELIVERY): "editor",
    ("POST", f"{DELIVERY}/replay"): "editor",
    ("GET", "handlers"): "viewer",
    ("GET", "nodes"): "viewer",
    ("GET", "queues"): "viewer",
}
ALLOWED = [(*key, role) for key, least in LEAST.items() for role in LADDER[LADDER.index(least) :]]
FORBIDDEN = [(*key, role) for key, least in LEAST.items() for role in LADDER[: LADDER.index(least)]]
# What limits everybody is everybody's to see.
OF_ONE = [key for key in LEAST if "<" in key[1] and "plan_id" not in key[1] and "circuits" not in key[1]]


@pytest.fixture(autouse=True)
def no_streams(settings: LazySettings) -> None:
    """Streams are full: one that is open would go on after the test."""
    settings.STREAM_CLIENTS = 0


@pytest.fixture
def send(paths: Callable[[str], str]) -> Callable[..., Any]:
    """Sends an empty object to a route that is filled in."""

    def send_it(caller: Client, method: str, route: str) -> Any:
        path = paths(route)
        body = None if method in ("GET", "HEAD") else "{}"
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
    before = everything()

    answer = send(caller, method, route)

    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    assert everything() == before


@pytest.mark.parametrize(("route", "role"), [(route, role) for method, route, role in FORBIDDEN if method == "GET"])
def test_it_refuses_a_lesser_role_the_length_of_what_it_may_not_read(
    send: Callable[..., Any], now: datetime, route: str, role: str
) -> None:
    assert send(_caller(role, now), "HEAD", route).status_code == 403


@pytest.mark.parametrize(("method", "route"), LEAST)
def test_it_asks_for_a_token(send: Callable[..., Any], method: str, route: str) -> None:
    answer = send(Client(), method, route)

    assert (answer.status_code, answer["WWW-Authenticate"][:6]) == (401, "Bearer")


@pytest.mark.parametrize(("method", "route"), OF_ONE)
def test_it_finds_nothing_of_another_namespace(
    send: Callable[..., Any], now: datetime, method: str, route: str
) -> None:
    caller = _caller("admin", now, namespace="payments")
    before = everything()

    answer = send(caller, method, route)

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert everything() == before


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
