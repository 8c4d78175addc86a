"""POST /api/v1/tasks/{id}/revisions/{n}/restore."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from register import services
from register.api.reading import read_changes
from register.calendars.services import create_calendar, delete_calendar
from register.given import Given
from scheduler.models import AuditRecord, Handler, Revision, Task
from scheduler.representations import instant
from tests.integration.conftest import Caller


def _change(task: Task, now: datetime, **fields: Any) -> Task:
    return services.change_task(task.id, read_changes(fields), namespace=None, now=now)


def _restore(caller: Caller, task: Task, version: int = 1, body: Any = None, **headers: str) -> Any:
    return caller.send("post", f"tasks/{task.id}/revisions/{version}/restore", body, **headers)


def test_it_brings_the_definition_back_as_a_new_version(editor: Caller, cleanup: Task, now: datetime) -> None:
    before = editor.send("get", f"tasks/{cleanup.id}").json()
    _change(cleanup, now, intervalSeconds=60, priority=9, labels={"a": "b"}, taskData={"retentionDays": 1})

    answer = _restore(editor, cleanup)

    assert (answer.status_code, answer["ETag"]) == (200, '"3"')
    assert answer.json() == before | {"version": 3, "updatedAt": answer.json()["updatedAt"]}


def test_it_says_which_version_came_back_and_why(editor: Caller, cleanup: Task, now: datetime) -> None:
    _change(cleanup, now, priority=9)

    _restore(editor, cleanup, x_reason="That was a mistake.")

    revision = Revision.objects.get(version=3)
    assert (revision.restored_from, revision.reason, revision.created_by) == (1, "That was a mistake.", "edda")


def test_it_leaves_a_record(editor: Caller, cleanup: Task, now: datetime) -> None:
    _change(cleanup, now, priority=9)

    _restore(editor, cleanup)

    record = AuditRecord.objects.get(verb="restore")
    assert (record.actor, record.object_id, record.version) == ("edda", str(cleanup.id), 3)


def test_the_definition_that_it_has_already_changes_nothing(editor: Caller, cleanup: Task) -> None:
    assert _restore(editor, cleanup).json()["version"] == 1
    assert Revision.objects.count() == 1


def test_its_next_slot_is_one_to_come(editor: Caller, new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(intervalSeconds=60, at=now - timedelta(seconds=90))
    _change(task, now, intervalSeconds=3600)

    restored = _restore(editor, task).json()

    assert restored["nextExecutionTime"] == instant(now + timedelta(seconds=30))


@pytest.mark.parametrize("version", [0, 2, 7, 10**30])
def test_there_is_no_other_version(editor: Caller, cleanup: Task, version: int) -> None:
    assert _restore(editor, cleanup, version).status_code == 404


def test_there_is_no_such_task(editor: Caller, handlers: Any) -> None:
    assert editor.send("post", f"tasks/{uuid4()}/revisions/1/restore").status_code == 404


def test_another_namespace_does_not_see_it(payments_editor: Caller, cleanup: Task) -> None:
    assert _restore(payments_editor, cleanup).status_code == 404


def test_it_needs_an_editor(operator: Caller, cleanup: Task) -> None:
    assert _restore(operator, cleanup).status_code == 403


def test_a_deleted_task_stays_deleted(editor: Caller, cleanup: Task, now: datetime) -> None:
    services.delete_task(cleanup.id, namespace=None, now=now)

    assert _restore(editor, cleanup).status_code == 409


def test_it_obeys_if_match(editor: Caller, cleanup: Task, now: datetime) -> None:
    _change(cleanup, now, priority=9)

    assert _restore(editor, cleanup, if_match='"1"').status_code == 412
    assert Task.objects.get().priority == 9


def test_it_needs_if_match_where_changes_do(editor: Caller, cleanup: Task, settings: Any) -> None:
    settings.REQUIRE_IF_MATCH = True

    assert _restore(editor, cleanup).status_code == 428


def test_a_name_that_another_task_has_taken_is_a_conflict(
    editor: Caller, new_task: Callable[..., Task], now: datetime
) -> None:
    task = new_task("First")
    _change(task, now, name="Second")
    new_task("First")

    assert _restore(editor, task).status_code == 409


def test_a_time_that_has_passed_is_impossible(editor: Caller, new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(runAt=instant(now - timedelta(seconds=30)), at=now - timedelta(hours=1))
    _change(task, now, runAt=instant(now + timedelta(hours=1)))

    refused = _restore(editor, task)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "runAt"


def test_a_calendar_that_is_gone_is_impossible(editor: Caller, new_task: Callable[..., Task], now: datetime) -> None:
    calendar = create_calendar(Given({"name": "Days", "rules": {}}), actor="edda", namespace=None, now=now)
    task = new_task(cronExpression="0 0 6 * * ?", calendar="Days")
    _change(task, now, calendar=None)
    delete_calendar(calendar.id, namespace=None, now=now)

    refused = _restore(editor, task)

    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == ["calendar"]
    assert Task.objects.get().version == 2


@pytest.fixture
def unannounced(new_task: Callable[..., Task], now: datetime) -> Task:
    """Has had a class that no worker announces any more."""
    task = new_task(taskClass="reports.monthly")
    _change(task, now, taskClass="platform.noop")
    Handler.objects.filter(task_class="reports.monthly").delete()
    return task


def test_a_class_that_nobody_announces_is_impossible(editor: Caller, unannounced: Task) -> None:
    refused = _restore(editor, unannounced)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "unknown_task_class"


def test_a_class_that_nobody_announces_may_be_wanted(editor: Caller, unannounced: Task) -> None:
    restored = _restore(editor, unannounced, body={"allowUnknownTaskClass": True})

    assert (restored.status_code, restored.json()["taskClass"]) == (200, "reports.monthly")


@pytest.mark.parametrize("body", [{"priority": 1}, {"allowUnknownTaskClass": "yes"}, [], 7])
def test_it_takes_nothing_else(editor: Caller, cleanup: Task, now: datetime, body: Any) -> None:
    _change(cleanup, now, priority=9)

    assert _restore(editor, cleanup, body=body).status_code == 400
    assert Task.objects.get().version == 2


def test_a_rule_that_came_later_makes_it_impossible(editor: Caller, cleanup: Task, now: datetime) -> None:
    # As a release left it whose bounds were wider: no row of this one could have been stored so.
    Revision.objects.bulk_create(
        [
            Revision(
                task=cleanup,
                version=7,
                definition=Revision.objects.get().definition | {"priority": 11, "queue": "platform"},
                created_at=now,
            )
        ]
    )

    refused = _restore(editor, cleanup, 7)

    assert refused.status_code == 422
    assert {error["field"] for error in refused.json()["errors"]} == {"priority", "queue"}
