"""Whatever goes wrong under /api is answered as application/problem+json, never as HTML and never as a 500."""

from typing import Any
from unittest.mock import Mock

import psycopg
import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import OperationalError
from django.test import Client

from scheduler import clock
from scheduler.models import Task
from tests.integration.conftest import SEED, Caller

pytestmark = [pytest.mark.anywhere, pytest.mark.usefixtures("handlers")]

JSON = "application/json"


def _post(caller: Client, data: bytes | str, content_type: str = JSON, **more: Any) -> Any:
    return caller.post("/api/v1/tasks", data=data, content_type=content_type, **more)


def test_a_problem_has_the_members_of_rfc_9457(editor: Caller) -> None:
    answer = _post(editor, '{"name": "x"}')

    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:platform-scheduler:problem:invalid-input",
        "title": "Bad Request",
        "status": 400,
        "detail": "One field is not as the API has it; see errors.",
        "errors": [{"field": "taskClass", "code": "required", "message": "This field is required."}],
    }


def test_it_counts_fields_however_much_is_wrong_with_each(editor: Caller) -> None:
    answer = _post(editor, '{"name": "", "priority": 11, "labels": {"": 1, "a": 2}}').json()

    fields = len({error["field"] for error in answer["errors"]})
    assert (fields > 2, answer["detail"]) == (True, f"{fields} fields are not as the API has it; see errors.")


MALFORMED = {
    "no JSON": b"{",
    "nothing": b" ",
    "two values": b"{} {}",
    "not UTF-8": b'{"name": "\xff"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "NaN": b'{"priority": NaN}',
    "infinite": b'{"priority": 1e999}',
    "an endless integer": b'{"priority": 1' + b"0" * 5000 + b"}",
    "a name twice": b'{"name": "a", "name": "b"}',
    "half a surrogate": b'{"name": "\\ud800"}',
    "half a surrogate as a name": b'{"\\udc00": 1}',
    "deep": b"[" * 100_000,
    "deep and well-formed": b"[" * 500 + b"]" * 500,
    "deep inside": b'{"taskData": ' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}",
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_body_is_400(editor: Caller, body: bytes) -> None:
    answer = _post(editor, body)

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert not Task.objects.exists()


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x", ""])
def test_another_content_type_is_415(editor: Caller, kind: str) -> None:
    answer = _post(editor, b'{"name": "x"}', kind)

    assert (answer.status_code, answer["Content-Type"]) == (415, "application/problem+json")


def test_a_content_type_with_a_charset_will_do(editor: Caller) -> None:
    assert editor.post("/api/v1/tasks", data=SEED, content_type="application/json; charset=utf-8").status_code == 201


def test_a_body_beyond_the_bound_is_413(editor: Caller) -> None:
    answer = _post(editor, b'{"name": "' + b"x" * 1024 * 1024 + b'"}')

    assert (answer.status_code, answer["Content-Type"]) == (413, "application/problem+json")


def test_a_body_of_unknown_length_is_not_taken_for_none(editor: Caller) -> None:
    answer = editor.generic("POST", "/api/v1/tasks", headers={"Transfer-Encoding": "chunked"})

    assert (answer.status_code, answer["Content-Type"]) == (411, "application/problem+json")


def test_an_answer_that_nobody_has_is_406(editor: Caller) -> None:
    answer = editor.get("/api/v1/tasks", headers={"Accept": "text/html"})

    assert (answer.status_code, answer["Content-Type"]) == (406, "application/problem+json")


@pytest.mark.parametrize("path", ["tasks/", "nothing", "tasks/7", "tasks/x/history", "executions/", "tasks/%ff", "%00"])
def test_a_path_that_leads_nowhere_is_404(editor: Caller, path: str) -> None:
    answer = editor.get(f"/api/v1/{path}")

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("tasks", "PUT", "GET, HEAD, OPTIONS, POST"),
        ("tasks", "TRACE", "GET, HEAD, OPTIONS, POST"),
        ("tasks", "BREW", "GET, HEAD, OPTIONS, POST"),
        ("tasks/018f0000-0000-7000-8000-000000000000", "POST", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("tasks/018f0000-0000-7000-8000-000000000000/trigger", "GET", "OPTIONS, POST"),
        ("handlers", "POST", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_method_that_nobody_has_is_405(editor: Caller, path: str, method: str, allowed: str) -> None:
    answer = editor.generic(method, f"/api/v1/{path}")

    assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")
    assert answer["Allow"] == allowed


def test_a_post_needs_no_csrf_token(editor: Caller) -> None:
    editor.handler.enforce_csrf_checks = True

    assert editor.send("post", "tasks", SEED).status_code == 201


def test_an_unknown_host_is_400(editor: Caller) -> None:
    answer = editor.get("/api/v1/tasks", headers={"Host": "evil.example"})

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("error", [OperationalError("down"), psycopg.OperationalError("down")])
def test_a_database_that_is_down_is_503(editor: Caller, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(clock, "now", Mock(side_effect=error))

    answer = editor.get("/api/v1/tasks")

    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert int(answer["Retry-After"]) > 0


def test_a_fault_of_ours_is_500_and_says_nothing(editor: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", Mock(side_effect=RuntimeError("a secret")))
    editor.raise_request_exception = False

    answer = editor.get("/api/v1/tasks")

    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert "secret" not in answer.content.decode()


def test_a_refusal_of_the_schema_is_a_problem_too(nobody: Client) -> None:
    answer = nobody.get("/api/schema/")

    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")


def test_the_docs_let_a_browser_ask_for_the_token(nobody: Client) -> None:
    answer = nobody.get("/api/docs/")

    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer["WWW-Authenticate"].startswith("Basic")


def test_the_console_answers_people(nobody: Client, settings: Any) -> None:
    answer = nobody.get("/admin/nothing", follow=True)

    assert answer["Content-Type"].startswith("text/html")


def test_a_dependency_that_fails_outside_a_view_is_503(nobody: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SessionMiddleware, "process_request", Mock(side_effect=OperationalError("down")))
    nobody.raise_request_exception = False

    assert nobody.get("/api/v1/tasks").status_code == 503
