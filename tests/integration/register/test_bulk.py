"""`POST /api/v1/tasks/bulk`: what is stored, and what is refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler.models import AuditRecord, Execution, Revision, Task
from tests.integration.conftest import Caller
from tests.integration.register.filing import noop

pytestmark = pytest.mark.usefixtures("handlers")

HOURLY = noop("Hourly", cronExpression="0 0 * * * ?")


def _send(caller: Caller, *tasks: Any, **more: Any) -> Any:
    return caller.send("post", "tasks/bulk", {"tasks": list(tasks)} | more)


def _fields(answer: Any) -> list[str]:
    return [error["field"] for error in answer.json()["errors"]]


def test_it_creates_tasks_in_the_order_of_the_request(editor: Caller) -> None:
    answer = _send(editor, noop("B"), noop("A"))

    assert answer.status_code == 200
    ids = [result["id"] for result in answer.json()["results"]]
    assert [Task.objects.get(id=id).name for id in ids] == ["B", "A"]


def test_it_counts_what_became_of_each(editor: Caller) -> None:
    _send(editor, HOURLY, noop("Same"))

    answer = _send(editor, HOURLY | {"priority": 9}, noop("Same"), noop("New"), noop("Bad", priority=11), mode="upsert")

    body = answer.json()
    assert {name: body[name] for name in ("created", "updated", "unchanged", "failed")} == {
        "created": 1, "updated": 1, "unchanged": 1, "failed": 1
    }  # fmt: skip
    assert [result["outcome"] for result in body["results"]] == ["updated", "unchanged", "created", "failed"]


def test_it_names_the_place_of_a_fault(editor: Caller) -> None:
    answer = _send(editor, noop("Good"), noop("Bad", cronExpression="0 0 25 * * ?"), 5)

    results = answer.json()["results"]
    assert results[1]["id"] is None
    assert results[1]["errors"][0]["field"] == "tasks[1].cronExpression"
    assert results[2]["errors"] == [{"field": "tasks[2]", "code": "invalid", "message": "This must be a JSON object."}]


def test_it_tells_all_faults_of_a_record(editor: Caller) -> None:
    answer = _send(editor, {"name": "Bad", "taskClass": "platform.nop", "prority": 1, "retryPolicy": {"jitter": 1}})

    errors = answer.json()["results"][0]["errors"]
    assert [error["field"] for error in errors] == [
        "tasks[0].prority", "tasks[0].retryPolicy.jitter", "tasks[0].taskClass"
    ]  # fmt: skip
    assert "Did you mean 'platform.noop'?" in errors[2]["message"]


def test_it_refuses_a_name_that_is_taken(editor: Caller) -> None:
    _send(editor, HOURLY)

    answer = _send(editor, HOURLY | {"priority": 9})

    assert answer.json()["results"][0]["errors"][0]["code"] == "taken"
    assert Task.objects.get().priority == 5


def test_a_name_stands_once(editor: Caller) -> None:
    answer = _send(editor, noop("Twin", priority=1), noop("Twin", priority=2), mode="upsert")

    assert [result["outcome"] for result in answer.json()["results"]] == ["created", "failed"]
    assert Task.objects.get().priority == 1


def test_an_atomic_request_with_a_bad_record_writes_nothing(editor: Caller) -> None:
    _send(editor, HOURLY)

    answer = _send(editor, noop("New"), HOURLY | {"priority": 9}, noop("Bad", priority="x"), mode="upsert", atomic=True)

    assert (answer.status_code, _fields(answer)) == (422, ["tasks[2].priority"])
    assert answer.json()["detail"] == "1 record is bad of 3, and nothing was written; see errors."
    assert list(Task.objects.values_list("name", "priority")) == [("Hourly", 5)]


def test_an_atomic_request_without_one_writes_everything(editor: Caller) -> None:
    assert _send(editor, HOURLY, noop("Other"), atomic=True).json()["created"] == 2


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["tasks"]),
        ({"tasks": {}}, ["tasks"]),
        ({"tasks": None}, ["tasks"]),
        ({"tasks": [], "mode": "update"}, ["mode"]),
        ({"tasks": [], "atomic": 1, "dryrun": True}, ["dryrun", "atomic"]),
        ([], [""]),
        ({"tasks": [{}] * 10_001}, ["tasks"]),
    ],
)
def test_it_refuses_what_is_no_bulk_request(editor: Caller, body: Any, fields: list[str]) -> None:
    answer = editor.send("post", "tasks/bulk", body)

    assert (answer.status_code, _fields(answer)) == (400, fields)


def test_no_tasks_are_no_mistake(editor: Caller) -> None:
    assert _send(editor).json() == {"created": 0, "updated": 0, "unchanged": 0, "failed": 0, "results": []}


def test_it_takes_a_body_of_more_than_a_mebibyte(editor: Caller) -> None:
    big = [noop(f"Big {number}", description="x" * 10_000) for number in range(120)]

    assert _send(editor, *big).json()["created"] == 120


def test_it_refuses_a_body_of_more_than_32_mebibytes(editor: Caller) -> None:
    assert _send(editor, noop("Vast", description="x" * 32 * 1024 * 1024)).status_code == 413


@pytest.mark.parametrize("caller", ["viewer", "operator"])
def test_it_asks_for_the_role_editor(request: pytest.FixtureRequest, caller: str) -> None:
    assert _send(request.getfixturevalue(caller), HOURLY).status_code == 403


def test_a_bound_token_registers_in_its_own_namespace(payments_editor: Caller) -> None:
    _send(payments_editor, HOURLY)

    assert Task.objects.get().namespace == "payments"


def test_a_bound_token_neither_creates_nor_changes_elsewhere(payments_editor: Caller, editor: Caller) -> None:
    _send(editor, HOURLY)

    answer = _send(payments_editor, HOURLY | {"namespace": "default", "priority": 9}, mode="upsert")

    assert answer.json()["results"][0]["errors"][0]["field"] == "tasks[0].namespace"
    assert Task.objects.get().priority == 5


def test_an_upsert_records_what_is_due_first(editor: Caller, new_task: Callable[..., Task], now: Any) -> None:
    task = new_task("Minutely", at=now - timedelta(seconds=90), intervalSeconds=60)

    _send(editor, noop("Minutely", intervalSeconds=7200), mode="upsert")

    assert Execution.objects.get().scheduled_for == task.next_slot_for
    assert Task.objects.get().next_slot_for == task.created_at + timedelta(hours=2)


def test_a_repeated_key_registers_once(editor: Caller) -> None:
    first = editor.send("post", "tasks/bulk", {"tasks": [HOURLY]}, Idempotency_Key="one")
    second = editor.send("post", "tasks/bulk", {"tasks": [HOURLY]}, Idempotency_Key="one")

    assert (first.json(), second.headers["Idempotency-Replayed"]) == (second.json(), "true")
    assert Task.objects.count() == 1


def test_each_definition_leaves_its_revision_and_its_record(editor: Caller) -> None:
    _send(editor, HOURLY, noop("Same"))
    _send(editor, HOURLY | {"priority": 9}, noop("Same"), mode="upsert")

    assert sorted(Revision.objects.values_list("task__name", "version", "created_by")) == [
        ("Hourly", 1, "edda"), ("Hourly", 2, "edda"), ("Same", 1, "edda")
    ]  # fmt: skip
    records = AuditRecord.objects.filter(kind="task").order_by("object_name", "version")
    assert list(records.values_list("object_name", "verb", "version", "actor")) == [
        ("Hourly", "create", 1, "edda"), ("Hourly", "change", 2, "edda"), ("Same", "create", 1, "edda")
    ]  # fmt: skip


def test_the_number_of_statements_does_not_grow(editor: Caller) -> None:
    with CaptureQueriesContext(connection) as few:
        _send(editor, noop("A"), mode="upsert")
    with CaptureQueriesContext(connection) as many:
        _send(editor, *[noop(f"B{number}", intervalSeconds=60) for number in range(100)], mode="upsert")

    assert len(many) <= len(few)


def _waiting(name: str, *upstreams: str) -> dict[str, Any]:
    return noop(name, dependencies=[{"name": upstream} for upstream in upstreams])


def test_it_stores_what_others_depend_on_first(editor: Caller) -> None:
    answer = _send(editor, _waiting("a", "b"), _waiting("b", "c"), noop("c"))

    outcomes = [result["outcome"] for result in answer.json()["results"]]
    linked = {task.name: [name for _, name in task.named_upstreams] for task in Task.objects.all()}
    assert (outcomes, linked) == (["created"] * 3, {"a": ["b"], "b": ["c"], "c": []})


def test_dependencies_are_part_of_the_revision(editor: Caller) -> None:
    _send(editor, _waiting("a", "b"), noop("b"))
    _send(editor, _waiting("a"), mode="upsert")

    kept = Revision.objects.filter(task_id=Task.objects.get(name="a").id).order_by("version")
    assert [bool(revision.definition["upstreams"]) for revision in kept] == [True, False]


@pytest.mark.parametrize("atomic", [True, False])
def test_a_cycle_in_a_request_is_refused(editor: Caller, atomic: bool) -> None:
    _send(editor, noop("a"), _waiting("b", "a"))

    answer = _send(editor, _waiting("a", "b"), mode="upsert", atomic=atomic)

    body = answer.json()
    errors = body["errors"] if atomic else body["results"][0]["errors"]
    assert [(error["field"], error["code"]) for error in errors] == [("tasks[0].dependencies", "cycle")]
    assert not Task.objects.get(name="a").has_dependencies


def test_what_says_again_what_a_task_depends_on_changes_nothing(editor: Caller) -> None:
    _send(editor, _waiting("a", "b"), noop("b"))

    answer = _send(editor, _waiting("a", "b"), mode="upsert")

    assert [result["outcome"] for result in answer.json()["results"]] == ["unchanged"]


def test_a_change_of_something_else_keeps_dependencies(editor: Caller) -> None:
    _send(editor, _waiting("a", "b"), noop("b"))

    _send(editor, noop("a", priority=9), mode="upsert")

    task = Task.objects.get(name="a")
    assert (task.priority, [name for _, name in task.named_upstreams], task.has_dependencies) == (9, ["b"], True)
