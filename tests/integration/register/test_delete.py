"""DELETE /api/v1/tasks/{id}."""

from collections.abc import Callable
from datetime import datetime, timedelta

from scheduler import connections, firing
from scheduler.models import Execution, Task
from tests.integration.conftest import Caller


def test_it_deletes(editor: Caller, cleanup: Task) -> None:
    answer = editor.send("delete", f"tasks/{cleanup.id}")

    assert (answer.status_code, answer.content) == (204, b"")


def test_a_second_time_there_is_nothing_to_delete(editor: Caller, cleanup: Task) -> None:
    editor.send("delete", f"tasks/{cleanup.id}")

    assert editor.send("delete", f"tasks/{cleanup.id}", if_match='"7"').status_code == 404


def test_a_deleted_task_is_shown_as_deleted(editor: Caller, cleanup: Task) -> None:
    editor.send("delete", f"tasks/{cleanup.id}")

    answer = editor.send("get", f"tasks/{cleanup.id}")

    assert (answer.status_code, answer.json()["status"]) == (200, "DELETED")
    assert answer.json()["nextExecutionTime"] is None


def test_a_deleted_task_is_never_claimed(editor: Caller, cleanup: Task) -> None:
    editor.send("delete", f"tasks/{cleanup.id}")

    assert Task.objects.get().claim_at is None


def test_it_cancels_what_waits(editor: Caller, new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(intervalSeconds=60, at=now - timedelta(seconds=90))
    firing.record_due(connections.current(), task.id, now=now)

    editor.send("delete", f"tasks/{task.id}")

    execution = Execution.objects.get()
    assert (execution.status, execution.reason) == ("CANCELLED", "deleted")


def test_it_records_the_slots_up_to_now_first(editor: Caller, new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(intervalSeconds=60, at=now - timedelta(seconds=90))

    editor.send("delete", f"tasks/{task.id}")

    assert Execution.objects.get().scheduled_for == now - timedelta(seconds=30)


def test_it_leaves_alone_what_runs(editor: Caller, new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(intervalSeconds=60, at=now - timedelta(seconds=90))
    firing.record_due(connections.current(), task.id, now=now)
    Execution.objects.update(status="RUNNING", start_time=now)

    editor.send("delete", f"tasks/{task.id}")

    assert Execution.objects.get().status == "RUNNING"


def test_it_refuses_another_version_than_if_match_names(editor: Caller, cleanup: Task) -> None:
    assert editor.send("delete", f"tasks/{cleanup.id}", if_match='"2"').status_code == 412
    assert Task.objects.get().status == "ACTIVE"


def test_a_bound_token_finds_no_task_of_another_namespace(payments_editor: Caller, cleanup: Task) -> None:
    assert payments_editor.send("delete", f"tasks/{cleanup.id}").status_code == 404
    assert Task.objects.get().status == "ACTIVE"


def test_an_operator_may_not_delete(operator: Caller, cleanup: Task) -> None:
    assert operator.send("delete", f"tasks/{cleanup.id}").status_code == 403
