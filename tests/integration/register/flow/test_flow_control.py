"""GET and PUT /api/v1/flow-control."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from register import flow_control
from register.access import create_token
from register.api.flow_input import read_flow_control
from scheduler.models import AuditRecord, FlowControl, Permit
from scheduler.representations import instant
from scheduler.standing import FlowStanding
from tests.integration.conftest import Caller

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
STOP = {"mode": "PAUSED", "reason": "The ledger is being moved."}
SLOW = {
    "mode": "THROTTLED",
    "maxDispatchPerSecond": 50,
    "maxConcurrency": 200,
    "queues": {"reports": {"mode": "THROTTLED", "maxDispatchPerSecond": 0.5}},
    "taskClasses": {"com.platform.tasks.CleanupTask": {"mode": "PAUSED"}},
    "namespaces": {"payments": {"maxConcurrency": 5}, "finance": {"mode": "NORMAL"}},
    "reason": "Month's end",
}
KEYS = [
    ("all", 200, 50.0, False),
    ("class:com.platform.tasks.CleanupTask", None, None, True),
    ("namespace:payments", 5, None, False),
    ("queue:reports", None, 0.5, False),
]


def limits() -> list[Any]:
    return list(Permit.objects.order_by("key").values_list("key", "capacity", "rate", "is_paused"))


def test_nothing_is_limited_until_somebody_asks(viewer: Caller) -> None:
    answer = viewer.send("get", "flow-control")
    assert (answer.status_code, answer["ETag"]) == (200, '"1"')
    assert answer.json() == {
        "mode": "NORMAL", "maxDispatchPerSecond": None, "maxConcurrency": None, "queues": {}, "taskClasses": {},
        "namespaces": {}, "reason": None, "startsAt": None, "expiresAt": None, "id": None, "createdAt": None,
        "createdBy": None, "version": 1, "covered": [], "planned": [],
    }  # fmt: skip


def test_it_answers_what_was_asked_for(operator: Caller, viewer: Caller) -> None:
    answer = operator.send("put", "flow-control", SLOW)
    shown = answer.json()
    assert (answer.status_code, answer["ETag"], shown["version"]) == (200, '"2"', 2)
    assert (shown["mode"], shown["maxDispatchPerSecond"], shown["maxConcurrency"]) == ("THROTTLED", 50, 200)
    assert shown["queues"] == {"reports": {"mode": "THROTTLED", "maxDispatchPerSecond": 0.5, "maxConcurrency": None}}
    assert shown["namespaces"]["payments"]["mode"] == "THROTTLED"
    assert (shown["reason"], shown["createdBy"], shown["expiresAt"]) == ("Month's end", "olaf", None)
    assert viewer.send("get", "flow-control").json() == shown


def test_it_is_in_force_with_the_answer(operator: Caller) -> None:
    operator.send("put", "flow-control", SLOW)
    assert limits() == KEYS


def test_it_replaces_what_was_in_force(operator: Caller) -> None:
    operator.send("put", "flow-control", SLOW)
    operator.send("put", "flow-control", STOP)
    assert limits() == [("all", None, None, True)]
    operator.send("put", "flow-control", {"mode": "NORMAL"})
    assert limits() == []


def _set(body: dict[str, Any], now: datetime) -> FlowStanding:
    return flow_control.change_flow(read_flow_control(body), actor="olaf", bound_to=None, now=now)


def test_who_waited_for_another_comes_after_him_though_his_clock_was_read_before(now: datetime) -> None:
    """Two requests at once: the one that is stored last may have begun first."""
    _set(STOP, now)
    standing = _set(SLOW, now - timedelta(milliseconds=30))

    assert standing.current is not None
    assert standing.current.document["mode"] == "THROTTLED"
    assert limits() == KEYS


def test_who_waited_for_another_that_asked_for_the_same_changes_nothing(now: datetime) -> None:
    _set(STOP, now)
    version = _set(STOP, now - timedelta(milliseconds=30)).version

    assert (FlowControl.objects.count(), version) == (1, 2)


def test_what_begins_later_is_planned_and_leaves_what_is_in_force(operator: Caller, now: datetime) -> None:
    operator.send("put", "flow-control", SLOW)
    body = STOP | {"startsAt": instant(now + HOUR), "expiresAt": instant(now + 2 * HOUR)}
    shown = operator.send("put", "flow-control", body).json()
    assert (shown["mode"], limits()) == ("THROTTLED", KEYS)
    (planned,) = shown["planned"]
    assert (planned["mode"], planned["startsAt"], planned["expiresAt"]) == (
        "PAUSED", body["startsAt"], body["expiresAt"],
    )  # fmt: skip


def test_the_same_plan_twice_is_one_plan(operator: Caller, now: datetime) -> None:
    for reason in ("first", "second"):
        shown = operator.send("put", "flow-control", STOP | {"startsAt": instant(now + HOUR), "reason": reason}).json()
    assert [one["reason"] for one in shown["planned"]] == ["second"]


def test_a_plan_is_called_off_once(operator: Caller, now: datetime) -> None:
    shown = operator.send("put", "flow-control", STOP | {"startsAt": instant(now + HOUR)}).json()
    path = f"flow-control/planned/{shown['planned'][0]['id']}"
    assert [operator.send("delete", path).status_code for _ in range(2)] == [204, 404]
    assert operator.send("get", "flow-control").json()["planned"] == []


def test_what_is_in_force_is_no_plan(operator: Caller) -> None:
    shown = operator.send("put", "flow-control", STOP).json()
    assert operator.send("delete", f"flow-control/planned/{shown['id']}").status_code == 404


def test_what_has_an_end_covers_what_was_before(operator: Caller, now: datetime) -> None:
    operator.send("put", "flow-control", SLOW)
    shown = operator.send("put", "flow-control", STOP | {"expiresAt": instant(now + HOUR)}).json()
    assert (shown["mode"], [one["mode"] for one in shown["covered"]]) == ("PAUSED", ["THROTTLED"])


def test_the_same_again_changes_nothing_and_leaves_no_record(operator: Caller) -> None:
    answers = [operator.send("put", "flow-control", SLOW) for _ in range(3)]
    assert {answer["ETag"] for answer in answers} == {'"2"'}
    assert (FlowControl.objects.count(), AuditRecord.objects.filter(kind="flow-control").count()) == (1, 1)


def test_the_same_without_an_end_is_not_the_same(operator: Caller, now: datetime) -> None:
    operator.send("put", "flow-control", STOP | {"expiresAt": instant(now + HOUR)})
    assert operator.send("put", "flow-control", STOP).json()["expiresAt"] is None


def test_a_beginning_in_the_past_is_now(operator: Caller, now: datetime) -> None:
    shown = operator.send("put", "flow-control", STOP | {"startsAt": "2020-01-01T00:00:00Z"}).json()
    assert (shown["mode"], shown["startsAt"] >= instant(now)) == ("PAUSED", True)


def test_it_takes_the_version_that_was_read_and_no_older_one(operator: Caller) -> None:
    operator.send("put", "flow-control", SLOW, if_match='"1"')
    stale = operator.send("put", "flow-control", {"mode": "NORMAL"}, if_match='"1"')
    assert (stale.status_code, limits()) == (412, KEYS)


def test_each_change_is_audited(operator: Caller, now: datetime) -> None:
    operator.send("put", "flow-control", STOP, X_Reason="An incident")
    shown = operator.send("put", "flow-control", {"mode": "NORMAL", "startsAt": instant(now + HOUR)}).json()
    operator.send("delete", f"flow-control/planned/{shown['planned'][0]['id']}")
    records = AuditRecord.objects.filter(kind="flow-control").order_by("id")
    assert [(one.actor, one.verb, one.reason) for one in records] == [
        ("olaf", "change", "An incident"), ("olaf", "create", None), ("olaf", "delete", None),
    ]  # fmt: skip
    first = records[0]
    before, after = first.before or {}, first.after or {}
    assert (before["mode"], after["mode"], after["reason"]) == ("NORMAL", "PAUSED", STOP["reason"])


BAD: list[tuple[Any, int, list[str]]] = [
    ({}, 400, ["mode"]),
    ([], 400, [""]),
    ({"mode": "STOPPED"}, 400, ["mode"]),
    ({"mode": None}, 400, ["mode"]),
    ({"mode": 5}, 400, ["mode"]),
    ({"mode": "PAUSED", "expiresat": "2030-01-01T00:00:00Z"}, 400, ["expiresat"]),
    ({"mode": "PAUSED", "version": 5}, 400, ["version"]),
    ({"mode": "THROTTLED"}, 422, ["mode"]),
    ({"mode": "THROTTLED", "queues": {"reports": {"mode": "NORMAL"}}}, 422, ["mode"]),
    ({"mode": "NORMAL", "maxConcurrency": 5}, 422, ["mode"]),
    ({"mode": "THROTTLED", "maxDispatchPerSecond": 0}, 400, ["maxDispatchPerSecond"]),
    ({"mode": "THROTTLED", "maxDispatchPerSecond": -1}, 400, ["maxDispatchPerSecond"]),
    ({"mode": "THROTTLED", "maxDispatchPerSecond": 1e300}, 400, ["maxDispatchPerSecond"]),
    ({"mode": "THROTTLED", "maxDispatchPerSecond": "5"}, 400, ["maxDispatchPerSecond"]),
    ({"mode": "THROTTLED", "maxDispatchPerSecond": True}, 400, ["maxDispatchPerSecond"]),
    ({"mode": "THROTTLED", "maxConcurrency": 0}, 400, ["maxConcurrency"]),
    ({"mode": "THROTTLED", "maxConcurrency": 1.5}, 400, ["maxConcurrency"]),
    ({"mode": "THROTTLED", "maxConcurrency": 2**40}, 400, ["maxConcurrency"]),
    ({"mode": "NORMAL", "queues": []}, 400, ["queues"]),
    ({"mode": "NORMAL", "queues": {"a b": {"mode": "PAUSED"}}}, 400, ["queues.a b"]),
    ({"mode": "NORMAL", "queues": {"platform": {"mode": "PAUSED"}}}, 400, ["queues.platform"]),
    ({"mode": "NORMAL", "queues": {"reports": 5}}, 400, ["queues.reports"]),
    ({"mode": "NORMAL", "queues": {"reports": {"maxConcurency": 5}}}, 400, ["queues.reports.maxConcurency"]),
    ({"mode": "NORMAL", "queues": {"reports": {"mode": "THROTTLED"}}}, 422, ["queues.reports.mode"]),
    ({"mode": "NORMAL", "namespaces": {"\u0000": {"mode": "PAUSED"}}}, 400, ["namespaces.\u0000"]),
    ({"mode": "NORMAL", "taskClasses": {"": {"mode": "PAUSED"}}}, 400, ["taskClasses."]),
    ({"mode": "PAUSED", "startsAt": "tomorrow"}, 400, ["startsAt"]),
    ({"mode": "PAUSED", "startsAt": "2030-01-01T00:00:00"}, 400, ["startsAt"]),
    ({"mode": "PAUSED", "expiresAt": "2020-01-01T00:00:00Z"}, 422, ["expiresAt"]),
    (
        {"mode": "PAUSED", "startsAt": "2090-01-02T00:00:00Z", "expiresAt": "2090-01-01T00:00:00Z"},
        422,
        ["expiresAt"],
    ),
    ({"mode": "PAUSED", "reason": "x" * 1_001}, 400, ["reason"]),
    ({"mode": "SLOW", "maxConcurrency": "many", "queues": 3}, 400, ["mode", "maxConcurrency", "queues"]),
]


@pytest.mark.parametrize(("body", "status", "fields"), BAD)
def test_it_refuses_what_cannot_be_and_changes_nothing(
    operator: Caller, body: Any, status: int, fields: list[str]
) -> None:
    operator.send("put", "flow-control", SLOW)
    answer = operator.send("put", "flow-control", body)
    errors = answer.json()["errors"]
    assert (answer.status_code, sorted(error["field"] for error in errors)) == (status, sorted(fields))
    assert (limits(), FlowControl.objects.count()) == (KEYS, 1)


def test_a_reason_is_kept_in_any_script(operator: Caller) -> None:
    shown = operator.send("put", "flow-control", STOP | {"reason": "維護 🛠"}).json()
    assert shown["reason"] == "維護 🛠"


def test_who_is_bound_to_a_namespace_changes_nothing(now: datetime) -> None:
    _, secret = create_token("paul", role="admin", namespace="payments", now=now)
    bound = Caller(secret)
    answers = [bound.send("put", "flow-control", STOP), bound.send("delete", "flow-control/planned/1")]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert limits() == []


def test_who_is_bound_to_a_namespace_sees_the_limits_of_no_other(operator: Caller, now: datetime) -> None:
    operator.send("put", "flow-control", SLOW)
    _, secret = create_token("paul", role="viewer", namespace="payments", now=now)
    shown = Caller(secret).send("get", "flow-control").json()
    assert (shown["mode"], list(shown["namespaces"]), list(shown["queues"])) == ("THROTTLED", ["payments"], ["reports"])


def test_a_query_parameter_is_refused(viewer: Caller) -> None:
    assert viewer.send("get", "flow-control?mode=PAUSED").status_code == 400
