"""`Idempotency-Key` on any POST: one answer to all who repeat a request, and what is another request."""

from typing import Any
from unittest.mock import Mock

import pytest
from django.db import OperationalError

from platform_scheduler.parsing import MAX_BODY_BYTES
from scheduler.errors import PartitionMissing
from scheduler.models import ApiToken, Execution, IdempotencyKey, Task
from tests.integration.conftest import SEED, Caller
from tests.integration.register.idempotency.repeating import KEY, let_die, trigger

# The same request again


def test_it_answers_the_same_again(operator: Caller, cleanup: Task) -> None:
    first, second = trigger(operator, cleanup), trigger(operator, cleanup)

    assert (second.status_code, second.content) == (202, first.content)
    assert Execution.objects.count() == 1


def test_it_repeats_the_headers_that_matter(editor: Caller, cleanup: Task) -> None:
    first, second = (
        editor.send("post", f"tasks/{cleanup.id}/clone", {"name": "Copy"}, Idempotency_Key=KEY) for _ in range(2)
    )

    names = ("Location", "ETag", "Content-Type", "Allow")
    assert [second[name] for name in names] == [first[name] for name in names]


def test_it_says_that_it_repeats(operator: Caller, cleanup: Task) -> None:
    first, second = trigger(operator, cleanup), trigger(operator, cleanup)

    assert (first.get("Idempotency-Replayed"), second["Idempotency-Replayed"]) == (None, "true")


def test_it_repeats_what_was_true_then(editor: Caller, cleanup: Task) -> None:
    first = editor.send("post", f"tasks/{cleanup.id}/pause", Idempotency_Key=KEY)
    editor.send("post", f"tasks/{cleanup.id}/resume")

    assert editor.send("post", f"tasks/{cleanup.id}/pause", Idempotency_Key=KEY).content == first.content
    assert Task.objects.get().status == "ACTIVE"


def test_it_repeats_a_refusal(operator: Caller, cleanup: Task) -> None:
    refused = trigger(operator, cleanup, {"taskData": {"retentionDays": "seven"}})
    again = trigger(operator, cleanup, {"taskData": {"retentionDays": "seven"}})

    assert (again.status_code, again["Content-Type"]) == (422, "application/problem+json")
    assert (again.content, again["Idempotency-Replayed"]) == (refused.content, "true")


def test_it_repeats_a_refusal_whose_cause_is_gone(editor: Caller, cleanup: Task) -> None:
    editor.send("post", f"tasks/{cleanup.id}/resume", Idempotency_Key=KEY)
    editor.send("post", f"tasks/{cleanup.id}/pause")

    assert editor.send("post", f"tasks/{cleanup.id}/resume", Idempotency_Key=KEY).status_code == 409
    assert Task.objects.get().status == "PAUSED"


def test_it_keeps_no_work_of_a_refused_request(editor: Caller, cleanup: Task) -> None:
    editor.send("post", "tasks", SEED, Idempotency_Key=KEY)

    assert editor.send("post", "tasks", SEED, Idempotency_Key=KEY).json()["errors"][0]["code"] == "taken"
    assert Task.objects.count() == 1


def test_it_publishes_once(operator: Caller, cleanup: Task, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True) as first:
        trigger(operator, cleanup)
    with django_capture_on_commit_callbacks(execute=True) as second:
        trigger(operator, cleanup)

    assert (len(first), len(second)) == (1, 0)
    assert Execution.objects.get().published_at is not None


def test_it_changes_nothing_for_requests_without_a_key(operator: Caller, cleanup: Task) -> None:
    operator.send("post", f"tasks/{cleanup.id}/trigger")
    operator.send("post", f"tasks/{cleanup.id}/trigger")

    assert (Execution.objects.count(), IdempotencyKey.objects.count()) == (2, 0)


def test_a_check_of_a_task_takes_a_key_and_still_stores_nothing(editor: Caller, cleanup: Task) -> None:
    answer = editor.send("post", "tasks/validate", {**SEED, "name": "New"}, Idempotency_Key=KEY)

    assert answer.status_code == 200
    assert (Task.objects.count(), IdempotencyKey.objects.get().answer_status) == (1, 200)


# Another request


def test_another_body_is_422(operator: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)

    answer = trigger(operator, cleanup, {"taskData": {"retentionDays": 1}})

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:platform-scheduler:problem:key-reused")
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert Execution.objects.count() == 1


def test_another_query_is_422(editor: Caller, cleanup: Task) -> None:
    editor.send("post", f"tasks/{cleanup.id}/pause", Idempotency_Key=KEY)

    assert editor.send("post", f"tasks/{cleanup.id}/pause?x=1", Idempotency_Key=KEY).status_code == 422


def test_another_body_is_422_while_the_first_runs(operator: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)
    let_die()

    assert trigger(operator, cleanup, {"taskData": {"retentionDays": 1}}).status_code == 422


def test_another_key_is_another_request(operator: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup, key="a")
    trigger(operator, cleanup, key="A")

    assert Execution.objects.count() == 2


def test_a_key_on_another_path_is_another_request(editor: Caller, cleanup: Task) -> None:
    trigger(editor, cleanup)

    answer = editor.send("post", f"tasks/{cleanup.id}/pause", Idempotency_Key=KEY)

    assert (answer.status_code, answer.json()["status"]) == (200, "PAUSED")


def test_a_key_of_another_token_is_another_request(operator: Caller, editor: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)
    trigger(editor, cleanup)

    assert Execution.objects.count() == 2


def test_a_stranger_learns_nothing_by_a_key(operator: Caller, payments_editor: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)

    assert trigger(payments_editor, cleanup).status_code == 404


def test_a_role_that_does_not_suffice_uses_no_key_up(viewer: Caller, cleanup: Task) -> None:
    assert trigger(viewer, cleanup).status_code == 403

    ApiToken.objects.update(role="operator")
    assert trigger(viewer, cleanup).status_code == 202


def test_a_role_taken_away_ends_the_answers(operator: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)
    ApiToken.objects.update(role="viewer")

    assert trigger(operator, cleanup).status_code == 403


# What is not remembered


@pytest.mark.parametrize("failure", [PartitionMissing(), OperationalError("down")])
def test_a_failure_that_is_answered_is_not_remembered(
    operator: Caller, cleanup: Task, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as failing:
        failing.setattr("register.operating.triggers.trigger", Mock(side_effect=failure))
        assert trigger(operator, cleanup).status_code == 503

    assert not IdempotencyKey.objects.exists()
    assert trigger(operator, cleanup).status_code == 202


def test_a_fault_of_ours_is_not_remembered_and_leaves_no_work(
    operator: Caller, cleanup: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.raise_request_exception = False
    with monkeypatch.context() as failing:
        failing.setattr("register.api.operations.accepted", Mock(side_effect=ZeroDivisionError))
        assert trigger(operator, cleanup).status_code == 500

    assert not (IdempotencyKey.objects.exists() or Execution.objects.exists())
    assert trigger(operator, cleanup).status_code == 202


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"taskData": {'])
def test_a_body_that_cannot_be_read_uses_no_key_up(operator: Caller, cleanup: Task, body: bytes) -> None:
    path = f"/api/v1/tasks/{cleanup.id}/trigger"
    torn = operator.post(path, data=body, content_type="application/json", headers={"Idempotency-Key": KEY})

    assert torn.status_code == 400
    assert trigger(operator, cleanup).status_code == 202


def test_a_body_beyond_the_bound_is_413(operator: Caller, cleanup: Task) -> None:
    answer = trigger(operator, cleanup, {"taskData": "x" * MAX_BODY_BYTES})

    assert (answer.status_code, IdempotencyKey.objects.exists()) == (413, False)


def test_another_content_type_is_415(operator: Caller, cleanup: Task) -> None:
    path = f"/api/v1/tasks/{cleanup.id}/trigger"

    assert operator.post(path, {"a": "b"}, headers={"Idempotency-Key": KEY}).status_code == 415
