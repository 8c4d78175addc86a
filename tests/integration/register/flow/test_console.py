"""Flow control at /admin/."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from scheduler.models import AuditRecord, FlowControl, Permit
from scheduler.representations import instant
from tests.integration.conftest import Caller
from tests.integration.query.pages.inhabited import seated

FLOW = "/admin/scheduler/flowcontrol/"
TASKS = "/admin/scheduler/task/"
EMPTY = {
    "max_dispatch_per_second": "", "max_concurrency": "", "queues": "", "task_classes": "", "namespaces": "",
    "reason": "", "starts_at_0": "", "starts_at_1": "", "expires_at_0": "", "expires_at_1": "",
    "starts_at": "", "expires_at": "",
}  # fmt: skip
STOP = EMPTY | {"mode": "PAUSED", "confirmed": "on", "reason": "The ledger is being moved."}


def page(client: Client, path: str = FLOW) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def send(client: Client, body: dict[str, Any]) -> str:
    answer: Any = client.post(f"{FLOW}add/", body, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def keys() -> list[Any]:
    return list(Permit.objects.order_by("key").values_list("key", "capacity", "rate", "is_paused"))


def test_it_tells_that_nothing_is_limited(admin_client: Client) -> None:
    shown = page(admin_client)
    assert "nothing is limited" in shown and "flow-banner" not in shown.replace("flow-banner {", "")


def test_it_stops_everything_once_that_is_confirmed(admin_client: Client) -> None:
    assert "Tick this to stop everything." in send(admin_client, STOP | {"confirmed": ""})
    assert keys() == []
    send(admin_client, STOP)
    assert keys() == [("all", None, None, True)]
    record = AuditRecord.objects.get(kind="flow-control")
    assert (record.actor, record.via, record.verb) == ("admin (console)", "CONSOLE", "change")


@pytest.mark.parametrize("path", [FLOW, TASKS, "/admin/", "/admin/scheduler/calendar/add/"])
def test_a_stop_stands_on_every_page_with_who_and_why(admin_client: Client, path: str) -> None:
    send(admin_client, STOP)
    shown = page(admin_client, path)
    assert "Everything is stopped." in shown and "The ledger is being moved." in shown and "admin (console)" in shown


def test_a_stop_is_nobody_elses_business(client: Client, admin_client: Client) -> None:
    send(admin_client, STOP)
    assert "Everything is stopped." not in page(Client(), "/admin/login/")


def test_it_sets_limits_and_begins_with_those_in_force(admin_client: Client) -> None:
    queues = '{"reports": {"maxDispatchPerSecond": 5}}'
    send(admin_client, EMPTY | {"mode": "THROTTLED", "max_concurrency": "20", "queues": queues})
    assert keys() == [("all", 20, None, False), ("queue:reports", None, 5.0, False)]
    shown, form = page(admin_client), page(admin_client, f"{FLOW}add/")
    assert "the queue reports: 5 a second" in shown and "everything: 20 at once" in shown
    assert "Flow control is in force." in shown
    assert 'value="20"' in form and "reports" in form


def test_it_lifts(admin_client: Client) -> None:
    send(admin_client, STOP)
    assert 'value="NORMAL" selected' in page(admin_client, f"{FLOW}add/?mode=NORMAL")
    send(admin_client, EMPTY | {"mode": "NORMAL"})
    assert keys() == []


def test_what_the_service_refuses_stands_beside_its_field(admin_client: Client) -> None:
    shown = send(admin_client, EMPTY | {"mode": "THROTTLED", "queues": '{"a b": {"mode": "PAUSED"}}'})
    assert "a b: Use letters A to Z" in shown
    assert FlowControl.objects.count() == 0


@pytest.mark.parametrize("queues", ["[]", "5", "{", '"x"'])
def test_it_refuses_what_is_no_object(admin_client: Client, queues: str) -> None:
    send(admin_client, EMPTY | {"mode": "NORMAL", "queues": queues})
    assert keys() == []


def test_it_refuses_what_no_database_holds(admin_client: Client) -> None:
    shown = send(admin_client, EMPTY | {"mode": "NORMAL", "queues": '{"a": {"maxDispatchPerSecond": NaN}}'})
    assert "This is not JSON: NaN is no JSON value." in shown
    assert FlowControl.objects.count() == 0


@pytest.mark.parametrize("path", ["", "{id}/change/"])
def test_a_bound_seat_sees_its_own_namespaces_limits(admin_client: Client, path: str) -> None:
    limits = '{"payments": {"maxConcurrency": 7}, "secret-project": {"maxConcurrency": 8}}'
    send(admin_client, EMPTY | {"mode": "NORMAL", "namespaces": limits})

    shown = page(seated("operator", "payments"), FLOW + path.format(id=FlowControl.objects.get().id))

    assert ("payments" in shown, "secret-project" in shown) == (True, False)


def test_it_shows_plans_and_calls_them_off(admin_client: Client, operator: Caller, now: datetime) -> None:
    body = {"mode": "PAUSED", "reason": "Moving house", "startsAt": instant(now + timedelta(hours=1))}
    plan = operator.send("put", "flow-control", body).json()["planned"][0]["id"]
    assert "Moving house" in page(admin_client)
    answer: Any = admin_client.post(FLOW, {"action": "withdraw", "_selected_action": [str(plan)]}, follow=True)
    assert "does not begin" in answer.content.decode()
    assert operator.send("get", "flow-control").json()["planned"] == []


def test_it_shows_one_that_was_asked_for(admin_client: Client) -> None:
    send(admin_client, STOP)
    shown = page(admin_client, f"{FLOW}{FlowControl.objects.get().id}/change/")
    assert "The ledger is being moved." in shown and "everything: paused" in shown


def test_who_may_only_look_changes_nothing(db: None) -> None:
    user = User.objects.create_user("sam", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_flowcontrol"))
    client = Client()
    client.force_login(user)
    assert "Stop everything" not in page(client)
    assert client.post(f"{FLOW}add/", STOP).status_code == 403
    assert keys() == []
