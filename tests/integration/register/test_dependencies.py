"""What a task depends on: given by name or id, answered, changed, refused."""

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from scheduler.models import Dependency, Handler, Task
from tests.integration.conftest import Caller

pytestmark = pytest.mark.usefixtures("handlers")


@pytest.fixture
def extract(new_task: Callable[..., Task]) -> Task:
    """The root of the workflow."""
    return new_task("extract", cronExpression="0 0 * * * ?")


@pytest.fixture
def report(extract: Task, new_task: Callable[..., Task]) -> Task:
    """Depends on extract."""
    return new_task("report", dependencies=[{"name": "extract"}])


def _post(caller: Caller, **fields: Any) -> Any:
    return caller.send("post", "tasks", {"name": "load", "taskClass": "platform.noop"} | fields)


def _faults(answer: Any) -> list[tuple[str, str]]:
    return [(fault["field"], fault["code"]) for fault in answer.json()["errors"]]


def test_it_takes_a_dependency_by_name(editor: Caller, extract: Task) -> None:
    answer = _post(editor, dependencies=[{"name": "extract"}])

    assert answer.status_code == 201
    expected = [{"taskId": str(extract.id), "name": "extract", "condition": "SUCCESS"}]
    assert (answer.json()["dependencies"], answer.json()["dependencyMode"]) == (expected, "ALL")


def test_it_takes_a_dependency_by_id(editor: Caller, extract: Task) -> None:
    answer = _post(editor, dependencies=[{"taskId": str(extract.id), "condition": "DONE"}], dependencyMode="ANY")

    assert answer.json()["dependencies"] == [{"taskId": str(extract.id), "name": "extract", "condition": "DONE"}]
    assert answer.json()["dependencyMode"] == "ANY"


def test_it_shows_them_again(editor: Caller, report: Task, extract: Task) -> None:
    expected = [{"taskId": str(extract.id), "name": "extract", "condition": "SUCCESS"}]
    assert editor.send("get", f"tasks/{report.id}").json()["dependencies"] == expected


def test_it_takes_what_it_shows(editor: Caller, report: Task) -> None:
    shown = editor.send("get", f"tasks/{report.id}").json()["dependencies"]

    answer = editor.send("patch", f"tasks/{report.id}", {"dependencies": shown})

    assert (answer.status_code, answer.json()["version"]) == (200, 1)


def test_a_change_makes_a_new_version(editor: Caller, report: Task) -> None:
    answer = editor.send("patch", f"tasks/{report.id}", {"dependencies": [{"name": "extract", "condition": "DONE"}]})

    assert (answer.json()["version"], answer.json()["dependencies"][0]["condition"]) == (2, "DONE")


def test_an_empty_list_takes_them_away(editor: Caller, report: Task, extract: Task) -> None:
    answer = editor.send("patch", f"tasks/{report.id}", {"dependencies": []})

    extract.refresh_from_db()
    assert (answer.json()["dependencies"], extract.has_dependents) == ([], False)


def test_it_marks_both_sides(report: Task, extract: Task) -> None:
    extract.refresh_from_db()
    report.refresh_from_db()
    assert (extract.has_dependents, report.has_dependencies) == (True, True)


def test_another_change_leaves_them(editor: Caller, report: Task) -> None:
    assert len(editor.send("patch", f"tasks/{report.id}", {"priority": 9}).json()["dependencies"]) == 1


def test_a_clone_has_them_too(editor: Caller, report: Task) -> None:
    answer = editor.send("post", f"tasks/{report.id}/clone", {"name": "another report"})
    assert [one["name"] for one in answer.json()["dependencies"]] == ["extract"]


def test_a_clone_takes_others(editor: Caller, report: Task) -> None:
    answer = editor.send("post", f"tasks/{report.id}/clone", {"name": "another", "dependencies": [{"name": "report"}]})
    assert [one["name"] for one in answer.json()["dependencies"]] == ["report"]


@pytest.mark.parametrize(
    ("dependencies", "fault"),
    [
        ([{"name": "extrac"}], ("dependencies[0].name", "unknown_task")),
        ([{"name": "extract"}, {"taskId": str(uuid4())}], ("dependencies[1].taskId", "unknown_task")),
        ([{"name": "extract"}, {"name": "extract", "condition": "DONE"}], ("dependencies[1]", "impossible")),
        ([{"name": "extract", "condition": "success"}], ("dependencies[0].condition", "invalid_choice")),
        ([{"name": "extract", "condition": None}], ("dependencies[0].condition", "null")),
        ([{"name": 5}], ("dependencies[0].name", "invalid")),
        ([{"name": "a\0b"}], ("dependencies[0].name", "control_characters")),
        ([{"name": "é" * 256}], ("dependencies[0].name", "max_length")),
        ([{"taskId": 5}], ("dependencies[0].taskId", "invalid")),
        ([{"taskId": "5"}], ("dependencies[0].taskId", "invalid")),
        ([{"name": "extract", "after": 1}], ("dependencies[0].after", "unknown")),
        ([{}], ("dependencies[0]", "required")),
        ([{"name": None}], ("dependencies[0]", "required")),
        ([None], ("dependencies[0]", "null")),
        (["extract"], ("dependencies[0]", "invalid")),
        ("extract", ("dependencies", "not_a_list")),
        ({"name": "extract"}, ("dependencies", "not_a_list")),
        (None, ("dependencies", "null")),
        ([{"name": "extract"}] * 101, ("dependencies", "max_length")),
    ],
)
def test_it_refuses(editor: Caller, extract: Task, dependencies: Any, fault: tuple[str, str]) -> None:
    answer = _post(editor, dependencies=dependencies)

    assert answer.status_code in (400, 422)
    assert fault in _faults(answer)
    assert not Task.objects.filter(name="load").exists()


@pytest.mark.parametrize("mode", ["SOME", "all", 5, None, ["ALL"]])
def test_it_refuses_a_mode(editor: Caller, extract: Task, mode: Any) -> None:
    answer = _post(editor, dependencies=[{"name": "extract"}], dependencyMode=mode)
    assert (answer.status_code, _faults(answer)[0][0]) == (400, "dependencyMode")


def test_it_tells_all_faults_at_once(editor: Caller, extract: Task) -> None:
    answer = _post(editor, priority=99, dependencies=[{"name": "nothing"}, {"taskId": 5}])
    assert {field for field, _ in _faults(answer)} == {"priority", "dependencies[1].taskId"}


def test_it_refuses_an_id_with_the_name_of_another_task(editor: Caller, report: Task, extract: Task) -> None:
    answer = _post(editor, dependencies=[{"taskId": str(extract.id), "name": "report"}])
    assert _faults(answer) == [("dependencies[0].name", "impossible")]


def test_it_suggests_a_name(editor: Caller, extract: Task) -> None:
    answer = _post(editor, dependencies=[{"name": "extrct"}])
    assert "Did you mean 'extract'?" in answer.json()["errors"][0]["message"]


def test_it_refuses_a_deleted_task(editor: Caller, extract: Task) -> None:
    editor.send("delete", f"tasks/{extract.id}")
    assert _post(editor, dependencies=[{"taskId": str(extract.id)}]).status_code == 422


def test_it_refuses_a_cycle_and_names_its_path(editor: Caller, report: Task, extract: Task) -> None:
    answer = editor.send("patch", f"tasks/{extract.id}", {"dependencies": [{"name": "report"}]})

    assert answer.status_code == 422
    fault = answer.json()["errors"][0]
    assert (fault["field"], fault["code"]) == ("dependencies", "cycle")
    assert "extract → report → extract" in fault["message"]
    assert Dependency.objects.count() == 1


def test_it_refuses_to_wait_for_itself(editor: Caller, extract: Task) -> None:
    answer = editor.send("patch", f"tasks/{extract.id}", {"dependencies": [{"name": "extract"}]})
    assert "extract → extract" in answer.json()["errors"][0]["message"]


def test_a_name_is_of_the_tasks_own_namespace(editor: Caller, payroll: Task) -> None:
    assert _post(editor, dependencies=[{"name": "Payroll"}]).status_code == 422


def test_a_task_of_another_namespace_goes_by_id_and_without_its_name(editor: Caller, payroll: Task) -> None:
    answer = _post(editor, dependencies=[{"taskId": str(payroll.id)}])
    assert answer.json()["dependencies"] == [{"taskId": str(payroll.id), "name": None, "condition": "SUCCESS"}]


def test_a_bound_caller_finds_no_task_of_another_namespace(payments_editor: Caller, extract: Task) -> None:
    answer = _post(payments_editor, dependencies=[{"taskId": str(extract.id)}])
    assert (answer.status_code, _faults(answer)) == (422, [("dependencies[0].taskId", "unknown_task")])


def test_a_bound_caller_keeps_what_was_there(payments_editor: Caller, extract: Task, new_task: Any) -> None:
    task = new_task("close", namespace="payments", dependencies=[{"taskId": str(extract.id)}])
    shown = payments_editor.send("get", f"tasks/{task.id}").json()["dependencies"]

    answer = payments_editor.send("patch", f"tasks/{task.id}", {"dependencies": shown, "priority": 9})

    assert answer.status_code == 200


def test_a_task_that_others_wait_for_is_not_deleted(editor: Caller, report: Task, extract: Task) -> None:
    answer = editor.send("delete", f"tasks/{extract.id}")

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:platform-scheduler:problem:task-in-use")
    assert "'report'" in answer.json()["detail"]


def test_it_is_deleted_after_them(editor: Caller, report: Task, extract: Task) -> None:
    editor.send("delete", f"tasks/{report.id}")
    assert editor.send("delete", f"tasks/{extract.id}").status_code == 204


def test_validate_changes_nothing(editor: Caller, report: Task, handlers: dict[str, Handler]) -> None:
    answer = editor.send("post", "tasks/validate", {"id": str(report.id), "dependencies": []})

    assert [field["field"] for field in answer.json()["change"]["fields"]] == ["dependencies"]
    assert Dependency.objects.count() == 1


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({}, "After the tasks that it depends on, once for each slot of the slowest"),
        ({"intervalSeconds": 60}, ", once the tasks that it depends on have ended"),
    ],
)
def test_validate_says_in_words_that_it_waits(
    editor: Caller, extract: Task, schedule: dict[str, Any], words: str
) -> None:
    body = {"name": "load", "taskClass": "platform.noop", "dependencies": [{"name": "extract"}]} | schedule
    answer = editor.send("post", "tasks/validate", body)

    assert answer.json()["description"].endswith(words)
    assert [one["name"] for one in answer.json()["task"]["dependencies"]] == ["extract"]


def test_the_console_shows_what_a_task_waits_for(admin_client: Any, report: Task) -> None:
    page = admin_client.get(f"/admin/scheduler/task/{report.id}/change/").content.decode()
    assert re.search(r'<textarea name="dependencies"[^>]*>\s*extract</textarea>', page)
