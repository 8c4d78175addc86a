"""`POST /api/v1/tasks/bulk-action` and `/executions/bulk-action`: what is asked for, and what comes of it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from register import actions
from scheduler import bulkactions, claims, connections, transitions, triggers, verbs
from scheduler.engine.states import Status
from scheduler.models import AuditRecord, Execution, Operation, OperationItem, Revision, Task
from scheduler.records import Outcome
from tests.integration.conftest import Caller

NewTask = Callable[..., Task]

MINUTE = timedelta(minutes=1)


@pytest.fixture
def three(new_task: NewTask) -> list[Task]:
    """Minutely tasks."""
    return [new_task(f"Task {number}", intervalSeconds=60, labels={"number": str(number)}) for number in range(3)]


def _send(caller: Caller, action: str, *, on: str = "tasks", **body: Any) -> Any:
    return caller.send("post", f"{on}/bulk-action", {"action": action} | body)


def _ids(rows: list[Any]) -> list[str]:
    return [str(row.id) for row in rows]


def _carried_out(answer: Any, *, now: datetime) -> Operation:
    assert answer.status_code == 202, answer.content
    bulkactions.advance(connections.current(), after=claims.EVERYWHERE, now=now)
    return Operation.objects.get(id=answer.json()["id"])


def _counts(operation: Operation) -> tuple[int, int, int]:
    return operation.done_count, operation.failed_count, operation.skipped_count


def test_it_answers_an_operation_to_follow(operator: Caller, three: list[Task]) -> None:
    answer = _send(operator, "pause", ids=_ids(three))

    body = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/v1/operations/{body['id']}"
    assert (body["kind"], body["status"], body["counts"]["total"]) == ("BULK_ACTION", "PENDING", 3)
    assert body["arguments"] == {"on": "tasks", "action": "pause", "arguments": {}, "filter": None}


def test_it_pauses(operator: Caller, three: list[Task], now: datetime) -> None:
    arguments = {"reason": "Stocktaking", "until": "2099-01-01T00:00:00Z"}

    operation = _carried_out(_send(operator, "pause", ids=_ids(three[:2]), arguments=arguments), now=now)

    assert (operation.status, _counts(operation)) == ("COMPLETED", (2, 0, 0))
    paused = Task.objects.filter(status="PAUSED", pause_reason="Stocktaking", paused_until__year=2099, claim_at=None)
    assert set(paused) == set(three[:2])


def test_it_records_what_is_due_before_it_pauses(operator: Caller, three: list[Task], now: datetime) -> None:
    _carried_out(_send(operator, "pause", ids=_ids(three)), now=now + MINUTE)

    assert Execution.objects.filter(status="QUEUED").count() == 3


def test_it_says_who_has_paused(operator: Caller, three: list[Task], now: datetime) -> None:
    _carried_out(_send(operator, "pause", ids=_ids(three)), now=now)

    assert set(Task.objects.values_list("pause_reason", flat=True)) == {"Paused by olaf."}


def test_what_is_completed_is_not_paused(operator: Caller, three: list[Task], now: datetime) -> None:
    Task.objects.filter(id=three[0].id).update(status="COMPLETED", claim_at=None, next_slot_for=None)

    operation = _carried_out(_send(operator, "pause", ids=_ids(three)), now=now)

    assert _counts(operation) == (2, 1, 0)
    assert operation.errors == [
        {"id": str(three[0].id), "slot": None, "status": None, "message": "No further slot of the task will come."}
    ]


def test_it_resumes_and_passes_over_what_is_not_paused(operator: Caller, three: list[Task], now: datetime) -> None:
    _carried_out(_send(operator, "pause", ids=_ids(three[:2])), now=now)

    operation = _carried_out(_send(operator, "resume", ids=_ids(three)), now=now + 5 * MINUTE)

    assert _counts(operation) == (2, 0, 1)
    assert list(Execution.objects.values_list("status", "reason")) == [("SKIPPED", "paused")] * 2


def test_it_resumes_and_catches_up(operator: Caller, three: list[Task], now: datetime) -> None:
    _carried_out(_send(operator, "pause", ids=_ids(three)), now=now)

    _carried_out(_send(operator, "resume", ids=_ids(three), arguments={"catchUp": True}), now=now + 5 * MINUTE)

    assert set(Task.objects.values_list("claim_at", flat=True)) == {three[0].next_slot_for}


def test_it_triggers(operator: Caller, three: list[Task], now: datetime) -> None:
    operation = _carried_out(_send(operator, "trigger", ids=_ids(three)), now=now)

    rows = set(Execution.objects.values_list("task_id", "trigger", "status", "cause"))
    assert rows == {(task.id, "MANUAL", "QUEUED", f"manual:{operation.id}") for task in three}


def test_a_trigger_obeys_overlap(operator: Caller, new_task: NewTask, now: datetime) -> None:
    task = new_task("Alone", overlapPolicy="SKIP")
    _carried_out(_send(operator, "trigger", ids=[str(task.id)]), now=now)

    _carried_out(_send(operator, "trigger", ids=[str(task.id)]), now=now + MINUTE)

    assert list(Execution.objects.order_by("id").values_list("status", flat=True)) == ["QUEUED", "SKIPPED"]
    task.refresh_from_db()
    assert task.open_count == 1


def test_it_deletes(editor: Caller, three: list[Task], now: datetime) -> None:
    triggers.trigger(connections.current(), three[0].id, request=uuid4(), task_data=None, now=now)

    operation = _carried_out(_send(editor, "delete", ids=_ids(three[:2])), now=now)

    assert _counts(operation) == (2, 0, 0)
    assert set(Task.objects.filter(status="DELETED")) == set(three[:2])
    assert Execution.objects.get().status == "CANCELLED"


def test_it_sets_priority_queue_and_labels(editor: Caller, three: list[Task], now: datetime) -> None:
    arguments = {"priority": 9, "queue": "slow", "labels": {"number": None, "team": "a"}}

    operation = _carried_out(_send(editor, "set", ids=_ids(three[:2]), arguments=arguments), now=now)

    assert _counts(operation) == (2, 0, 0)
    changed = Task.objects.filter(version=2, updated_at=now)
    assert list(changed.values_list("priority", "queue", "labels")) == [(9, "slow", {"team": "a"})] * 2


def test_it_makes_no_version_of_what_is_so_already(editor: Caller, three: list[Task], now: datetime) -> None:
    operation = _carried_out(_send(editor, "set", ids=_ids(three), arguments={"labels": {"number": "1"}}), now=now)

    assert _counts(operation) == (2, 0, 1)
    assert Task.objects.get(version=1) == three[1]


def test_no_task_gets_more_labels_than_it_may_have(editor: Caller, three: list[Task], now: datetime) -> None:
    labels = {f"key {number}": "" for number in range(64)}

    operation = _carried_out(_send(editor, "set", ids=_ids(three), arguments={"labels": labels}), now=now)

    assert _counts(operation) == (0, 3, 0)


def test_a_filter_has_the_names_of_the_list(operator: Caller, three: list[Task], now: datetime) -> None:
    _carried_out(_send(operator, "pause", filter={"search": "task", "label": ["number:1"], "priority": 5}), now=now)

    assert Task.objects.get(status="PAUSED") == three[1]


def test_a_dry_run_tells_what_it_would_be_about(operator: Caller, three: list[Task]) -> None:
    answer = _send(operator, "pause", filter={"label": "number:1"}, dryRun=True)

    assert (answer.status_code, answer.json()["total"]) == (200, 1)
    assert answer.json()["sample"] == [
        {"id": str(three[1].id), "name": "Task 1", "namespace": "default", "status": "ACTIVE"}
    ]
    assert not Operation.objects.exists()


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"action": "pause"}, ["ids", "filter"]),
        ({"action": "pause", "ids": [], "filter": {"queue": "x"}}, ["ids", "filter"]),
        ({"action": "paus", "ids": []}, ["action"]),
        ({"ids": []}, ["action"]),
        ({"action": "pause", "ids": ["x", 5, None]}, ["ids[0]", "ids[1]", "ids[2]"]),
        ({"action": "pause", "ids": [str(uuid4())]}, ["ids[0]"]),
        ({"action": "pause", "ids": "x"}, ["ids"]),
        ({"action": "pause", "ids": ["x"] * 10_001}, ["ids"]),
        ({"action": "pause", "ids": [], "arguments": []}, ["arguments"]),
        ({"action": "pause", "ids": [], "arguments": {"untill": 1}}, ["arguments.untill"]),
        ({"action": "pause", "ids": [], "arguments": {"until": "2020-01-01T00:00:00Z"}}, ["arguments.until"]),
        ({"action": "trigger", "ids": [], "arguments": {"taskData": {}}}, ["arguments.taskData"]),
        ({"action": "pause", "filter": {}}, ["filter"]),
        ({"action": "pause", "filter": {"sort": "name"}}, ["filter.sort"]),
        ({"action": "pause", "filter": {"qeue": "x", "status": "ACTVE"}}, ["filter.qeue", "filter.status"]),
        ({"action": "pause", "filter": {"queue": {"a": 1}, "search": 10**30}}, ["filter.queue", "filter.search"]),
        ({"action": "pause", "filter": {"queue": "a\0b"}}, ["filter.queue"]),
        ({"action": "pause", "ids": [], "dryRun": 1, "dryrun": 1}, ["dryrun", "dryRun"]),
        ({"action": "retry", "ids": []}, ["action"]),
    ],
)
def test_it_refuses_bad_input_by_name(operator: Caller, body: Any, fields: list[str]) -> None:
    answer = operator.send("post", "tasks/bulk-action", body)

    assert answer.status_code in {400, 422}
    assert sorted(error["field"] for error in answer.json()["errors"]) == sorted(fields)
    assert not Operation.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ({}, ["arguments"]),
        ({"priority": 11, "queue": "platform"}, ["arguments.priority", "arguments.queue"]),
        ({"labels": {"a:b": None}}, ["arguments.labels.a:b"]),
        ({"labels": {"a": 5}}, ["arguments.labels.a"]),
        ({"name": "x"}, ["arguments.name"]),
    ],
)
def test_it_refuses_bad_values_to_set(editor: Caller, arguments: Any, fields: list[str]) -> None:
    answer = _send(editor, "set", ids=[], arguments=arguments)

    assert [error["field"] for error in answer.json()["errors"]] == fields


@pytest.mark.parametrize("action", ["delete", "set"])
def test_who_may_not_define_may_not_do_so_to_many(operator: Caller, action: str) -> None:
    assert _send(operator, action, ids=[], arguments={"priority": 1}).status_code == 403


def test_a_viewer_may_do_nothing(viewer: Caller) -> None:
    assert _send(viewer, "pause", ids=[]).status_code == 403


def test_a_bound_token_reaches_its_own_namespace_only(
    payments_admin: Caller, three: list[Task], payroll: Task, now: datetime
) -> None:
    assert _send(payments_admin, "pause", ids=_ids(three)).status_code == 422

    operation = _carried_out(_send(payments_admin, "pause", filter={"status": "ACTIVE"}), now=now)

    assert (operation.namespace, Task.objects.get(status="PAUSED")) == ("payments", payroll)


def test_it_cancels_executions(operator: Caller, three: list[Task], now: datetime) -> None:
    waiting, running, ended = _executions(three, now=now)

    answer = _send(operator, "cancel", on="executions", ids=[str(id) for id in (waiting, running, ended)])
    operation = _carried_out(answer, now=now)

    assert _counts(operation) == (2, 0, 1)
    assert Execution.objects.get(id=waiting).reason == "cancelled by olaf"
    assert Execution.objects.get(id=running).cancel_requested_at == now


def test_it_retries_executions(operator: Caller, three: list[Task], now: datetime) -> None:
    _, _, ended = _executions(three, now=now)

    answer = _send(operator, "retry", on="executions", filter={"status": "FAILED"})
    operation = _carried_out(answer, now=now + MINUTE)

    assert _counts(operation) == (1, 0, 0)
    retry = Execution.objects.get(attempt=2)
    assert (retry.task_id, retry.status) == (Execution.objects.get(id=ended).task_id, "QUEUED")


def test_what_cannot_be_retried_says_why(operator: Caller, three: list[Task], now: datetime) -> None:
    waiting, *_ = _executions(three, now=now)

    operation = _carried_out(_send(operator, "retry", on="executions", ids=[str(waiting)]), now=now)

    assert operation.errors[0]["message"].startswith("It is QUEUED;")


def _executions(tasks: list[Task], *, now: datetime) -> tuple[UUID, UUID, UUID]:
    """Record one execution that waits, one that runs, and one that has failed for good."""
    connection = connections.current()
    Task.objects.update(max_retry_count=0)
    waiting, running, ended = (
        triggers.trigger(connection, task.id, request=uuid4(), task_data=None, now=now)[0] for task in tasks
    )
    transitions.start(connection, running, node_id="n", lease_expires_at=now + MINUTE, now=now)
    started = transitions.start(connection, ended, node_id="n", lease_expires_at=now + MINUTE, now=now)
    assert started is not None
    transitions.finish(connection, [Outcome(ended, started.fence, Status.FAILED)], now=now)
    return waiting, running, ended


def test_it_leaves_the_revisions_and_records_of_whoever_asked(editor: Caller, three: list[Task], now: datetime) -> None:
    operation = _carried_out(_send(editor, "set", ids=_ids(three[:1]), arguments={"priority": 9}), now=now)

    assert Revision.objects.get(task=three[0], version=2).created_by == "edda"
    record = AuditRecord.objects.get(object_id=str(three[0].id), verb="change")
    assert (record.actor, record.version, record.reason) == ("edda", 2, f"Bulk action {operation.id}.")
    assert AuditRecord.objects.get(kind="operation", after__total=1).actor == "edda"


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_it_records_what_was_done_to_executions(
    operator: Caller, three: list[Task], now: datetime, action: str
) -> None:
    ids = [str(id) for id in _executions(three, now=now)]

    operation = _carried_out(_send(operator, action, on="executions", ids=ids), now=now)

    assert AuditRecord.objects.filter(kind="execution", verb=action, actor="olaf").count() == operation.done_count > 0


def test_it_goes_on_step_by_step(
    operator: Caller, three: list[Task], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulkactions, "ITEMS_PER_STEP", 2)
    monkeypatch.setattr(bulkactions, "PASS_SECONDS", 0)
    _send(operator, "pause", ids=_ids(three))

    bulkactions.advance(connections.current(), after=claims.EVERYWHERE, now=now)

    answer = operator.send("get", f"operations/{Operation.objects.get().id}").json()
    assert (answer["status"], answer["counts"]["done"], answer["progress"]) == ("RUNNING", 2, 0.6667)
    bulkactions.advance(connections.current(), after=claims.EVERYWHERE, now=now)
    assert (Operation.objects.get().status, OperationItem.objects.count()) == ("COMPLETED", 0)


def test_a_small_one_does_not_wait_for_a_large_one(
    operator: Caller, three: list[Task], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulkactions, "ITEMS_PER_STEP", 2)
    monkeypatch.setattr(bulkactions, "PASS_SECONDS", 0)
    _send(operator, "pause", ids=_ids(three))
    _send(operator, "trigger", ids=_ids(three[:1]))

    bulkactions.advance(connections.current(), after=claims.EVERYWHERE, now=now)

    assert set(Operation.objects.values_list("status", "done_count")) == {("RUNNING", 2), ("COMPLETED", 1)}


def test_an_abort_leaves_the_rest_as_it_is(
    operator: Caller, three: list[Task], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulkactions, "ITEMS_PER_STEP", 2)
    monkeypatch.setattr(bulkactions, "PASS_SECONDS", 0)
    operation_id = _send(operator, "pause", ids=_ids(three)).json()["id"]
    bulkactions.advance(connections.current(), after=claims.EVERYWHERE, now=now)

    answer = operator.send("post", f"operations/{operation_id}/abort")
    bulkactions.advance(connections.current(), after=claims.EVERYWHERE, now=now)

    assert (answer.status_code, answer.json()["status"]) == (202, "ABORTED")
    assert Task.objects.filter(status="PAUSED").count() == 2
    assert not OperationItem.objects.exists()


def test_one_that_fails_holds_up_no_other(
    editor: Caller, three: list[Task], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, assign = three[1].id, verbs.assign

    def fails(connection: Any, task_ids: Any, **arguments: Any) -> Any:
        connection.execute("SELECT 1 / %s", (0 if broken in task_ids else 1,))
        return assign(connection, task_ids, **arguments)

    monkeypatch.setattr(verbs, "assign", fails)

    operation = _carried_out(_send(editor, "set", ids=_ids(three), arguments={"priority": 1}), now=now)

    assert (operation.status, _counts(operation)) == ("COMPLETED", (2, 1, 0))
    assert operation.errors[0]["id"] == str(broken)


def test_what_makes_executions_waits_in_a_flood(operator: Caller, three: list[Task], now: datetime) -> None:
    _send(operator, "trigger", ids=_ids(three))

    bulkactions.advance(connections.current(), after=claims.EVERYWHERE, now=now, may_fire=False)

    assert not Execution.objects.exists()


def test_there_is_a_limit(operator: Caller, three: list[Task], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MOST_ITEMS", 2)

    answer = _send(operator, "pause", filter={"status": "ACTIVE"})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "filter")


def test_the_console_shows_it(admin_client: Any, operator: Caller, three: list[Task], now: datetime) -> None:
    operation = _carried_out(_send(operator, "pause", ids=_ids(three)), now=now)

    page = admin_client.get(f"/admin/scheduler/operation/{operation.id}/change/")

    assert "pause tasks" in page.content.decode()


def test_it_deletes_nothing_that_others_depend_on(editor: Caller, new_task: NewTask, now: datetime) -> None:
    upstream = new_task("upstream")
    dependent = new_task("dependent", dependencies=[{"name": "upstream"}])

    first = _carried_out(_send(editor, "delete", ids=_ids([upstream])), now=now)
    _carried_out(_send(editor, "delete", ids=_ids([dependent])), now=now)
    again = _carried_out(_send(editor, "delete", ids=_ids([upstream])), now=now)

    assert (_counts(first), _counts(again)) == ((0, 1, 0), (1, 0, 0))
    assert "Other tasks depend on it" in first.errors[0]["message"]
