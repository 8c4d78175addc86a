"""POST and GET /api/v1/events."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from scheduler import clock, connections, events
from scheduler.claims import EVERYWHERE
from scheduler.models import AuditRecord, Event, Execution, Task
from tests.integration.conftest import Caller


@pytest.fixture
def load(new_task: Callable[..., Task]) -> Task:
    """Listens for files of one bucket."""
    return new_task("load", listensTo=[{"event": "file.arrived", "match": {"bucket": "in"}}])


def _send(caller: Caller, name: str = "file.arrived", **fields: Any) -> Any:
    return caller.send("post", "events", {"name": name} | fields)


def test_it_starts_what_listens(operator: Caller, load: Task) -> None:
    answer = _send(operator, payload={"bucket": "in", "key": "a.csv"})

    execution = Execution.objects.get()
    assert answer.status_code == 202
    assert (execution.task_id, execution.status, execution.trigger) == (load.id, "QUEUED", "EVENT")
    assert answer.json()["executions"] == [
        {"id": str(execution.id), "taskId": str(load.id), "taskName": "load", "namespace": "default",
         "status": "QUEUED", "reason": None}
    ]  # fmt: skip
    assert answer.json()["counts"] == {"started": 1, "skipped": 0, "failed": 0}
    assert answer.json()["completedAt"] is not None


def test_it_can_be_looked_at_again(operator: Caller, viewer: Caller, load: Task) -> None:
    sent = _send(operator, payload={"bucket": "in"})

    assert viewer.get(sent["Location"]).json() == sent.json()


@pytest.mark.parametrize("payload", [{}, {"bucket": "out"}, {"Bucket": "in"}])
def test_it_starts_nothing_that_listens_for_another_payload(operator: Caller, load: Task, payload: Any) -> None:
    assert _send(operator, payload=payload).json()["executions"] == []
    assert not Execution.objects.exists()


@pytest.mark.parametrize("name", ["file.arrive", "file.arrived.", "File.arrived"])
def test_it_starts_nothing_that_listens_for_another_name(operator: Caller, load: Task, name: str) -> None:
    _send(operator, name, payload={"bucket": "in"})

    assert not Execution.objects.exists()


def test_the_match_belongs_to_its_own_event(operator: Caller, new_task: Callable[..., Task]) -> None:
    new_task(listensTo=[{"event": "a", "match": {"x": 1}}, {"event": "b"}])

    _send(operator, "a", payload={"x": 2})

    assert not Execution.objects.exists()


def test_a_task_that_hears_it_twice_runs_once(operator: Caller, new_task: Callable[..., Task]) -> None:
    new_task(listensTo=[{"event": "a"}, {"event": "a", "match": {"x": 1}}])

    _send(operator, "a", payload={"x": 1})

    assert Execution.objects.count() == 1


def test_each_event_is_a_run_of_its_own(operator: Caller, load: Task) -> None:
    _send(operator, payload={"bucket": "in"})
    _send(operator, payload={"bucket": "in"})

    assert Execution.objects.count() == 2


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_repeated_key_starts_nothing_twice(operator: Caller, load: Task, where: str) -> None:
    body: dict[str, Any] = {"name": "file.arrived", "payload": {"bucket": "in"}}
    headers = {"Idempotency-Key": "one"} if where == "header" else {}
    body |= {"idempotencyKey": "one"} if where == "body" else {}

    first = operator.send("post", "events", body, **headers)
    again = operator.send("post", "events", body, **headers)

    assert (again.status_code, again.json()) == (202, first.json())
    assert (Execution.objects.count(), Event.objects.count()) == (1, 1)


def test_carried_on_again_it_starts_nothing_twice(operator: Caller, load: Task) -> None:
    _send(operator, payload={"bucket": "in"})
    Event.objects.update(position=None, completed_at=None)

    events.step(connections.current(), Event.objects.get().id, now=clock.now())

    assert Execution.objects.count() == 1


def test_what_is_left_is_carried_on_behind_the_answer(
    operator: Caller, new_task: Callable[..., Task], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "TASKS_PER_STEP", 2)
    tasks = [new_task(f"task {number}", listensTo=[{"event": "a"}]) for number in range(5)]

    answer = _send(operator, "a").json()
    advanced = events.advance(connections.current(), after=EVERYWHERE, now=clock.now())

    event = Event.objects.get()
    assert (len(answer["executions"]), answer["completedAt"]) == (2, None)
    assert (len(advanced.ready), event.started_count, event.completed_at is not None) == (3, 5, True)
    assert set(Execution.objects.values_list("task_id", flat=True)) == {task.id for task in tasks}
    assert {one.scheduled_for for one in Execution.objects.all()} == {event.received_at}


def test_a_paused_task_leaves_it_out(operator: Caller, load: Task) -> None:
    operator.send("post", f"tasks/{load.id}/pause")

    answer = _send(operator, payload={"bucket": "in"}).json()

    assert (answer["executions"][0]["status"], answer["executions"][0]["reason"]) == ("SKIPPED", "paused")
    assert answer["counts"]["skipped"] == 1


def test_a_completed_task_runs(operator: Caller, load: Task) -> None:
    Task.objects.update(status="COMPLETED", claim_at=None)

    assert _send(operator, payload={"bucket": "in"}).json()["executions"][0]["status"] == "QUEUED"


def test_a_deleted_task_hears_nothing(editor: Caller, load: Task) -> None:
    editor.send("delete", f"tasks/{load.id}")

    assert _send(editor, payload={"bucket": "in"}).json()["executions"] == []


def test_a_task_that_stops_listening_hears_nothing(editor: Caller, load: Task) -> None:
    editor.send("patch", f"tasks/{load.id}", {"listensTo": []})

    assert _send(editor, payload={"bucket": "in"}).json()["executions"] == []


def test_it_obeys_overlap(operator: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task(overlapPolicy="SKIP", listensTo=[{"event": "a"}])
    operator.send("post", f"tasks/{task.id}/trigger")

    answer = _send(operator, "a").json()

    assert (answer["executions"][0]["status"], answer["executions"][0]["reason"]) == ("SKIPPED", "overlap")


def test_it_waits_for_dependencies(operator: Caller, new_task: Callable[..., Task]) -> None:
    new_task("extract", cronExpression="0 0 * * * ?")
    task = new_task("load", overlapPolicy="SKIP", dependencies=[{"name": "extract"}], listensTo=[{"event": "a"}])

    answer = _send(operator, "a").json()

    task.refresh_from_db()
    assert (answer["executions"][0]["status"], answer["executions"][0]["reason"]) == ("SCHEDULED", "dependency")
    assert task.open_count == 0


def test_it_publishes_after_the_commit(operator: Caller, load: Task, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        _send(operator, payload={"bucket": "in"})

    assert Execution.objects.get().published_at is not None


def test_a_bound_token_reaches_its_own_namespace_only(payments_editor: Caller, new_task: Callable[..., Task]) -> None:
    new_task("ours", listensTo=[{"event": "a"}])
    theirs = new_task("theirs", namespace="payments", listensTo=[{"event": "a"}])

    answer = _send(payments_editor, "a").json()

    assert (answer["namespace"], [one["taskId"] for one in answer["executions"]]) == ("payments", [str(theirs.id)])
    assert Execution.objects.count() == 1


def test_an_unbound_token_reaches_every_namespace(operator: Caller, new_task: Callable[..., Task]) -> None:
    new_task("ours", listensTo=[{"event": "a"}])
    new_task("theirs", namespace="payments", listensTo=[{"event": "a"}])

    assert len(_send(operator, "a").json()["executions"]) == 2


def test_it_may_name_one_namespace(operator: Caller, new_task: Callable[..., Task]) -> None:
    new_task("ours", listensTo=[{"event": "a"}])
    theirs = new_task("theirs", namespace="payments", listensTo=[{"event": "a"}])

    answer = _send(operator, "a", namespace="payments").json()

    assert [one["taskId"] for one in answer["executions"]] == [str(theirs.id)]


def test_a_bound_token_may_name_no_other(payments_editor: Caller) -> None:
    assert _send(payments_editor, "a", namespace="default").status_code == 403
    assert not Event.objects.exists()


def test_a_bound_token_sees_no_event_of_another_namespace(operator: Caller, payments_editor: Caller) -> None:
    _send(operator, "a")

    assert payments_editor.get("/api/v1/events").json()["content"] == []


def test_the_list_has_the_latest_first(operator: Caller) -> None:
    for name in ("a", "b", "c"):
        _send(operator, name)
    oldest = Event.objects.get(name="a")
    Event.objects.filter(id=oldest.id).update(received_at=oldest.received_at - timedelta(hours=1))

    names = [one["name"] for one in operator.get("/api/v1/events").json()["content"]]

    assert (set(names[:2]), names[2]) == ({"b", "c"}, "a")
    assert [one["name"] for one in operator.get("/api/v1/events?name=b").json()["content"]] == ["b"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], ""),
        ({}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a", "payload": None}, "payload"),
        ({"name": "a", "payload": "{}"}, "payload"),
        ({"name": "a", "payload": []}, "payload"),
        ({"name": "a", "payload": {"a": "x" * 65536}}, "payload"),
        ({"name": "a", "payload": {"a": "\0"}}, "payload"),
        ({"name": "a", "namespace": "no such name!"}, "namespace"),
        ({"name": "a", "idempotencyKey": 5}, "idempotencyKey"),
        ({"name": "a", "data": {}}, "data"),
    ],
)
def test_it_refuses(operator: Caller, body: Any, field: str) -> None:
    answer = operator.send("post", "events", body)

    assert (answer.status_code, [fault["field"] for fault in answer.json()["errors"]]) == (400, [field])
    assert not Event.objects.exists()


def test_it_takes_a_payload_as_large_as_task_data(operator: Caller, load: Task) -> None:
    payload = {"bucket": "in", "text": "ä" * 30_000, "number": 10**40}

    sent = _send(operator, payload=payload).json()

    assert (sent["payload"], len(sent["executions"])) == (payload, 1)


def test_it_leaves_a_record_without_the_payload(operator: Caller, load: Task) -> None:
    _send(operator, payload={"bucket": "in", "password": "hunter2"})

    record = AuditRecord.objects.get(kind="event")
    assert (record.verb, record.object_name, record.actor) == ("create", "file.arrived", "olaf")
    assert record.after == {"started": 1, "skipped": 0}


def test_old_events_are_forgotten(operator: Caller) -> None:
    _send(operator, "a")
    received_at = Event.objects.get().received_at

    assert events.forget(connections.current(), before=received_at) == 0
    assert events.forget(connections.current(), before=received_at + timedelta(seconds=1)) == 1
