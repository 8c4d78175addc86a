"""DELETE /api/v1/calendars/{id}."""

from collections.abc import Callable

import pytest

from scheduler.models import Calendar, Task
from tests.integration.conftest import Caller


def test_it_deletes_what_no_task_uses(editor: Caller, shared: Calendar) -> None:
    assert editor.send("delete", f"calendars/{shared.id}").status_code == 204
    assert editor.send("get", f"calendars/{shared.id}").status_code == 404


def test_a_second_deletion_finds_nothing(editor: Caller, shared: Calendar) -> None:
    editor.send("delete", f"calendars/{shared.id}")

    assert editor.send("delete", f"calendars/{shared.id}").status_code == 404


def test_it_says_which_tasks_use_it(editor: Caller, shared: Calendar, new_task: Callable[..., Task]) -> None:
    for number in range(7):
        new_task(f"Task {number}", calendar="Bavaria")

    answer = editor.send("delete", f"calendars/{shared.id}")

    assert answer.status_code == 409
    assert (
        "7 tasks use this calendar: 'Task 0', 'Task 1', 'Task 2', 'Task 3', 'Task 4' and 2 more."
        in (answer.json()["detail"])
    )
    assert Calendar.objects.get().deleted_at is None


def test_a_paused_task_uses_it(
    editor: Caller, operator: Caller, shared: Calendar, new_task: Callable[..., Task]
) -> None:
    operator.send("post", f"tasks/{new_task(intervalSeconds=60, calendar='Bavaria').id}/pause", {})

    assert editor.send("delete", f"calendars/{shared.id}").status_code == 409


class TestDeletedTasks:
    """They do not hold it, and go on to say what they were."""

    @pytest.fixture
    def gone(self, editor: Caller, shared: Calendar, new_task: Callable[..., Task]) -> Task:
        """A deleted task that used the calendar, which is deleted too."""
        task = new_task("Gone", intervalSeconds=60, calendar="Bavaria")
        editor.send("delete", f"tasks/{task.id}")
        editor.send("delete", f"calendars/{shared.id}")
        return task

    def test_the_calendar_is_deleted(self, gone: Task) -> None:
        assert Calendar.objects.get().deleted_at is not None

    def test_the_task_still_names_it(self, editor: Caller, gone: Task) -> None:
        assert editor.send("get", f"tasks/{gone.id}").json()["calendar"] == "Bavaria"

    def test_a_copy_does_not_run_without_it_unseen(self, editor: Caller, gone: Task) -> None:
        answer = editor.send("post", f"tasks/{gone.id}/clone", {"name": "Copy"})

        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "calendar")

    def test_a_copy_may_have_another(self, editor: Caller, gone: Task) -> None:
        answer = editor.send("post", f"tasks/{gone.id}/clone", {"name": "Copy", "calendar": None})

        assert (answer.status_code, answer.json()["calendar"]) == (201, None)


@pytest.mark.parametrize(("tag", "status"), [('"1"', 204), ("*", 204), ('"2"', 412)])
def test_it_deletes_the_version_that_if_match_names(editor: Caller, shared: Calendar, tag: str, status: int) -> None:
    assert editor.send("delete", f"calendars/{shared.id}", if_match=tag).status_code == status


@pytest.mark.parametrize(("calendar", "status"), [("shared", 403), ("paydays", 204)])
def test_a_bound_token_deletes_its_own_only(
    payments_editor: Caller, request: pytest.FixtureRequest, calendar: str, status: int
) -> None:
    wanted: Calendar = request.getfixturevalue(calendar)

    assert payments_editor.send("delete", f"calendars/{wanted.id}").status_code == status


def test_another_namespaces_is_not_found(payments_editor: Caller, paydays: Calendar) -> None:
    Calendar.objects.update(namespace="reports")

    assert payments_editor.send("delete", f"calendars/{paydays.id}").status_code == 404
