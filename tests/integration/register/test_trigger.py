"""POST /api/v1/tasks/{id}/trigger."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from scheduler.models import Execution, Task
from tests.integration.conftest import Caller


def test_it_queues_an_execution(operator: Caller, cleanup: Task) -> None:
    answer = operator.send("post", f"tasks/{cleanup.id}/trigger")

    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["trigger"]) == ("QUEUED", "MANUAL")
    assert answer["Location"] == f"/api/v1/executions/{answer.json()['id']}"


def test_each_request_is_a_run_of_its_own(operator: Caller, cleanup: Task) -> None:
    first = operator.send("post", f"tasks/{cleanup.id}/trigger").json()["id"]

    assert operator.send("post", f"tasks/{cleanup.id}/trigger").json()["id"] != first


def test_it_publishes_after_the_commit(
    operator: Caller, cleanup: Task, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        operator.send("post", f"tasks/{cleanup.id}/trigger")

    assert Execution.objects.get().published_at is not None


def test_it_runs_with_other_task_data_once(operator: Caller, cleanup: Task) -> None:
    operator.send("post", f"tasks/{cleanup.id}/trigger", {"taskData": {"retentionDays": 1}})

    assert Execution.objects.get().task_data == '{"retentionDays": 1}'
    assert Task.objects.get().task_data == cleanup.task_data


def test_it_checks_task_data_against_the_handler(operator: Caller, cleanup: Task) -> None:
    answer = operator.send("post", f"tasks/{cleanup.id}/trigger", {"taskData": {"retentionDays": "seven"}})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "taskData.retentionDays"
    assert not Execution.objects.exists()


@pytest.mark.parametrize(
    "body", ["[]", '"x"', "5", "null", '{"taskData": 5}', '{"taskdata": {}}', '{"idempotencyKey": 5}']
)
def test_it_refuses_other_bodies(operator: Caller, cleanup: Task, body: str) -> None:
    answer = operator.post(f"/api/v1/tasks/{cleanup.id}/trigger", data=body, content_type="application/json")

    assert answer.status_code == 400
    assert not Execution.objects.exists()


@pytest.mark.parametrize("status", ["PAUSED", "COMPLETED"])
def test_it_runs_a_task_that_does_not_fire(operator: Caller, cleanup: Task, status: str) -> None:
    Task.objects.update(status=status, claim_at=None)

    assert operator.send("post", f"tasks/{cleanup.id}/trigger").status_code == 202


def test_it_obeys_overlap(operator: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task(overlapPolicy="SKIP")
    operator.send("post", f"tasks/{task.id}/trigger")

    answer = operator.send("post", f"tasks/{task.id}/trigger").json()

    assert (answer["status"], answer["reason"]) == ("SKIPPED", "overlap")


def test_it_does_not_move_the_next_slot(operator: Caller, cleanup: Task) -> None:
    operator.send("post", f"tasks/{cleanup.id}/trigger")

    assert Task.objects.get().next_slot_for == cleanup.next_slot_for


def test_a_deleted_task_does_not_run(editor: Caller, cleanup: Task) -> None:
    editor.send("delete", f"tasks/{cleanup.id}")

    assert editor.send("post", f"tasks/{cleanup.id}/trigger").status_code == 409


def test_a_bound_token_finds_no_task_of_another_namespace(payments_editor: Caller, cleanup: Task) -> None:
    assert payments_editor.send("post", f"tasks/{cleanup.id}/trigger").status_code == 404
    assert not Execution.objects.exists()


def test_a_viewer_may_not_run(viewer: Caller, cleanup: Task) -> None:
    assert viewer.send("post", f"tasks/{cleanup.id}/trigger").status_code == 403


def test_it_says_when_it_was_asked(operator: Caller, cleanup: Task, now: datetime) -> None:
    operator.send("post", f"tasks/{cleanup.id}/trigger")

    assert Execution.objects.get().scheduled_for >= now
