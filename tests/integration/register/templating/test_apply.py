"""A change of a template: what it would do to its tasks, and POST /api/v1/templates/{id}/apply."""

from collections.abc import Callable
from typing import Any

import pytest

from register.templating import instances, services
from scheduler import clock
from scheduler.models import Dependency, Instance, Revision, Task
from tests.integration.conftest import Caller
from tests.integration.register.templating.cast import CLEANUP, DEFINITION, PARAMETERS

Make = Callable[..., Any]


@pytest.fixture
def change(editor: Caller, template: Any) -> Callable[..., Any]:
    """Changes the definition of the template."""

    def fields(query: str = "", **definition: Any) -> Any:
        body = {"definition": DEFINITION | definition}
        return editor.send("patch", f"templates/{template['id']}{query}", body).json()

    return fields


@pytest.fixture
def apply(editor: Caller, template: Any) -> Callable[..., Any]:
    """Applies its latest version."""
    return lambda **body: editor.send("post", f"templates/{template['id']}/apply", body).json()


def test_a_dry_run_tells_what_would_change_and_changes_nothing(
    editor: Caller, make: Make, change: Callable[..., Any]
) -> None:
    task = make(days=3)

    plan = change("?dryRun=true", priority=9, taskData={"retentionDays": "${days}"})

    assert (plan["version"], plan["makesVersion"], plan["taskCount"]) == (1, True, 1)
    assert plan["tasks"][0]["name"] == "Cleanup eu"
    assert plan["tasks"][0]["changes"] == [
        {
            "field": "taskData",
            "old": '{"path": "/data/eu", "retentionDays": 3}',
            "new": '{"retentionDays": 3}',
        },
        {"field": "priority", "old": 5, "new": 9},
    ]
    assert editor.send("get", f"tasks/{task['id']}").json() == task
    assert Revision.objects.count() == 1


def test_a_dry_run_tells_what_cannot_be(make: Make, change: Callable[..., Any]) -> None:
    make()

    plan = change("?dryRun=true", cronExpression="0 0 0 30 2 ?")

    assert [error["field"] for error in plan["tasks"][0]["errors"]] == ["cronExpression"]


def test_a_change_leaves_the_tasks_as_they_are(
    editor: Caller, template: Any, make: Make, change: Callable[..., Any]
) -> None:
    task = make()

    changed = change(priority=9)

    assert (changed["version"], changed["taskCount"], changed["pendingTaskCount"]) == (2, 1, 1)
    assert editor.send("get", f"tasks/{task['id']}").json()["version"] == 1


def test_applied_it_changes_them(
    editor: Caller, make: Make, change: Callable[..., Any], apply: Callable[..., Any]
) -> None:
    tasks = [make("eu"), make("us")]
    change(priority=9)

    applied = apply()

    assert (applied["version"], applied["nextAfter"], applied["pendingTaskCount"]) == (2, None, 0)
    assert {one["id"] for one in applied["tasks"]} == {task["id"] for task in tasks}
    assert applied["tasks"][0]["changes"] == [{"field": "priority", "old": 5, "new": 9}]
    assert [editor.send("get", f"tasks/{task['id']}").json()["priority"] for task in tasks] == [9, 9]


def test_applied_again_it_finds_nothing(make: Make, change: Callable[..., Any], apply: Callable[..., Any]) -> None:
    make()
    change(priority=9)
    apply()

    assert apply()["tasks"] == []
    assert Revision.objects.count() == 2


def test_it_keeps_the_values_of_each(make: Make, change: Callable[..., Any], apply: Callable[..., Any]) -> None:
    make("eu", days=3)
    change(description="${region} ${days}")
    apply()

    assert Task.objects.get().description == "eu 3"


def test_a_new_default_reaches_those_that_left_it_out(
    editor: Caller, template: Any, make: Make, apply: Callable[..., Any]
) -> None:
    make()
    properties = PARAMETERS["properties"] | {"days": {"type": "integer", "default": 30}}
    editor.send("patch", f"templates/{template['id']}", {"parameters": PARAMETERS | {"properties": properties}})
    apply()

    assert '"retentionDays": 30' in str(Task.objects.get().task_data)


def test_what_the_template_does_not_name_stays_with_the_task(
    editor: Caller, make: Make, change: Callable[..., Any], apply: Callable[..., Any]
) -> None:
    task = make()
    editor.send("patch", f"tasks/{task['id']}", {"owner": "team-a", "cronExpression": "0 0 5 * * ?"})
    change(priority=9)
    apply()

    found = Task.objects.get()
    assert (found.owner, found.priority, found.cron_expression) == ("team-a", 9, "0 0 3 * * ?")


def test_a_task_that_cannot_have_it_stops_no_other(
    editor: Caller, make: Make, new_task: Callable[..., Task], change: Callable[..., Any], apply: Callable[..., Any]
) -> None:
    make("eu")
    make("us")
    new_task("Tidy us")
    change(name="Tidy ${region}")

    applied = apply()

    failed = [one for one in applied["tasks"] if one["errors"]]
    assert [(one["name"], one["changes"]) for one in failed] == [("Cleanup us", [])]
    assert applied["pendingTaskCount"] == 1
    assert Task.objects.filter(name="Tidy eu").exists()


def test_a_parameter_that_is_required_later_is_told(
    editor: Caller, template: Any, make: Make, apply: Callable[..., Any]
) -> None:
    make()
    properties = PARAMETERS["properties"] | {"owner": {"type": "string"}}
    parameters = PARAMETERS | {"properties": properties, "required": ["region", "owner"]}
    body = {"parameters": parameters, "definition": DEFINITION | {"owner": "${owner}"}}
    editor.send("patch", f"templates/{template['id']}", body)

    assert [error["field"] for error in apply()["tasks"][0]["errors"]] == ["parameters"]


def test_a_parameter_that_there_is_no_more_is_no_hindrance(
    editor: Caller, template: Any, make: Make, apply: Callable[..., Any]
) -> None:
    make("eu", days=3)
    body = {
        "parameters": PARAMETERS | {"properties": {"region": PARAMETERS["properties"]["region"]}},
        "definition": {"name": "Cleanup ${region}", "taskClass": "platform.noop", "priority": 9},
    }
    assert editor.send("patch", f"templates/{template['id']}", body).status_code == 200

    assert (apply()["tasks"][0]["errors"], Task.objects.get().priority) == ([], 9)


def test_it_goes_on_after_the_task_that_it_names(
    make: Make, change: Callable[..., Any], apply: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "MOST_AT_ONCE", 1)
    ids = sorted([make("eu")["id"], make("us")["id"]])
    change(priority=9)

    first = apply()
    second = apply(after=first["nextAfter"])

    assert [first["nextAfter"], *(one["id"] for one in first["tasks"] + second["tasks"])] == [ids[0], *ids]


def test_a_deleted_task_is_left_alone(
    editor: Caller, make: Make, change: Callable[..., Any], apply: Callable[..., Any]
) -> None:
    editor.send("delete", f"tasks/{make()['id']}")
    change(priority=9)

    assert apply()["tasks"] == []


def test_a_version_that_has_been_overtaken_is_not_applied(
    template: Any, make: Make, change: Callable[..., Any]
) -> None:
    make()
    change(priority=9)
    stale = services.writable(template["id"], namespace=None, versions=None)
    change(priority=8)

    effect = instances._given(stale, Instance.objects.get(), namespace=None, now=clock.now())

    assert [fault.code for fault in effect.faults] == ["overtaken"]
    assert Task.objects.get().priority == 5


def test_a_bound_editor_does_not_apply_what_all_share(payments_editor: Caller, template: Any) -> None:
    assert payments_editor.send("post", f"templates/{template['id']}/apply", {}).status_code == 403


@pytest.fixture
def bound(payments_editor: Caller, handlers: Any) -> Any:
    """A template of the namespace payments, of which there is a task."""
    template = payments_editor.send("post", "templates", CLEANUP).json()
    body = {"parameters": {"region": "eu"}}
    assert payments_editor.send("post", f"templates/{template['id']}/instantiate", body).status_code == 201
    return template


@pytest.mark.parametrize("is_dry_run", [False, True])
def test_a_bound_editor_joins_no_task_of_another_namespace(
    payments_editor: Caller, bound: Any, cleanup: Task, is_dry_run: bool
) -> None:
    path, waits = f"templates/{bound['id']}", {"dependencies": [{"taskId": str(cleanup.id)}]}
    query = "?dryRun=true" if is_dry_run else ""
    told = payments_editor.send("patch", path + query, {"definition": DEFINITION | waits}).json()

    if not is_dry_run:
        told = payments_editor.send("post", f"{path}/apply", {}).json()

    (effect,) = told["tasks"]
    assert [error["field"] for error in effect["errors"]] == ["dependencies[0].taskId"]
    assert not Dependency.objects.exists()


@pytest.mark.parametrize("body", [{"after": "x"}, {"tasks": []}, []])
def test_it_takes_nothing_else(editor: Caller, template: Any, body: Any) -> None:
    assert editor.send("post", f"templates/{template['id']}/apply", body).status_code == 400
