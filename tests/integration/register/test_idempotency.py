"""`Idempotency-Key` on any POST: one answer to all who repeat a request."""

from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import OperationalError

from platform_scheduler.parsing import MAX_BODY_BYTES
from scheduler import clock, housekeeping, idempotency
from scheduler.connections import current
from scheduler.errors import PartitionMissing
from scheduler.idempotency import Standing, Use
from scheduler.models import ApiToken, Execution, IdempotencyKey, Task
from tests.integration.conftest import SEED, Caller

KEY = "9d4e5f0c-0a63-4b7c-a1a6-0d0f4f6c1f11"
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def trigger(caller: Caller, task: Task, body: Any = None, *, key: str = KEY) -> Any:
    return caller.send("post", f"tasks/{task.id}/trigger", body, Idempotency_Key=key)


def age(by: timedelta) -> None:
    """Let time pass for every key."""
    stored = IdempotencyKey.objects.get()
    IdempotencyKey.objects.update(taken_at=stored.taken_at - by, expires_at=stored.expires_at - by)


def let_die() -> None:
    """Leave the key as a process does that dies before it has answered."""
    IdempotencyKey.objects.update(answer_status=None, answer_headers=None, answer_body=None)
    Execution.objects.all().delete()


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
        failing.setattr("register.operating.firing.trigger", Mock(side_effect=failure))
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


# In progress


def test_it_asks_for_patience_while_the_first_runs(operator: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)
    let_die()

    answer = trigger(operator, cleanup)

    assert (answer.status_code, answer["Retry-After"]) == (409, "1")
    assert answer.json()["type"] == "urn:platform-scheduler:problem:in-progress"
    assert not Execution.objects.exists()


def test_it_runs_what_a_dead_process_has_left(operator: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)
    let_die()
    age(MINUTE)

    answers = [trigger(operator, cleanup), trigger(operator, cleanup)]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert str(Execution.objects.get().id) == answers[1].json()["id"]


def test_it_waits_a_minute_for_a_silent_process(operator: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)
    let_die()
    age(MINUTE - 10 * SECOND)

    assert trigger(operator, cleanup).status_code == 409


@pytest.fixture
def use(operator: Caller) -> Use:
    """A use of a key by olaf."""
    return Use(ApiToken.objects.get().id, "/api/v1/tasks", KEY, b"\0" * 32)


GIVEN = idempotency.Answer(201, {"Location": "/x"}, b"{}")


def test_a_request_whose_key_was_taken_over_does_not_answer(use: Use) -> None:
    now = clock.now()
    idempotency.take(current(), use, now=now)

    assert idempotency.take(current(), use, now=now + MINUTE) is Standing.TAKEN
    assert idempotency.answer(current(), use, GIVEN, taken_at=now) is False
    assert idempotency.answer(current(), use, GIVEN, taken_at=now + MINUTE) is True


def test_a_request_whose_key_was_taken_over_gives_nothing_back(use: Use) -> None:
    now = clock.now()
    idempotency.take(current(), use, now=now)
    idempotency.take(current(), use, now=now + MINUTE)

    idempotency.release(current(), use, taken_at=now)

    assert idempotency.take(current(), use, now=now + MINUTE) is Standing.IN_PROGRESS


def test_an_answer_is_not_given_back(use: Use) -> None:
    now = clock.now()
    idempotency.take(current(), use, now=now)
    idempotency.answer(current(), use, GIVEN, taken_at=now)

    idempotency.release(current(), use, taken_at=now)

    assert idempotency.take(current(), use, now=now + MINUTE) == GIVEN


# A day


def test_it_remembers_for_a_day(operator: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)
    age(DAY - MINUTE)

    assert trigger(operator, cleanup)["Idempotency-Replayed"] == "true"


def test_it_forgets_after_a_day(operator: Caller, cleanup: Task) -> None:
    trigger(operator, cleanup)
    age(DAY)

    assert trigger(operator, cleanup, {"taskData": {"retentionDays": 1}}).status_code == 202
    assert Execution.objects.count() == 2


def test_the_chore_deletes_what_has_expired(operator: Caller, cleanup: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "KEYS_AT_ONCE", 1)
    trigger(operator, cleanup, key="old")
    trigger(operator, cleanup, key="older")
    IdempotencyKey.objects.update(expires_at=clock.now())
    trigger(operator, cleanup, key="new")

    housekeeping.forget_idempotency_keys()

    assert IdempotencyKey.objects.get().key == "new"


# Keys


BAD_KEYS = {
    "empty": "",
    "blank": "   ",
    "too long": "x" * 256,
    "a control character": "a\x01b",
    "a tab": "a\tb",
    "DEL": "a\x7f",
    "unicode": "clé",
    "two headers": "a,b",
    "a space in front": " a",
}


@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS)
def test_it_refuses_what_is_no_key(operator: Caller, cleanup: Task, key: str) -> None:
    answer = trigger(operator, cleanup, key=key)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")
    assert not Execution.objects.exists()


@pytest.mark.parametrize("key", ["x", "x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "a b", "-", "+--~!'%s"])
def test_it_takes_any_printable_key(operator: Caller, cleanup: Task, key: str) -> None:
    trigger(operator, cleanup, key=key)

    assert trigger(operator, cleanup, key=key)["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_refuse_the_header(editor: Caller, cleanup: Task, method: str) -> None:
    answer = editor.send(method, f"tasks/{cleanup.id}", {"priority": 1}, Idempotency_Key=KEY)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")
    assert (Task.objects.get().version, Task.objects.get().status) == (1, "ACTIVE")


def test_a_read_takes_no_notice_of_the_header(viewer: Caller, cleanup: Task) -> None:
    assert viewer.send("get", f"tasks/{cleanup.id}", Idempotency_Key=KEY).status_code == 200


# The key in the body


def test_the_body_may_name_the_key(operator: Caller, cleanup: Task) -> None:
    answers = [operator.send("post", f"tasks/{cleanup.id}/trigger", {"idempotencyKey": KEY}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert Execution.objects.count() == 1


def test_the_body_and_the_header_name_the_same_key(operator: Caller, cleanup: Task) -> None:
    operator.send("post", f"tasks/{cleanup.id}/trigger", {"idempotencyKey": KEY})

    assert trigger(operator, cleanup, {"idempotencyKey": KEY})["Idempotency-Replayed"] == "true"
    assert trigger(operator, cleanup).status_code == 422


def test_two_different_keys_are_refused(operator: Caller, cleanup: Task) -> None:
    answer = trigger(operator, cleanup, {"idempotencyKey": "other"})

    assert answer.status_code == 400
    assert [fault["field"] for fault in answer.json()["errors"]] == ["Idempotency-Key", "idempotencyKey"]
    assert not (Execution.objects.exists() or IdempotencyKey.objects.exists())


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "clé", "a,b", " a", 5, None, True, [], {}])
def test_it_refuses_what_is_no_key_in_the_body(operator: Caller, cleanup: Task, key: Any) -> None:
    answer = operator.send("post", f"tasks/{cleanup.id}/trigger", {"idempotencyKey": key, "x": 1})

    assert answer.status_code == 400
    assert {fault["field"] for fault in answer.json()["errors"]} == {"idempotencyKey", "x"}
    assert not Execution.objects.exists()


def test_other_bodies_have_no_such_field(operator: Caller, cleanup: Task) -> None:
    answer = operator.send("post", f"tasks/{cleanup.id}/pause", {"idempotencyKey": KEY})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "idempotencyKey")


# The document


def test_the_document_names_the_header_on_every_post(viewer: Caller) -> None:
    paths = viewer.get("/api/schema/", headers={"Accept": "application/json"}).json()["paths"]

    posts = [path["post"] for path in paths.values() if "post" in path]
    named = [post for post in posts if "Idempotency-Key" in {one["name"] for one in post.get("parameters", [])}]
    assert len(named) == len(posts) > 10
