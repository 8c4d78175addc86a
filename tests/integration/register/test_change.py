"""PUT and PATCH /api/v1/tasks/{id}."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from register import services
from register.api.reading import read_changes
from scheduler import connections, firing
from scheduler.models import Execution, Task
from scheduler.representations import instant
from tests.integration.conftest import Caller

SEED_CHANGE = b"""{
  "description": "Removes temporary data older than 14 days",
  "cronExpression": "0 0 0 * * ?",
  "taskData": "{\\"retentionDays\\": 14, \\"batchSize\\": 1000}",
  "priority": 4,
  "maxRetryCount": 5
}"""


def _change(task: Task, now: datetime, **fields: Any) -> Task:
    return services.change_task(task.id, read_changes(fields), namespace=None, now=now)


def test_it_takes_the_seeds_request_byte_for_byte(editor: Caller, cleanup: Task) -> None:
    answer = editor.put(f"/api/v1/tasks/{cleanup.id}", data=SEED_CHANGE, content_type="application/json")

    assert answer.status_code == 200
    assert answer.json() | json.loads(SEED_CHANGE) == answer.json()


@pytest.mark.parametrize("method", ["put", "patch"])
def test_it_keeps_what_is_not_given(editor: Caller, cleanup: Task, method: str) -> None:
    before = editor.send("get", f"tasks/{cleanup.id}").json()

    after = editor.send(method, f"tasks/{cleanup.id}", {"priority": 9}).json()

    assert after == before | {"priority": 9, "version": 2, "updatedAt": after["updatedAt"]}


def test_a_change_makes_a_new_version(editor: Caller, cleanup: Task) -> None:
    answer = editor.send("put", f"tasks/{cleanup.id}", {"priority": 9})

    assert (answer["ETag"], answer.json()["version"]) == ('"2"', 2)


def test_a_change_that_changes_nothing_makes_none(editor: Caller, cleanup: Task) -> None:
    before = editor.send("get", f"tasks/{cleanup.id}").json()

    sent = {"priority": 3, "cronExpression": "0 0 0 * * ?", "retryPolicy": {}}

    assert editor.send("put", f"tasks/{cleanup.id}", sent).json() == before


@pytest.mark.parametrize(
    ("change", "learned"),
    [({"taskData": '{"retentionDays": 9}'}, (0, None)), ({"priority": 9}, (40, 3.5))],
    ids=["what it does", "anything else"],
)
def test_how_long_it_ran_is_forgotten_where_it_does_something_else(
    editor: Caller, cleanup: Task, change: dict[str, Any], learned: tuple[int, float | None]
) -> None:
    Task.objects.filter(id=cleanup.id).update(run_count=40, expected_ms=3.5)
    editor.send("patch", f"tasks/{cleanup.id}", change)
    cleanup.refresh_from_db()
    assert (cleanup.run_count, cleanup.expected_ms) == learned


def test_it_changes_the_version_that_if_match_names(editor: Caller, cleanup: Task) -> None:
    answer = editor.send("put", f"tasks/{cleanup.id}", {"priority": 9}, if_match='"1"')

    assert answer.status_code == 200


@pytest.mark.parametrize("stale", ['"2"', '"0", "7"', 'W/"1"', '"x"', '"99999999999999999999"'])
def test_it_refuses_another_version_than_if_match_names(editor: Caller, cleanup: Task, stale: str) -> None:
    answer = editor.send("put", f"tasks/{cleanup.id}", {"priority": 9}, if_match=stale)

    assert answer.status_code == 412
    assert Task.objects.get().priority == 3


def test_any_version_will_do_for_a_star(editor: Caller, cleanup: Task) -> None:
    assert editor.send("put", f"tasks/{cleanup.id}", {"priority": 9}, if_match="*").status_code == 200


def test_it_refuses_an_if_match_that_is_no_tag(editor: Caller, cleanup: Task) -> None:
    assert editor.send("put", f"tasks/{cleanup.id}", {"priority": 9}, if_match="1").status_code == 400


def test_the_old_definition_answers_for_its_own_slots(new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(intervalSeconds=60, at=now - timedelta(seconds=90))

    changed = _change(task, now, intervalSeconds=3600)

    assert Execution.objects.get().scheduled_for == now - timedelta(seconds=30)
    assert changed.next_slot_for == now - timedelta(seconds=90) + timedelta(hours=1)


def test_what_the_old_definition_owed_is_published_after_the_commit(
    new_task: Callable[..., Task],
    now: datetime,
    django_capture_on_commit_callbacks: Any,
) -> None:
    task = new_task(intervalSeconds=60, at=now - timedelta(seconds=90))

    with django_capture_on_commit_callbacks(execute=True):
        _change(task, now, priority=9)

    assert Execution.objects.get().published_at is not None


def test_another_kind_of_schedule_takes_the_place_of_the_old_one(cleanup: Task, now: datetime) -> None:
    task = _change(cleanup, now, intervalSeconds=60)

    assert (task.cron_expression, task.interval_seconds) == (None, 60)


def test_an_interval_counts_from_creation_also_when_it_comes_later(
    new_task: Callable[..., Task], now: datetime
) -> None:
    task = new_task(at=now - timedelta(seconds=100))

    assert _change(task, now, intervalSeconds=60).next_slot_for == now + timedelta(seconds=20)


def test_a_null_takes_the_schedule_away(cleanup: Task, now: datetime) -> None:
    _change(cleanup, now, cronExpression=None)

    task = Task.objects.get()
    assert (task.status, task.next_slot_for, task.next_execution_time, task.claim_at) == ("ACTIVE", None, None, None)


def test_a_change_of_other_fields_leaves_the_slots_alone(cleanup: Task, now: datetime) -> None:
    before = Task.objects.get().next_slot_for

    _change(cleanup, now, description="Other")

    assert Task.objects.get().next_slot_for == before


def test_a_completed_task_with_a_new_schedule_is_active_again(new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(runAt=instant(now), at=now)
    firing.record_due(connections.current(), task.id, now=now)

    later = now + timedelta(hours=1)

    assert Task.objects.get().status == "COMPLETED"
    assert _change(task, now, runAt=instant(later)).claim_at == later
    assert Task.objects.get().status == "ACTIVE"


def test_the_same_run_again_does_not_run_again(new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(runAt=instant(now), at=now)
    firing.record_due(connections.current(), task.id, now=now)

    _change(task, now + timedelta(days=1), runAt=instant(now), description="Ran yesterday")

    assert Task.objects.get().status == "COMPLETED"


def test_a_run_before_the_last_recorded_slot_is_refused(
    editor: Caller, new_task: Callable[..., Task], now: datetime
) -> None:
    task = new_task(runAt=instant(now), at=now)
    firing.record_due(connections.current(), task.id, now=now)

    answer = editor.send("put", f"tasks/{task.id}", {"runAt": instant(now - timedelta(seconds=1))})

    assert answer.status_code == 422
    assert "last slot" in answer.json()["errors"][0]["message"]


def test_an_end_that_has_passed_completes_the_task(cleanup: Task, now: datetime) -> None:
    task = _change(cleanup, now, endAt=instant(now - timedelta(days=1)))

    assert (task.status, task.claim_at) == ("COMPLETED", None)


def test_a_paused_task_stays_paused(cleanup: Task, now: datetime) -> None:
    Task.objects.update(status="PAUSED", claim_at=None)

    task = _change(cleanup, now, cronExpression="0 0 12 * * ?")

    assert (task.status, task.claim_at) == ("PAUSED", None)
    assert task.next_slot_for is not None


def test_open_executions_are_counted_when_they_begin_to_matter(new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(intervalSeconds=60, at=now - timedelta(seconds=90))

    _change(task, now, overlapPolicy="SKIP")

    assert Task.objects.get().open_count == 1


def test_open_executions_are_not_counted_when_they_cease_to_matter(
    new_task: Callable[..., Task], now: datetime
) -> None:
    task = new_task(intervalSeconds=60, overlapPolicy="SKIP", at=now - timedelta(seconds=90))

    _change(task, now, overlapPolicy="ALLOW")

    assert Task.objects.get().open_count == 0


def test_it_checks_old_task_data_against_a_new_handler(editor: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task(taskData={"any": "thing"})

    answer = editor.send("put", f"tasks/{task.id}", {"taskClass": "com.platform.tasks.CleanupTask"})

    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["errors"]} == {"taskData"}


def test_it_does_not_ask_again_for_a_class_that_was_allowed(editor: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task(taskClass="not.there.yet", allowUnknownTaskClass=True)

    assert editor.send("put", f"tasks/{task.id}", {"priority": 1}).status_code == 200


def test_it_measures_the_window_with_what_it_keeps(editor: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task(cronExpression="0 0 0 * * ?", startAt="2031-01-01T00:00:00Z")

    answer = editor.send("put", f"tasks/{task.id}", {"endAt": "2030-01-01T00:00:00Z"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "endAt"


def test_it_refuses_a_name_that_is_taken(editor: Caller, cleanup: Task, new_task: Callable[..., Task]) -> None:
    other = new_task("Other")

    answer = editor.send("put", f"tasks/{other.id}", {"name": cleanup.name})

    assert answer.status_code == 409
    assert Task.objects.get(id=other.id).name == "Other"


def test_a_task_stays_in_its_namespace(editor: Caller, cleanup: Task) -> None:
    answer = editor.send("put", f"tasks/{cleanup.id}", {"namespace": "payments"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "namespace"


def test_a_bound_token_finds_no_task_of_another_namespace(payments_editor: Caller, cleanup: Task) -> None:
    answer = payments_editor.send("put", f"tasks/{cleanup.id}", {"priority": 9})

    assert answer.status_code == 404
    assert Task.objects.get().priority == 3


def test_a_bound_token_changes_its_own(payments_editor: Caller, payroll: Task) -> None:
    assert payments_editor.send("put", f"tasks/{payroll.id}", {"priority": 1}).status_code == 200


def test_a_deleted_task_cannot_change(editor: Caller, cleanup: Task) -> None:
    editor.send("delete", f"tasks/{cleanup.id}")

    assert editor.send("put", f"tasks/{cleanup.id}", {"priority": 9}).status_code == 409


def test_an_unknown_task_is_not_found(editor: Caller) -> None:
    answer = editor.send("put", "tasks/018f0000-0000-7000-8000-000000000000", {"priority": 9})

    assert answer.status_code == 404


def test_a_refused_change_records_nothing(editor: Caller, new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(intervalSeconds=60, at=now - timedelta(seconds=90))

    editor.send("put", f"tasks/{task.id}", {"priority": 11})

    assert not Execution.objects.exists()


def test_a_viewer_may_not_change(viewer: Caller, cleanup: Task) -> None:
    assert viewer.send("put", f"tasks/{cleanup.id}", {"priority": 9}).status_code == 403


def test_an_sla_is_given_as_a_whole(editor: Caller, cleanup: Task) -> None:
    editor.send("put", f"tasks/{cleanup.id}", {"sla": {"maxLatenessSeconds": 60}})

    changed = editor.send("patch", f"tasks/{cleanup.id}", {"sla": {"deadlineAt": "06:00"}}).json()

    assert changed["sla"] == {"maxLatenessSeconds": None, "maxDurationSeconds": None, "deadlineAt": "06:00"}


def test_null_takes_an_sla_away(editor: Caller, cleanup: Task) -> None:
    editor.send("put", f"tasks/{cleanup.id}", {"sla": {"maxLatenessSeconds": 60}})

    assert editor.send("patch", f"tasks/{cleanup.id}", {"sla": None}).json()["sla"] is None
