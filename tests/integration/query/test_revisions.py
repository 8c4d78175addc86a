"""GET /api/v1/tasks/{id}/revisions, and one of them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from register import services
from register.api.reading import read_changes
from register.calendars.services import create_calendar
from register.given import Given
from scheduler.models import Task
from tests.integration.conftest import Caller


def _change(task: Task, now: datetime, **fields: Any) -> Task:
    return services.change_task(task.id, read_changes(fields), namespace=None, now=now)


@pytest.fixture
def changed(cleanup: Task, now: datetime) -> Task:
    """Has three versions."""
    _change(cleanup, now, priority=9)
    return _change(cleanup, now, priority=4, labels={"team": "data"}, cronExpression="0 0 6 * * ?")


def _list(caller: Caller, task: Task, query: str = "") -> Any:
    return caller.send("get", f"tasks/{task.id}/revisions{query}")


def _show(caller: Caller, task: Task, version: int, query: str = "") -> Any:
    return caller.send("get", f"tasks/{task.id}/revisions/{version}{query}")


def test_it_lists_them_the_latest_first_with_what_each_changed(viewer: Caller, changed: Task) -> None:
    content = _list(viewer, changed).json()["content"]

    assert [(one["version"], one["changes"]) for one in content] == [
        (
            3,
            [
                {"field": "cronExpression", "old": "0 0 0 * * ?", "new": "0 0 6 * * ?"},
                {"field": "priority", "old": 9, "new": 4},
                {"field": "labels.team", "old": None, "new": "data"},
            ],
        ),
        (2, [{"field": "priority", "old": 3, "new": 9}]),
        (1, []),
    ]


def test_it_says_when_who_and_why(editor: Caller, cleanup: Task) -> None:
    task = editor.send("patch", f"tasks/{cleanup.id}", {"priority": 9}, x_reason="Gr%C3%B6%C3%9Fer").json()

    latest = _list(editor, cleanup).json()["content"][0]

    assert latest | {"createdAt": task["updatedAt"], "createdBy": "edda", "reason": "Größer"} == latest
    assert latest["restoredFrom"] is None


def test_a_page_knows_what_came_before_it(viewer: Caller, changed: Task) -> None:
    first = _list(viewer, changed, "?size=1").json()

    second = _list(viewer, changed, f"?size=1&cursor={first['nextCursor']}").json()

    assert first["totalElements"] == 3
    assert [(one["version"], len(one["changes"])) for one in second["content"]] == [(2, 1)]


def test_a_deleted_task_keeps_them(viewer: Caller, changed: Task, now: datetime) -> None:
    services.delete_task(changed.id, namespace=None, now=now)

    assert _list(viewer, changed).json()["totalElements"] == 3


def test_others_have_their_own(viewer: Caller, changed: Task, payroll: Task) -> None:
    assert [one["version"] for one in _list(viewer, payroll).json()["content"]] == [1]


@pytest.mark.parametrize("path", ["revisions", "revisions/1"])
def test_another_namespace_does_not_see_them(payments_editor: Caller, changed: Task, path: str) -> None:
    assert payments_editor.send("get", f"tasks/{changed.id}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["revisions", "revisions/1"])
def test_there_is_no_such_task(viewer: Caller, path: str) -> None:
    assert viewer.send("get", f"tasks/{uuid4()}/{path}").status_code == 404


def test_it_costs_the_same_however_many_there_are(
    viewer: Caller, changed: Task, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(5):
        _list(viewer, changed)


def test_one_has_the_whole_definition_of_its_time(viewer: Caller, cleanup: Task, now: datetime) -> None:
    before = viewer.send("get", f"tasks/{cleanup.id}").json()
    _change(cleanup, now, priority=9, description=None)

    definition = _show(viewer, cleanup, 1).json()["definition"]

    assert definition == {name: before[name] for name in definition}
    assert set(before) - set(definition) == {
        "id", "status", "version", "retryCount", "createdAt", "createdBy", "updatedAt", "lastExecutedAt",
        "nextExecutionTime", "pauseReason", "pausedUntil", "template",
    }  # fmt: skip


def test_one_has_what_it_changed(viewer: Caller, changed: Task) -> None:
    assert _show(viewer, changed, 2).json()["changes"] == [{"field": "priority", "old": 3, "new": 9}]


def test_two_versions_can_be_compared(viewer: Caller, changed: Task) -> None:
    changes = _show(viewer, changed, 1, "?against=3").json()["changes"]

    assert {"field": "priority", "old": 4, "new": 3} in changes


def test_a_calendar_is_told_by_its_name(viewer: Caller, new_task: Callable[..., Task], now: datetime) -> None:
    create_calendar(Given({"name": "Days", "rules": {}}), actor="edda", namespace=None, now=now)
    task = new_task(cronExpression="0 0 6 * * ?")
    _change(task, now, calendar="Days")

    assert _show(viewer, task, 2).json()["changes"] == [{"field": "calendar", "old": None, "new": "Days"}]


@pytest.mark.parametrize("version", [0, 4, 10**30])
def test_there_is_no_other_version(viewer: Caller, changed: Task, version: int) -> None:
    assert _show(viewer, changed, version).status_code == 404


def test_there_is_nothing_to_compare_with(viewer: Caller, changed: Task) -> None:
    assert _show(viewer, changed, 2, "?against=9").status_code == 404


@pytest.mark.parametrize("query", ["?against=0", "?against=x", "?against=1&against=2", "?sort=version"])
def test_it_refuses_what_it_does_not_know(viewer: Caller, changed: Task, query: str) -> None:
    assert _show(viewer, changed, 2, query).status_code == 400
