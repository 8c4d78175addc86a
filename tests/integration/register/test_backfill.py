"""POST /api/v1/tasks/{id}/backfill, and the operation that comes of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from register import backfilling
from scheduler import backfills, connections, transitions
from scheduler.engine.states import Status
from scheduler.models import Execution, Operation, Task
from scheduler.records import Outcome
from scheduler.representations import instant
from tests.integration.conftest import Caller
from tests.integration.register.backfills import ask, hours, work

HOUR = timedelta(hours=1)
NOBODY = UUID(int=0)


@pytest.fixture
def hourly(new_task: Callable[..., Task]) -> Task:
    """Fires every hour; its history is empty."""
    return new_task("Hourly", cronExpression="0 0 * * * ?")


def test_it_answers_an_operation(operator: Caller, hourly: Task, now: datetime) -> None:
    answer = ask(operator, hourly, hours(now, -3, 0))

    assert answer.status_code == 202, answer.content
    body = answer.json()
    assert answer["Location"] == f"/api/v1/operations/{body['id']}"
    assert (body["kind"], body["status"], body["taskId"], body["taskName"], body["namespace"], body["createdBy"]) == (
        "BACKFILL", "PENDING", str(hourly.id), "Hourly", "default", "olaf",
    )  # fmt: skip
    assert body["arguments"] == {**hours(now, -3, 0), "maxParallel": 1, "rerun": False}
    assert body["counts"] == {"total": 3, "done": 0, "failed": 0, "skipped": 0, "running": 0}
    assert (body["progress"], body["estimatedEndAt"], body["errors"], body["endedAt"]) == (0, None, [], None)


def test_it_shows_how_it_goes(operator: Caller, hourly: Task, now: datetime) -> None:
    operation = ask(operator, hourly, hours(now, -4, 0) | {"maxParallel": 2}).json()
    work(now, count=1)
    work(now, count=0)

    body = operator.get(f"/api/v1/operations/{operation['id']}").json()

    assert body["status"] == "RUNNING"
    assert body["counts"] == {"total": 4, "done": 1, "failed": 0, "skipped": 0, "running": 2}
    assert body["progress"] == 0.25
    assert body["estimatedEndAt"] > body["startedAt"]


def test_it_shows_how_it_has_ended(operator: Caller, hourly: Task, now: datetime) -> None:
    operation = ask(operator, hourly, hours(now, -2, 0) | {"maxParallel": 5}).json()
    work(now, count=2, status=Status.FAILED, is_permanent=True, error_message="no such host")
    work(now, count=0)

    body = operator.get(f"/api/v1/operations/{operation['id']}").json()

    assert (body["status"], body["progress"], body["counts"]["failed"]) == ("COMPLETED", 1, 2)
    assert body["errors"][0] == {
        "id": None, "slot": hours(now, -2, 0)["from"], "status": "FAILED", "message": "no such host",
    }  # fmt: skip


def test_its_executions_are_shown_as_what_they_are(operator: Caller, hourly: Task, now: datetime) -> None:
    ask(operator, hourly, hours(now, -1, 0))
    work(now, count=1)

    (body,) = operator.get(f"/api/v1/tasks/{hourly.id}/history").json()["content"]

    assert (body["trigger"], body["scheduledFor"], body["priority"], body["runId"]) == (
        "BACKFILL", hours(now, -1, 0)["from"], 1, None,
    )  # fmt: skip
    assert 0 <= body["latenessMs"] < 60_000


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        ({}, 400, ["from", "to"]),
        ({"from": "2023-01-01", "to": "2023-01-02"}, 400, ["from", "to"]),
        ({"from": None, "to": 5}, 400, ["from", "to"]),
        ({"from": "1969-12-31T23:59:59Z", "to": "2200-01-01T00:00:00Z"}, 400, ["from", "to"]),
        ({"from": "2023-01-01T00:00:00", "to": "2023-01-02T00:00:00Z"}, 400, ["from"]),
        ({"from": "2023-01-02T00:00:00Z", "to": "2023-01-02T00:00:00Z"}, 422, ["to"]),
        ({"from": "2023-01-02T00:00:00Z", "to": "2023-01-01T00:00:00Z"}, 422, ["to"]),
        ({"from": "2023-01-02T00:00:00Z", "to": "2199-01-01T00:00:00Z"}, 422, ["to"]),
        ({"from": "2023-01-02T00:10:00Z", "to": "2023-01-02T00:50:00Z"}, 422, ["from"]),
        ({"from": "1970-01-01T00:00:00Z", "to": "2023-01-01T00:00:00Z"}, 422, ["to"]),
    ],
)
def test_it_refuses(operator: Caller, hourly: Task, body: dict[str, Any], status: int, fields: list[str]) -> None:
    answer = ask(operator, hourly, body)

    assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (status, fields)
    assert not Operation.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("maxParallel", 0), ("maxParallel", 101), ("maxParallel", "1"), ("maxParallel", None), ("maxParallel", 1.5),
        ("maxParallel", True), ("rerun", "true"), ("rerun", None), ("limit", 1), ("idempotencyKey", "a"),
    ],
)  # fmt: skip
def test_it_refuses_a_field(operator: Caller, hourly: Task, now: datetime, name: str, value: Any) -> None:
    answer = ask(operator, hourly, hours(now, -1, 0) | {name: value})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)


def test_it_says_how_many_are_too_many_and_what_to_ask_for(
    operator: Caller, hourly: Task, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfilling, "MOST_SLOTS", 3)

    (fault,) = ask(operator, hourly, hours(now, -5, 0)).json()["errors"]
    answer = ask(operator, hourly, hours(now, -5, -2))

    assert hours(now, -5, -2)["to"] in fault["message"]
    assert answer.status_code == 202


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "no schedule"),
        ({"intervalSeconds": 60, "intervalMode": "FIXED_DELAY"}, "FIXED_DELAY"),
        ({"cronExpression": "0 0 0 1 1 ? 2199"}, "no slot"),
    ],
)
def test_it_refuses_a_task_without_past_slots(
    operator: Caller, new_task: Callable[..., Task], now: datetime, fields: dict[str, Any], word: str
) -> None:
    answer = ask(operator, new_task(**fields), hours(now, -3, 0))

    assert answer.status_code == 422
    assert word in answer.json()["errors"][0]["message"]


def test_it_runs_slots_from_before_the_task_was_there(
    operator: Caller, new_task: Callable[..., Task], now: datetime
) -> None:
    task = new_task(cronExpression="0 0 0 * * ?")

    assert (
        ask(operator, task, {"from": "2023-01-01T00:00:00Z", "to": "2023-02-01T00:00:00Z"}).json()["counts"]["total"]
        == 31
    )


def test_an_interval_has_no_slot_before_its_anchor(
    operator: Caller, new_task: Callable[..., Task], now: datetime
) -> None:
    task = new_task(intervalSeconds=3600, at=now - 2 * HOUR)

    assert ask(operator, task, hours(now, -48, 0)).json()["counts"]["total"] in (1, 2)


def test_it_refuses_a_second_one_and_names_the_first(operator: Caller, hourly: Task, now: datetime) -> None:
    first = ask(operator, hourly, hours(now, -3, 0)).json()

    second = ask(operator, hourly, hours(now, -9, -6))

    assert (second.status_code, second.json()["type"][-13:]) == (409, "backfill-open")
    assert first["id"] in second.json()["detail"]


def test_it_takes_another_one_once_the_first_has_ended(operator: Caller, hourly: Task, now: datetime) -> None:
    first = ask(operator, hourly, hours(now, -3, 0)).json()
    operator.send("post", f"operations/{first['id']}/abort")

    assert ask(operator, hourly, hours(now, -9, -6)).status_code == 202


@pytest.mark.parametrize("status", ["PAUSED", "COMPLETED"])
def test_it_takes_a_task_that_does_not_fire(operator: Caller, hourly: Task, now: datetime, status: str) -> None:
    Task.objects.filter(id=hourly.id).update(status=status, claim_at=None)

    assert ask(operator, hourly, hours(now, -3, 0)).status_code == 202


def test_it_refuses_a_deleted_task(editor: Caller, operator: Caller, hourly: Task, now: datetime) -> None:
    editor.send("delete", f"tasks/{hourly.id}")

    assert ask(operator, hourly, hours(now, -3, 0)).status_code == 409


def test_a_viewer_may_not(viewer: Caller, hourly: Task, now: datetime) -> None:
    assert ask(viewer, hourly, hours(now, -3, 0)).status_code == 403


def test_a_viewer_may_look(viewer: Caller, operator: Caller, hourly: Task, now: datetime) -> None:
    operation = ask(operator, hourly, hours(now, -3, 0)).json()

    assert viewer.get(f"/api/v1/operations/{operation['id']}").json()["id"] == operation["id"]
    assert [one["id"] for one in viewer.get("/api/v1/operations").json()["content"]] == [operation["id"]]
    assert viewer.send("post", f"operations/{operation['id']}/abort").status_code == 403


def test_a_bound_token_finds_those_of_its_namespace_only(
    payments_editor: Caller, operator: Caller, hourly: Task, payroll: Task, now: datetime
) -> None:
    other = ask(operator, hourly, hours(now, -3, 0)).json()
    own = ask(payments_editor, payroll, hours(now, -3, 0)).json()

    assert [one["id"] for one in payments_editor.get("/api/v1/operations").json()["content"]] == [own["id"]]
    assert payments_editor.get(f"/api/v1/operations/{other['id']}").status_code == 404
    assert payments_editor.send("post", f"operations/{other['id']}/abort").status_code == 404
    assert ask(payments_editor, hourly, hours(now, -3, 0)).status_code == 404


def test_it_aborts(operator: Caller, hourly: Task, now: datetime) -> None:
    operation = ask(operator, hourly, hours(now, -3, 0)).json()
    backfills.advance(connections.current(), after=NOBODY, now=now)

    answer = operator.send("post", f"operations/{operation['id']}/abort")

    assert (answer.status_code, answer.json()["status"], answer.json()["counts"]["running"]) == (202, "ABORTED", 0)
    assert answer.json()["abortRequestedAt"] == answer.json()["endedAt"]
    assert Execution.objects.get(task=hourly).status == "CANCELLED"


def test_it_aborts_what_runs_when_that_has_ended(operator: Caller, hourly: Task, now: datetime) -> None:
    operation = ask(operator, hourly, hours(now, -3, 0)).json()
    connection = connections.current()
    (item,) = backfills.advance(connection, after=NOBODY, now=now).ready
    started = transitions.start(connection, item.id, node_id="n", lease_expires_at=now + HOUR, now=now)
    assert started is not None

    asked = operator.send("post", f"operations/{operation['id']}/abort").json()
    again = operator.send("post", f"operations/{operation['id']}/abort")
    transitions.finish(connection, [Outcome(started.id, started.fence, Status.SUCCESS)], now=now)
    work(now, count=0)

    assert (asked["status"], asked["counts"]["running"]) == ("RUNNING", 1)
    assert (again.status_code, again.json()["abortRequestedAt"]) == (202, asked["abortRequestedAt"])
    assert operator.get(f"/api/v1/operations/{operation['id']}").json()["status"] == "ABORTED"


def test_what_has_ended_is_not_aborted(operator: Caller, hourly: Task, now: datetime) -> None:
    operation = ask(operator, hourly, hours(now, -3, 0)).json()
    operator.send("post", f"operations/{operation['id']}/abort")

    assert operator.send("post", f"operations/{operation['id']}/abort").status_code == 409


@pytest.mark.parametrize("path", ["operations/{}", "operations/{}/abort", "tasks/{}/backfill"])
def test_it_finds_nothing_where_there_is_nothing(operator: Caller, now: datetime, path: str) -> None:
    method = "get" if path == "operations/{}" else "post"
    body = hours(now, -1, 0) if path.startswith("tasks") else None

    assert operator.send(method, path.format(uuid4()), body).status_code == 404


def test_the_list_takes_no_parameters(viewer: Caller) -> None:
    assert viewer.get("/api/v1/operations?page=2").status_code == 400


def test_the_list_counts_what_is_open_in_one_query(
    viewer: Caller, operator: Caller, new_task: Callable[..., Task], now: datetime, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        ask(operator, new_task(f"Task {number}", cronExpression="0 0 * * * ?"), hours(now, -3, 0))
    work(now, count=0)

    with django_assert_max_num_queries(4):
        content = viewer.get("/api/v1/operations").json()["content"]

    assert [one["counts"]["running"] for one in content] == [1] * 5


def test_its_slots_are_those_of_the_request(operator: Caller, editor: Caller, hourly: Task, now: datetime) -> None:
    ask(operator, hourly, hours(now, -2, 0) | {"maxParallel": 100})
    editor.send("patch", f"tasks/{hourly.id}", {"cronExpression": "0 * * * * ?"})
    work(now, count=100)

    found = Execution.objects.filter(task=hourly, trigger="BACKFILL").values_list("scheduled_for", flat=True)
    assert [instant(slot) for slot in sorted(found)] == [hours(now, -2, 0)["from"], hours(now, -1, 0)["from"]]
