"""POST /api/v1/executions/{id}/retry."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from scheduler.models import Execution, Task
from tests.integration.conftest import Caller


@pytest.fixture
def failed(operator: Caller, cleanup: Task) -> Execution:
    """Was run by hand with task data of its own, and failed."""
    operator.send("post", f"tasks/{cleanup.id}/trigger", {"taskData": {"retentionDays": 1}})
    Execution.objects.update(status="FAILED")
    return Execution.objects.get()


def _retry(caller: Caller, execution: Execution) -> Any:
    return caller.send("post", f"executions/{execution.id}/retry")


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "LOST", "CANCELLED"])
def test_it_tries_again(operator: Caller, failed: Execution, status: str) -> None:
    Execution.objects.update(status=status)

    answer = _retry(operator, failed)

    assert answer.status_code == 202
    assert answer["Location"] == f"/api/v1/executions/{answer.json()['id']}"
    assert (answer.json()["status"], answer.json()["trigger"], answer.json()["attempt"]) == ("QUEUED", "RETRY", 2)


def test_it_keeps_the_slot_and_what_it_was_given(operator: Caller, failed: Execution) -> None:
    retry = Execution.objects.get(id=_retry(operator, failed).json()["id"])

    kept = ("task_id", "scheduled_for", "due_at", "cause", "task_data", "run_id")
    assert [getattr(retry, name) for name in kept] == [getattr(failed, name) for name in kept]
    assert retry.id.int >> 80 == failed.id.int >> 80


def test_it_runs_by_todays_definition(editor: Caller, failed: Execution) -> None:
    editor.send("put", f"tasks/{failed.task_id}", {"timeoutSeconds": 5, "queue": "slow", "priority": 9})

    retry = Execution.objects.get(id=_retry(editor, failed).json()["id"])

    assert (retry.timeout_seconds, retry.queue, retry.priority, retry.revision) == (5, "slow", 9, 2)


def test_it_publishes_after_the_commit(
    operator: Caller, failed: Execution, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        retry = _retry(operator, failed).json()["id"]

    assert Execution.objects.get(id=retry).published_at is not None


@pytest.mark.parametrize("status", ["SUCCESS", "SKIPPED", "QUEUED", "RUNNING", "SCHEDULED"])
def test_nothing_else_can_be_tried_again(operator: Caller, failed: Execution, status: str) -> None:
    Execution.objects.update(status=status)

    answer = _retry(operator, failed)

    assert answer.status_code == 409
    assert status in answer.json()["detail"]
    assert Execution.objects.count() == 1


def test_only_the_newest_attempt_can_be_tried_again(operator: Caller, failed: Execution) -> None:
    _retry(operator, failed)

    assert _retry(operator, failed).status_code == 409
    assert Execution.objects.count() == 2


def test_the_newest_attempt_can(operator: Caller, failed: Execution) -> None:
    second = _retry(operator, failed).json()["id"]
    Execution.objects.filter(id=second).update(status="FAILED")

    assert operator.send("post", f"executions/{second}/retry").json()["attempt"] == 3


def test_a_paused_task_is_tried_again_on_request(operator: Caller, failed: Execution) -> None:
    operator.send("post", f"tasks/{failed.task_id}/pause")

    assert _retry(operator, failed).json()["status"] == "QUEUED"


def test_a_deleted_task_is_not_tried_again(editor: Caller, failed: Execution) -> None:
    editor.send("delete", f"tasks/{failed.task_id}")

    assert _retry(editor, failed).status_code == 409


def test_it_does_not_run_beside_another(operator: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task(overlapPolicy="SKIP")
    first = operator.send("post", f"tasks/{task.id}/trigger").json()["id"]
    Execution.objects.update(status="FAILED")
    Task.objects.update(open_count=0)
    operator.send("post", f"tasks/{task.id}/trigger")

    answer = operator.send("post", f"executions/{first}/retry")

    assert (answer.status_code, Execution.objects.count()) == (409, 2)


def test_it_makes_its_task_busy(operator: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task(overlapPolicy="SKIP")
    first = operator.send("post", f"tasks/{task.id}/trigger").json()["id"]
    Execution.objects.update(status="FAILED")
    Task.objects.update(open_count=0)

    operator.send("post", f"executions/{first}/retry")

    assert Task.objects.get().open_count == 1


def test_an_unknown_execution_is_not_found(operator: Caller) -> None:
    assert operator.send("post", f"executions/{uuid4()}/retry").status_code == 404


def test_a_bound_token_finds_no_execution_of_another_namespace(payments_editor: Caller, failed: Execution) -> None:
    assert _retry(payments_editor, failed).status_code == 404
