"""POST /api/v1/templates/{id}/instantiate."""

from collections.abc import Callable
from typing import Any

import pytest

from scheduler.models import Instance, Task
from tests.integration.conftest import Caller
from tests.integration.register.templating.cast import CLEANUP, DEFINITION, PARAMETERS


def _instantiate(caller: Caller, template: Any, body: Any) -> Any:
    return caller.send("post", f"templates/{template['id']}/instantiate", body)


def test_it_registers_a_task_with_the_values_in_it(editor: Caller, template: Any) -> None:
    answer = _instantiate(editor, template, {"parameters": {"region": "eu", "days": 3}})

    (task,) = answer.json()["tasks"]
    assert answer.status_code == 201
    assert task == editor.send("get", f"tasks/{task['id']}").json()
    assert (task["name"], task["labels"], task["template"]) == ("Cleanup eu", {"region": "eu"}, "cleanup")
    assert task["taskData"] == '{"path": "/data/eu", "retentionDays": 3}'


def test_what_is_left_out_has_its_default(make: Callable[..., Any]) -> None:
    assert make()["taskData"] == '{"path": "/data/eu", "retentionDays": 7}'


def test_it_registers_many(editor: Caller, template: Any) -> None:
    body = {"instances": [{"parameters": {"region": region}} for region in ("eu", "us", "ap")]}

    names = [task["name"] for task in _instantiate(editor, template, body).json()["tasks"]]

    assert names == ["Cleanup eu", "Cleanup us", "Cleanup ap"]
    assert editor.send("get", f"templates/{template['id']}").json()["taskCount"] == 3


def test_a_task_that_nobody_made_of_a_template_has_none(viewer: Caller, cleanup: Task) -> None:
    assert viewer.send("get", f"tasks/{cleanup.id}").json()["template"] is None


def test_all_or_nothing_with_the_faults_of_all(editor: Caller, template: Any) -> None:
    body = {
        "instances": [
            {"parameters": {"region": "eu"}},
            {"parameters": {"region": "e", "dyas": 1}},
            {"parameters": {"region": "eu"}},
            {"parameters": {"days": "x"}},
        ]
    }

    refused = _instantiate(editor, template, body)

    assert refused.status_code == 422
    assert {error["field"] for error in refused.json()["errors"]} == {
        "instances[1].parameters.region", "instances[1].parameters.dyas", "instances[2].name",
        "instances[3].parameters.days", "instances[3].parameters",
    }  # fmt: skip
    assert not Task.objects.exists()


def test_what_the_filled_definition_breaks_is_told(editor: Caller, template: Any) -> None:
    refused = _instantiate(editor, template, {"parameters": {"region": "x" * 300}})

    assert refused.status_code in (400, 422)
    assert "name" in {error["field"] for error in refused.json()["errors"]}


@pytest.mark.parametrize(
    "body",
    [[], {"parameters": 7}, {"instances": []}, {"instances": [{}] * 101}, {"instances": [7]}, {"region": "eu"},
     {"instances": [{}], "parameters": {}}, {"instances": {}}],
)  # fmt: skip
def test_it_refuses_what_it_does_not_know(editor: Caller, template: Any, body: Any) -> None:
    assert _instantiate(editor, template, body).status_code == 400


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"instances": [{"parameters": {"region": "eu"}}], "namespace": "payments"}, ["namespace"]),
        ({"instances": {}}, ["instances"]),
        ({"instances": []}, ["instances"]),
        ({"instances": [{}, {"region": "eu"}]}, ["instances[1].region"]),
    ],
)
def test_it_says_what_is_wrong_with_many(editor: Caller, template: Any, body: Any, fields: list[str]) -> None:
    errors = _instantiate(editor, template, body).json()["errors"]

    assert [error["field"] for error in errors] == fields


def test_what_would_be_huge_is_refused_before_it_is(editor: Caller, handlers: Any) -> None:
    body = CLEANUP | {"definition": DEFINITION | {"description": "${region}" * 5_000}}
    template = editor.send("post", "templates", body).json()

    refused = _instantiate(editor, template, {"parameters": {"region": "x" * 60_000}})

    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (422, ["parameters"])


def test_a_shared_one_makes_tasks_where_it_is_asked_to(editor: Caller, template: Any) -> None:
    body = {"parameters": {"region": "eu"}, "namespace": "payments"}

    assert _instantiate(editor, template, body).json()["tasks"][0]["namespace"] == "payments"


def test_a_bound_editor_makes_tasks_at_home(payments_editor: Caller, template: Any) -> None:
    tasks = _instantiate(payments_editor, template, {"parameters": {"region": "eu"}}).json()["tasks"]

    assert tasks[0]["namespace"] == "payments"


def test_a_bound_editor_makes_none_elsewhere(payments_editor: Caller, template: Any) -> None:
    body = {"parameters": {"region": "eu"}, "namespace": "default"}

    assert _instantiate(payments_editor, template, body).status_code == 403


def test_one_of_a_namespace_makes_tasks_there_only(editor: Caller, handlers: Any) -> None:
    template = editor.send("post", "templates", CLEANUP | {"namespace": "payments"}).json()

    refused = _instantiate(editor, template, {"parameters": {"region": "eu"}, "namespace": "default"})

    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "namespace")


def test_a_clone_is_none_of_its_tasks(editor: Caller, template: Any, make: Callable[..., Any]) -> None:
    clone = editor.send("post", f"tasks/{make()['id']}/clone", {"name": "Copy"}).json()

    assert clone["template"] is None
    assert Instance.objects.count() == 1


def test_a_value_is_no_parameter_again(editor: Caller, handlers: Any) -> None:
    body = CLEANUP | {"definition": DEFINITION | {"description": "${region}"}, "parameters": PARAMETERS}
    template = editor.send("post", "templates", body).json()

    tasks = _instantiate(editor, template, {"parameters": {"region": "${days}"}}).json()["tasks"]

    assert tasks[0]["description"] == "${days}"


def test_a_repeated_key_makes_them_once(editor: Caller, template: Any) -> None:
    path, body = f"templates/{template['id']}/instantiate", {"parameters": {"region": "eu"}}
    first = editor.send("post", path, body, idempotency_key="once").json()

    assert editor.send("post", path, body, idempotency_key="once").json() == first
    assert Task.objects.count() == 1
