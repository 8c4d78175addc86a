"""Every write leaves one record, in the transaction of the write."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from scheduler.models import AuditRecord, Calendar, Execution, Task
from scheduler.representations import instant
from tests.integration.conftest import Caller

DAYS = {"name": "Days", "rules": {"weekdays": ["SAT"]}}


@pytest.fixture
def only() -> Callable[[str, str], Any]:
    """Finds the one record of this verb on this kind."""
    return lambda verb, kind: AuditRecord.objects.get(verb=verb, kind=kind, via="API")


Only = Callable[[str, str], Any]


def _about(record: Any) -> tuple[str, str, str | None, str | None]:
    return record.actor, record.object_id, record.object_name, record.namespace


@pytest.fixture
def hourly(new_task: Callable[..., Task]) -> Task:
    """Fires at every hour."""
    return new_task("Hourly", cronExpression="0 0 * * * ?")


def test_it_says_who_with_which_token_from_where_when_and_why(editor: Caller, cleanup: Task, only: Only) -> None:
    answer = editor.send("patch", f"tasks/{cleanup.id}", {"priority": 9}, x_reason="It is urgent.")

    record = only("change", "task")
    assert (record.actor, record.via, record.address, record.reason) == ("edda", "API", "127.0.0.1", "It is urgent.")
    assert (record.token_id is not None, instant(record.recorded_at)) == (True, answer.json()["updatedAt"])


def test_a_creation(editor: Caller, handlers: Any, only: Only) -> None:
    task = editor.send("post", "tasks", {"name": "A", "taskClass": "platform.noop"}).json()

    record = only("create", "task")
    assert (*_about(record), record.version) == ("edda", task["id"], "A", "default", 1)


def test_a_clone(editor: Caller, cleanup: Task, only: Only) -> None:
    clone = editor.send("post", f"tasks/{cleanup.id}/clone", {"name": "Copy"}).json()

    assert only("create", "task").object_id == clone["id"]


def test_a_change(editor: Caller, cleanup: Task, only: Only) -> None:
    editor.send("put", f"tasks/{cleanup.id}", {"priority": 9})

    assert only("change", "task").version == 2


def test_a_deletion(editor: Caller, cleanup: Task, only: Only) -> None:
    editor.send("delete", f"tasks/{cleanup.id}")

    record = only("delete", "task")
    assert (record.before, record.after) == ({"status": "ACTIVE"}, {"status": "DELETED"})


def test_a_pause(operator: Caller, cleanup: Task, now: datetime, only: Only) -> None:
    until = instant(now + timedelta(hours=1))
    operator.send("post", f"tasks/{cleanup.id}/pause", {"reason": "Too much.", "until": until})

    record = only("pause", "task")
    assert record.before == {"status": "ACTIVE", "pauseReason": None, "pausedUntil": None}
    assert record.after == {"status": "PAUSED", "pauseReason": "Too much.", "pausedUntil": until}


def test_a_resumption(operator: Caller, cleanup: Task, only: Only) -> None:
    operator.send("post", f"tasks/{cleanup.id}/pause", {"reason": "Too much."})
    operator.send("post", f"tasks/{cleanup.id}/resume", {"catchUp": True})

    record = only("resume", "task")
    assert record.before == {"status": "PAUSED", "pauseReason": "Too much.", "pausedUntil": None}
    assert record.after == {"status": "ACTIVE", "pauseReason": None, "pausedUntil": None, "catchUp": True}


def test_a_slot_that_is_left_out(operator: Caller, hourly: Task, only: Only) -> None:
    slot = instant(hourly.next_slot_for)
    operator.send("post", f"tasks/{hourly.id}/skip", {"slot": slot})
    operator.send("post", f"tasks/{hourly.id}/skip", {"slot": slot})

    assert only("skip", "task").after == {"slot": slot}


def test_a_run_by_hand_without_its_data(operator: Caller, cleanup: Task, only: Only) -> None:
    run = operator.send("post", f"tasks/{cleanup.id}/trigger", {"taskData": {"retentionDays": 1}}).json()

    assert only("trigger", "task").after == {"executionId": run["id"], "status": "QUEUED"}


def test_a_cancellation(operator: Caller, cleanup: Task, only: Only) -> None:
    run = operator.send("post", f"tasks/{cleanup.id}/trigger").json()
    operator.send("post", f"executions/{run['id']}/cancel")

    record = only("cancel", "execution")
    assert _about(record) == ("olaf", run["id"], cleanup.name, "default")
    assert (record.before, record.after) == (
        {"status": "QUEUED", "cancelRequestedAt": None},
        {"status": "CANCELLED", "cancelRequestedAt": None},
    )


def test_asking_what_runs_to_end_twice_is_one_record(operator: Caller, cleanup: Task, only: Only) -> None:
    run = operator.send("post", f"tasks/{cleanup.id}/trigger").json()
    Execution.objects.update(status="RUNNING")
    operator.send("post", f"executions/{run['id']}/cancel")
    operator.send("post", f"executions/{run['id']}/cancel")

    assert only("cancel", "execution").after["cancelRequestedAt"] is not None


def test_a_retry(operator: Caller, cleanup: Task, only: Only) -> None:
    run = operator.send("post", f"tasks/{cleanup.id}/trigger").json()
    Execution.objects.update(status="FAILED")
    retry = operator.send("post", f"executions/{run['id']}/retry").json()

    record = only("retry", "execution")
    assert record.object_id == run["id"]
    assert record.after == {"executionId": retry["id"], "attempt": 2, "status": "QUEUED"}


@pytest.fixture
def backfill(operator: Caller, hourly: Task, now: datetime) -> dict[str, Any]:
    """Of yesterday."""
    Task.objects.update(created_at=now - timedelta(days=2))
    period = {"from": instant(now - timedelta(hours=3)), "to": instant(now)}
    answer: dict[str, Any] = operator.send("post", f"tasks/{hourly.id}/backfill", period).json()
    return answer


def test_a_backfill(backfill: dict[str, Any], hourly: Task, only: Only) -> None:
    record = only("backfill", "operation")
    assert _about(record) == ("olaf", backfill["id"], "Hourly", "default")
    assert record.after == backfill["arguments"] | {"slots": backfill["counts"]["total"]}


def test_an_operation_that_is_aborted_twice_is_one_record(
    operator: Caller, backfill: dict[str, Any], only: Only
) -> None:
    operator.send("post", f"operations/{backfill['id']}/abort")
    operator.send("post", f"operations/{backfill['id']}/abort")

    record = only("abort", "operation")
    assert (record.object_id, record.before) == (backfill["id"], {"status": "PENDING"})


def test_a_new_calendar(editor: Caller, only: Only) -> None:
    calendar = editor.send("post", "calendars", DAYS).json()

    record = only("create", "calendar")
    assert _about(record) == ("edda", calendar["id"], "Days", None)
    assert record.after == {"description": None, "rules": {"weekdays": ["SAT"]}}


def test_a_changed_calendar(editor: Caller, only: Only) -> None:
    calendar = editor.send("post", "calendars", DAYS).json()
    editor.send("patch", f"calendars/{calendar['id']}", {"rules": {}})

    record = only("change", "calendar")
    assert (record.before, record.after) == ({"rules": {"weekdays": ["SAT"]}}, {"rules": {}})


def test_a_deleted_calendar(editor: Caller, only: Only) -> None:
    calendar = editor.send("post", "calendars", DAYS).json()
    editor.send("delete", f"calendars/{calendar['id']}")

    assert only("delete", "calendar").before == {"description": None, "rules": {"weekdays": ["SAT"]}}
    assert Calendar.objects.get().deleted_at is not None


def test_a_new_namespace(admin: Caller, only: Only) -> None:
    admin.send("post", "namespaces", {"name": "payments", "weight": 3})

    record = only("create", "namespace")
    assert _about(record) == ("ada", "payments", "payments", "payments")
    assert record.after["weight"] == 3


def test_a_changed_namespace(admin: Caller, only: Only) -> None:
    admin.send("post", "namespaces", {"name": "payments", "weight": 3})
    admin.send("patch", "namespaces/payments", {"weight": 3, "secretNames": ["BANK"]})

    record = only("change", "namespace")
    assert (record.before, record.after) == ({"secretNames": []}, {"secretNames": ["BANK"]})


def test_a_deleted_namespace(admin: Caller, only: Only) -> None:
    admin.send("post", "namespaces", {"name": "payments", "weight": 3})
    admin.send("delete", "namespaces/payments")

    assert only("delete", "namespace").before["weight"] == 3


def test_a_token_without_its_secret(admin: Caller, only: Only) -> None:
    token = admin.send("post", "tokens", {"name": "ci", "role": "editor", "namespace": "payments"}).json()

    record = only("create", "token")
    assert _about(record) == ("ada", str(token["id"]), "ci", "payments")
    assert record.after == {"role": "editor", "namespace": "payments", "expiresAt": None}


def test_a_token_that_is_revoked(admin: Caller, only: Only) -> None:
    token = admin.send("post", "tokens", {"name": "ci", "role": "editor"}).json()
    admin.send("delete", f"tokens/{token['id']}")

    assert only("revoke", "token").object_id == str(token["id"])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("patch", "tasks/{task}", {"priority": 3}),
        ("patch", "tasks/{task}", {"priority": 11}),
        ("post", "tasks/{task}/resume", {}),
        ("post", "tasks/validate", {"name": "B", "taskClass": "platform.noop"}),
        ("post", "schedules/preview", {"intervalSeconds": 60}),
        ("post", "calendars/preview", {"rules": {}}),
        ("get", "tasks/{task}", None),
    ],
)
def test_what_writes_nothing_leaves_none(editor: Caller, cleanup: Task, method: str, path: str, body: Any) -> None:
    editor.send(method, path.format(task=cleanup.id), body)

    assert not AuditRecord.objects.filter(via="API").exists()


def test_a_repeated_request_is_one_record(operator: Caller, cleanup: Task) -> None:
    operator.send("post", f"tasks/{cleanup.id}/trigger", idempotency_key="once")
    operator.send("post", f"tasks/{cleanup.id}/trigger", idempotency_key="once")

    assert AuditRecord.objects.filter(verb="trigger").count() == 1


def test_the_console_leaves_one_too(admin_client: Client, cleanup: Task) -> None:
    path = f"/admin/bulk/tasks/?ids={cleanup.id}&action=pause"
    admin_client.post(path, {"action": "pause", "expected": "1"})

    record = AuditRecord.objects.get(verb="pause")
    assert (record.actor, record.via, record.address) == ("admin (console)", "CONSOLE", "127.0.0.1")
    assert record.token_id is None
