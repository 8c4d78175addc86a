"""Tasks that name secrets, in a namespace that lists some."""

from collections.abc import Callable
from typing import Any

import pytest

from scheduler.models import Execution, Task
from tests.integration.conftest import Caller
from tests.integration.register.namespaces.conftest import NewNamespace

pytestmark = pytest.mark.usefixtures("payments", "handlers")

LISTED = {"a": [{"$secret": "LEDGER"}]}
UNLISTED = {"a": [{"$secret": "LEDGER"}, {"$secret": "LEDGR"}]}


def _task(namespace: str, data: Any, **fields: Any) -> dict[str, Any]:
    return {"name": "Payroll", "namespace": namespace, "taskClass": "platform.noop", "taskData": data} | fields


def test_it_takes_one_that_is_listed(editor: Caller) -> None:
    assert editor.send("post", "tasks", _task("payments", LISTED)).status_code == 201


@pytest.mark.parametrize("data", [UNLISTED, '{"a": [1, {"\\u0024secret": "LEDGR"}]}'])
def test_it_refuses_one_that_is_not(editor: Caller, data: Any) -> None:
    answer = editor.send("post", "tasks", _task("payments", data))

    assert (answer.status_code, answer.json()["errors"]) == (422, [{
        "field": "taskData.a[1]", "code": "unlisted_secret",
        "message": "Namespace payments does not list the secret 'LEDGR'. Did you mean 'LEDGER'?",
    }])  # fmt: skip
    assert not Task.objects.exists()


def test_it_refuses_it_of_a_class_that_nobody_has_announced(editor: Caller) -> None:
    body = _task("payments", UNLISTED, taskClass="coming.Later", allowUnknownTaskClass=True)

    assert editor.send("post", "tasks", body).status_code == 422


def test_it_refuses_it_in_a_check(editor: Caller) -> None:
    assert editor.send("post", "tasks/validate", _task("payments", UNLISTED)).status_code == 422


def test_it_refuses_it_in_a_change(editor: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task(namespace="payments", taskData=LISTED)

    answer = editor.send("patch", f"tasks/{task.id}", {"taskData": UNLISTED})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "taskData.a[1]")
    assert Task.objects.get().version == 1


def test_it_refuses_it_in_a_run_by_hand(operator: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task(namespace="payments")

    assert operator.send("post", f"tasks/{task.id}/trigger", {"taskData": UNLISTED}).status_code == 422
    assert not Execution.objects.exists()


def test_other_changes_of_a_task_go_on_once_a_name_is_taken_off(admin: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task(namespace="payments", taskData=LISTED)
    admin.send("patch", "namespaces/payments", {"secretNames": ["BILLING"]})

    assert admin.send("patch", f"tasks/{task.id}", {"priority": 9}).status_code == 200


def test_a_namespace_without_settings_leaves_it_to_the_worker(editor: Caller) -> None:
    assert editor.send("post", "tasks", _task("reports", UNLISTED)).status_code == 201


def test_a_namespace_that_lists_none_leaves_it_to_the_worker(editor: Caller, new_namespace: NewNamespace) -> None:
    new_namespace("reports", weight=2)

    assert editor.send("post", "tasks", _task("reports", UNLISTED)).status_code == 201
