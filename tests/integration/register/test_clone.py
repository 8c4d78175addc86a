"""POST /api/v1/tasks/{id}/clone."""

from collections.abc import Callable
from typing import Any

import pytest

from scheduler.models import Task
from tests.integration.conftest import Caller


def _clone(caller: Caller, task: Task, **fields: Any) -> Any:
    return caller.send("post", f"tasks/{task.id}/clone", fields)


def test_it_copies_the_definition(editor: Caller, cleanup: Task) -> None:
    answer = _clone(editor, cleanup, name="Another Cleanup")
    source = editor.send("get", f"tasks/{cleanup.id}").json()

    assert answer.status_code == 201
    assert answer["Location"] == f"/api/v1/tasks/{answer.json()['id']}"
    own = {name: answer.json()[name] for name in ("id", "name", "createdAt", "updatedAt")}
    assert answer.json() == source | own | {"name": "Another Cleanup"}


def test_it_takes_what_is_to_be_different(editor: Caller, cleanup: Task) -> None:
    answer = _clone(editor, cleanup, name="Hourly", intervalSeconds=3600, priority=9, taskData={"retentionDays": 1})

    clone = answer.json()
    assert (clone["cronExpression"], clone["intervalSeconds"], clone["priority"]) == (None, 3600, 9)


def test_the_copy_of_a_paused_task_fires(editor: Caller, cleanup: Task) -> None:
    editor.send("post", f"tasks/{cleanup.id}/pause")

    clone = _clone(editor, cleanup, name="Copy").json()

    assert (clone["status"], clone["pauseReason"], clone["version"]) == ("ACTIVE", None, 1)


def test_an_interval_counts_from_the_copys_own_creation(
    editor: Caller, new_task: Callable[..., Task], now: Any
) -> None:
    task = new_task(intervalSeconds=3600, at=now.replace(year=2025))

    _clone(editor, task, name="Copy")

    clone = Task.objects.get(name="Copy")
    assert clone.anchor_at == clone.created_at


def test_it_says_who_made_the_copy(editor: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task()
    Task.objects.update(created_by="somebody else")

    assert _clone(editor, task, name="Copy").json()["createdBy"] == "edda"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x", "priority": 11}, "priority"),
        ({"name": "x", "taskData": {"retentionDays": "no"}}, "taskData.retentionDays"),
        ({"name": "x", "cronExpression": "0 0 0 30 2 ?"}, "cronExpression"),
        ({"name": "x", "taskClass": "no.such"}, "taskClass"),
        ({"name": "x", "status": "PAUSED"}, "status"),
        ({"name": "x", "nmae": "y"}, "nmae"),
    ],
)
def test_it_refuses(editor: Caller, cleanup: Task, fields: dict[str, Any], field: str) -> None:
    answer = _clone(editor, cleanup, **fields)

    assert answer.status_code in {400, 422}
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert Task.objects.count() == 1


def test_it_refuses_the_name_of_the_other(editor: Caller, cleanup: Task) -> None:
    assert _clone(editor, cleanup, name=cleanup.name).status_code == 409


def test_a_bound_token_copies_into_its_own_namespace(payments_editor: Caller, payroll: Task) -> None:
    assert _clone(payments_editor, payroll, name="Copy").json()["namespace"] == "payments"


def test_a_bound_token_copies_into_no_other_namespace(payments_editor: Caller, payroll: Task) -> None:
    assert _clone(payments_editor, payroll, name="Copy", namespace="default").status_code == 403


def test_a_bound_token_finds_no_task_of_another_namespace(payments_editor: Caller, cleanup: Task) -> None:
    assert _clone(payments_editor, cleanup, name="Copy").status_code == 404
