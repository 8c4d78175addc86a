"""What is a key, and where it may stand."""

import secrets
from typing import Any

import pytest

from scheduler.models import Execution, IdempotencyKey, Task
from tests.integration.conftest import Caller
from tests.integration.register.idempotency.repeating import KEY, trigger

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


def test_a_path_may_be_longer_than_an_index_takes(operator: Caller) -> None:
    """The names of circuits stand in paths, and what random text there is no database's fault."""
    path = f"circuits/{secrets.token_urlsafe(4_000)}/reset"
    first, second = (operator.send("post", path, {}, Idempotency_Key=KEY) for _ in range(2))

    assert (first.status_code, second.status_code) == (404, 404)
    assert second["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_refuse_the_header(editor: Caller, cleanup: Task, method: str) -> None:
    answer = editor.send(method, f"tasks/{cleanup.id}", {"priority": 1}, Idempotency_Key=KEY)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")
    assert (Task.objects.get().version, Task.objects.get().status) == (1, "ACTIVE")


def test_a_method_that_nobody_has_is_that_first(editor: Caller) -> None:
    assert editor.send("put", "tasks", {}, Idempotency_Key=KEY).status_code == 405


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
