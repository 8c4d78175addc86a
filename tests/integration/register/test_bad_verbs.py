"""The bodies of the operators' verbs, with everything that they are not: a 4xx that names it, and nothing changed."""

from typing import Any

import pytest

from scheduler.models import Execution, Task
from tests.integration.conftest import Caller
from tests.integration.register.test_bad_input import NOT_INSTANT, NOT_TEXT

pytestmark = pytest.mark.anywhere

_NOT_FLAG = [5, "true", None, [], {}]

REFUSED: list[tuple[str, str, list[Any]]] = [
    ("trigger", "taskData", [5, True, [], "", "x", "[]", "{", {"a": "x" * 65_536}, '{"a": "\\u0000"}']),
    ("trigger", "taskdata", [{}]),
    ("pause", "reason", [*NOT_TEXT, "", "x" * 1_001, "a\0b"]),
    ("pause", "until", [*NOT_INSTANT, "2020-01-01T00:00:00Z"]),
    ("pause", "untill", ["2031-01-01T00:00:00Z"]),
    ("pause", "catchUp", [True]),
    ("resume", "catchUp", _NOT_FLAG),
    ("resume", "catchup", [True]),
    ("skip", "slot", [*NOT_INSTANT, None, "2020-01-01T00:00:00Z", "2031-01-01T00:00:01Z", "2199-12-31T23:59:59Z"]),
    ("skip", "slots", [[]]),
    ("clone", "name", [*NOT_TEXT, None, "", "x" * 256, "a\0b"]),
    ("clone", "priority", ["5", 0, 11, None]),
    ("clone", "id", ["018f0000-0000-7000-8000-000000000000"]),
]

CASES = [
    pytest.param(verb, field, value, id=f"{verb}-{field}-{number}")
    for verb, field, values in REFUSED
    for number, value in enumerate(values)
]

NO_OBJECT = ["[]", "5", '"x"', "null", "true", "{", '{"a": 1, "a": 2}', "[" * 100, "\\"]
TASK_VERBS = ["trigger", "pause", "resume", "skip", "clone"]
EXECUTION_VERBS = ["cancel", "retry"]


@pytest.fixture
def execution(editor: Caller, cleanup: Task) -> Execution:
    """Waits for a worker."""
    editor.send("post", f"tasks/{cleanup.id}/trigger")
    return Execution.objects.get()


def _everything() -> list[Any]:
    return [*Task.objects.order_by("id").values(), *Execution.objects.order_by("id").values()]


@pytest.mark.parametrize(("verb", "field", "value"), CASES)
def test_it_refuses(editor: Caller, cleanup: Task, verb: str, field: str, value: Any) -> None:
    before = _everything()

    answer = editor.send("post", f"tasks/{cleanup.id}/{verb}", {field: value})

    assert answer.status_code in {400, 422}
    assert answer["Content-Type"] == "application/problem+json"
    assert field in {fault["field"] for fault in answer.json()["errors"]}
    assert _everything() == before


@pytest.mark.parametrize("body", NO_OBJECT)
@pytest.mark.parametrize("verb", TASK_VERBS)
def test_it_takes_objects_only(editor: Caller, cleanup: Task, verb: str, body: str) -> None:
    before = _everything()

    answer = editor.post(f"/api/v1/tasks/{cleanup.id}/{verb}", data=body, content_type="application/json")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert _everything() == before


@pytest.mark.parametrize("body", [*NO_OBJECT, '{"reason": "x"}', '{"force": true}'])
@pytest.mark.parametrize("verb", EXECUTION_VERBS)
def test_an_execution_takes_nothing(editor: Caller, execution: Execution, verb: str, body: str) -> None:
    before = _everything()

    answer = editor.post(f"/api/v1/executions/{execution.id}/{verb}", data=body, content_type="application/json")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert _everything() == before


@pytest.mark.parametrize("verb", ["skip", "clone"])
def test_it_says_what_is_missing(editor: Caller, cleanup: Task, verb: str) -> None:
    answer = editor.send("post", f"tasks/{cleanup.id}/{verb}")

    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "required")


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("trigger", {}),
        ("pause", {}),
        ("pause", {"reason": None, "until": None}),
        ("pause", {"reason": "x" * 1_000, "until": "2199-12-31T23:59:59Z"}),
        ("pause", {"reason": "Zeile eins\nZeile zwei"}),
    ],
)
def test_it_accepts_what_lies_just_inside(editor: Caller, cleanup: Task, verb: str, body: Any) -> None:
    assert editor.send("post", f"tasks/{cleanup.id}/{verb}", body).status_code in {200, 202}


@pytest.mark.parametrize("path", ["tasks/x/pause", "tasks/7/skip", "executions/x/cancel", "executions/x/log"])
def test_an_id_that_is_none_is_not_found(editor: Caller, path: str) -> None:
    assert editor.send("post", path).status_code == 404


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("trigger", {}),
        ("pause", {}),
        ("resume", {}),
        ("skip", {"slot": "2031-01-01T00:00:00Z"}),
        ("clone", {"name": "Copy"}),
    ],
)
def test_an_unknown_task_is_not_found(editor: Caller, verb: str, body: Any) -> None:
    answer = editor.send("post", f"tasks/018f0000-0000-7000-8000-000000000000/{verb}", body)

    assert answer.status_code == 404
