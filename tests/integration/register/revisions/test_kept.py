"""Which revisions a write leaves, and that nobody changes them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from register import services
from register.api.reading import read_changes
from register.calendars.services import change_calendar, create_calendar
from register.given import Given
from scheduler import connections, revisions
from scheduler.acting import as_command
from scheduler.models import Calendar, CalendarRevision, Revision, Task
from tests.integration.conftest import Caller


def _change(task: Task, now: datetime, **fields: Any) -> Task:
    return services.change_task(task.id, read_changes(fields), namespace=None, now=now)


def test_a_creation_leaves_the_first(editor: Caller, handlers: Any) -> None:
    editor.send("post", "tasks", {"name": "A", "taskClass": "platform.noop"}, x_reason="We need it.")

    revision = Revision.objects.get()
    assert (revision.version, revision.created_by, revision.reason) == (1, "edda", "We need it.")


def test_a_change_leaves_another(editor: Caller, cleanup: Task) -> None:
    editor.send("patch", f"tasks/{cleanup.id}", {"priority": 9}, x_reason="It is urgent.")

    revision = Revision.objects.get(version=2)
    assert (revision.created_by, revision.reason, revision.definition["priority"]) == ("edda", "It is urgent.", 9)


def test_each_keeps_the_definition_of_its_time(cleanup: Task, now: datetime) -> None:
    _change(cleanup, now, priority=9)

    kept = Revision.objects.order_by("version").values_list("version", "definition__priority")
    assert list(kept) == [(1, 3), (2, 9)]


def test_a_change_that_changes_nothing_leaves_none(cleanup: Task, now: datetime) -> None:
    _change(cleanup, now, priority=3)

    assert Revision.objects.count() == 1


def test_a_refused_change_leaves_none(editor: Caller, cleanup: Task) -> None:
    editor.send("patch", f"tasks/{cleanup.id}", {"priority": 11})

    assert Revision.objects.count() == 1


def test_what_validate_takes_back_leaves_none(editor: Caller, cleanup: Task) -> None:
    editor.send("post", "tasks/validate", {"id": str(cleanup.id), "priority": 9})

    assert Revision.objects.count() == 1


@pytest.mark.parametrize("verb", ["pause", "trigger"])
def test_what_is_no_change_of_the_definition_leaves_none(operator: Caller, cleanup: Task, verb: str) -> None:
    operator.send("post", f"tasks/{cleanup.id}/{verb}")

    assert Revision.objects.count() == 1


def test_an_execution_names_the_revision_that_it_ran(editor: Caller, cleanup: Task) -> None:
    editor.send("patch", f"tasks/{cleanup.id}", {"priority": 9})

    execution = editor.send("post", f"tasks/{cleanup.id}/trigger").json()

    assert Revision.objects.get(task=cleanup, version=execution["revision"]).definition["priority"] == 9


def test_a_definition_that_was_stored_before_there_were_revisions_is_kept_when_it_changes(
    new_task: Callable[..., Task], now: datetime
) -> None:
    task = Task.objects.create(name="Old", task_class="platform.noop", version=4, updated_at=now, created_by="edda")

    _change(task, now, priority=9)

    kept = Revision.objects.order_by("version").values_list("version", "definition__priority", "created_by")
    assert list(kept) == [(4, 5, None), (5, 9, "platform")]


def test_the_creator_of_an_old_definition_that_never_changed_is_known(now: datetime) -> None:
    task = Task.objects.create(name="Old", task_class="platform.noop", created_by="edda")

    _change(task, now, priority=9)

    assert Revision.objects.get(version=1).created_by == "edda"


def test_what_a_command_has_done_has_its_name(cleanup: Task, now: datetime) -> None:
    with as_command("register_tasks"):
        _change(cleanup, now, priority=9)

    assert Revision.objects.get(version=2).created_by == "register_tasks"


def test_many_are_kept_in_one_statement(new_task: Callable[..., Task], django_assert_num_queries: Any) -> None:
    tasks = [new_task(f"Task {number}") for number in range(3)]
    Task.objects.update(version=2)

    revisions.keep(connections.current(), [task.id for task in tasks])

    assert Revision.objects.filter(version=2).count() == 3


def test_a_kept_definition_is_the_task_again(new_task: Callable[..., Task], now: datetime) -> None:
    calendar = create_calendar(Given({"name": "Days", "rules": {}}), actor="edda", namespace=None, now=now)
    task = new_task(
        cronExpression="0 0 6 * * ?", timeZone="Europe/Berlin", calendar="Days", startAt="2026-01-01T00:00:00Z",
        labels={"team": "data"}, retryPolicy={"backoff": "FIXED"}, jitterSeconds=5, taskData={"a": "ü"},
    )  # fmt: skip

    again = revisions.as_task(Revision.objects.get().definition, rules={"weekdays": ["SAT"]})

    assert [getattr(again, name) for name in revisions.DEFINITION] == [
        getattr(Task.objects.get(id=task.id), name) for name in revisions.DEFINITION
    ]
    assert (again.calendar_name, again.calendar_rules) == (calendar.name, '{"weekdays": ["SAT"]}')


def test_columns_that_came_later_have_their_defaults(cleanup: Task) -> None:
    kept = {name: value for name, value in Revision.objects.get().definition.items() if name != "queue"}

    assert revisions.as_task(kept).queue == "default"


@pytest.mark.parametrize("statement", ["UPDATE {} SET version = 7", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["scheduler_revisions", "scheduler_calendar_revisions"])
def test_the_database_refuses_to_change_them(cleanup: Task, days: Calendar, table: str, statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table))


@pytest.fixture
def days(now: datetime) -> Calendar:
    """A calendar without rules."""
    return create_calendar(Given({"name": "Days", "rules": {}}), actor="edda", namespace=None, now=now)


def _rules(calendar: Calendar) -> list[Any]:
    rows = CalendarRevision.objects.filter(calendar=calendar).order_by("version")
    return list(rows.values_list("version", "rules"))


def test_the_rules_of_a_calendar_are_kept_from_the_first_on(days: Calendar, now: datetime) -> None:
    change_calendar(days.id, Given({"rules": {"weekdays": ["SAT"]}}), namespace=None, now=now)

    assert _rules(days) == [(1, {}), (2, {"weekdays": ["SAT"]})]


def test_another_description_of_a_calendar_leaves_none(days: Calendar, now: datetime) -> None:
    change_calendar(days.id, Given({"description": "Office"}), namespace=None, now=now)

    assert len(_rules(days)) == 1


def test_the_rules_of_an_old_calendar_are_kept_when_they_change(now: datetime) -> None:
    old = Calendar.objects.create(name="Old", rules={"weekdays": ["SUN"]}, version=3)

    change_calendar(old.id, Given({"rules": {}}), namespace=None, now=now)

    assert _rules(old) == [(3, {"weekdays": ["SUN"]}), (4, {})]
