"""POST /api/v1/tasks."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from scheduler.models import Handler, Task
from scheduler.representations import instant
from tests.integration.conftest import SEED, Caller

SEED_BYTES = b"""{
  "name": "Daily Data Cleanup",
  "description": "Removes temporary data older than 7 days",
  "cronExpression": "0 0 0 * * ?",
  "taskClass": "com.platform.tasks.CleanupTask",
  "taskData": "{\\"retentionDays\\": 7, \\"batchSize\\": 1000}",
  "priority": 3,
  "maxRetryCount": 3,
  "timeoutSeconds": 1800
}"""

pytestmark = pytest.mark.usefixtures("handlers")


def test_it_takes_the_seeds_request_byte_for_byte(editor: Caller) -> None:
    answer = editor.post("/api/v1/tasks", data=SEED_BYTES, content_type="application/json")

    assert answer.status_code == 201
    assert {name: answer.json()[name] for name in SEED} == SEED


def test_it_answers_where_the_task_is_and_which_version(editor: Caller) -> None:
    answer = editor.send("post", "tasks", SEED)

    assert answer["Location"] == f"/api/v1/tasks/{answer.json()['id']}"
    assert answer["ETag"] == '"1"'


def test_it_fills_in_the_contracts_defaults(editor: Caller) -> None:
    answer = editor.send("post", "tasks", {"name": "Bare", "taskClass": "platform.noop"}).json()

    assert answer | {
        "namespace": "default", "description": None, "taskData": None, "cronExpression": None, "timeZone": "UTC",
        "intervalSeconds": None, "runAt": None, "startAt": None, "endAt": None, "misfirePolicy": "FIRE_ONCE",
        "misfireGraceSeconds": 60, "catchUpLimit": 100, "overlapPolicy": "ALLOW", "priority": 5, "queue": "default",
        "timeoutSeconds": 3600, "maxRetryCount": 3, "retryOn": ["FAILED", "TIMED_OUT", "LOST"], "labels": {},
        "retryPolicy": {"backoff": "EXPONENTIAL", "delaySeconds": 10, "maxDelaySeconds": 3600, "jitter": True},
        "owner": None, "status": "ACTIVE", "version": 1, "retryCount": 0, "createdBy": "edda", "lastExecutedAt": None,
        "nextExecutionTime": None, "pauseReason": None, "pausedUntil": None, "sla": None, "flexSeconds": 0,
    } == answer  # fmt: skip


def test_it_keeps_every_field_that_is_given(editor: Caller) -> None:
    fields = {
        "name": "Große 清掃 🧹", "namespace": "billing", "description": "two\nlines", "taskClass": "platform.sleep",
        "taskData": '{"seconds": 2}', "cronExpression": "*/5 * * * *", "timeZone": "Europe/Berlin",
        "startAt": "2031-01-01T00:00:00Z", "endAt": "2032-01-01T00:00:00.5Z", "misfirePolicy": "FIRE_ALL",
        "misfireGraceSeconds": 5, "catchUpLimit": 7, "overlapPolicy": "SKIP", "priority": 10, "queue": "slow",
        "timeoutSeconds": 60, "maxRetryCount": 2, "retryOn": ["LOST"], "labels": {"team": "Öl", "tier": ""},
        "retryPolicy": {"backoff": "FIXED", "delaySeconds": 0.5, "maxDelaySeconds": 60, "jitter": False},
        "owner": "Team Größe", "sla": {"maxLatenessSeconds": None, "maxDurationSeconds": 9, "deadlineAt": "23:59"},
    }  # fmt: skip

    answer = editor.send("post", "tasks", fields)

    assert answer.status_code == 201
    assert {name: answer.json()[name] for name in fields} == fields | {"endAt": "2032-01-01T00:00:00.500000Z"}


def test_it_takes_task_data_as_an_object_and_answers_text(editor: Caller) -> None:
    answer = editor.send("post", "tasks", SEED | {"taskData": {"retentionDays": 7}})

    assert answer.json()["taskData"] == '{"retentionDays": 7}'


def test_a_number_with_a_fraction_of_zero_is_whole(editor: Caller) -> None:
    answer = editor.send("post", "tasks", SEED | {"cronExpression": None, "intervalSeconds": 60.0, "priority": 7.0})

    assert answer.status_code == 201
    assert [repr(answer.json()[name]) for name in ("intervalSeconds", "priority")] == ["60", "7"]


def test_it_takes_instants_with_any_offset_and_answers_utc(editor: Caller) -> None:
    fields = {"name": "Once", "taskClass": "platform.noop", "runAt": "2031-06-01T12:00:00+02:00"}

    assert editor.send("post", "tasks", fields).json()["runAt"] == "2031-06-01T10:00:00Z"


def test_it_takes_presets_of_the_handler_where_the_request_is_silent(editor: Caller) -> None:
    answer = editor.send("post", "tasks", {"name": "Monthly", "taskClass": "reports.monthly", "priority": 2}).json()

    assert (answer["timeoutSeconds"], answer["priority"], answer["name"]) == (120, 2, "Monthly")


def test_it_registers_ahead_of_a_deployment_when_told_so(editor: Caller) -> None:
    fields = {"name": "Ahead", "taskClass": "not.there.yet", "allowUnknownTaskClass": True, "taskData": {"any": 1}}

    assert editor.send("post", "tasks", fields).status_code == 201


def test_it_sets_the_first_slot_of_a_cron(editor: Caller) -> None:
    fields = {"name": "Yearly", "taskClass": "platform.noop", "cronExpression": "0 30 6 1 1 ? 2031"}

    assert editor.send("post", "tasks", fields).json()["nextExecutionTime"] == "2031-01-01T06:30:00Z"


def test_its_cron_is_read_in_the_tasks_zone(editor: Caller) -> None:
    fields = {"name": "Z", "taskClass": "platform.noop", "cronExpression": "0 0 6 1 7 ? 2031", "timeZone": "Asia/Tokyo"}

    assert editor.send("post", "tasks", fields).json()["nextExecutionTime"] == "2031-06-30T21:00:00Z"


def test_an_interval_without_start_begins_one_interval_after_creation(
    new_task: Callable[..., Task], now: datetime
) -> None:
    task = new_task(intervalSeconds=90)

    assert (task.next_slot_for, task.claim_at) == (now + timedelta(seconds=90), now + timedelta(seconds=90))


def test_an_interval_begins_at_a_start_to_come(new_task: Callable[..., Task], now: datetime) -> None:
    start = now + timedelta(minutes=10)

    assert new_task(intervalSeconds=90, startAt=instant(start)).next_slot_for == start


def test_an_interval_begins_at_a_start_that_is_now(new_task: Callable[..., Task], now: datetime) -> None:
    assert new_task(intervalSeconds=90, startAt=instant(now)).next_slot_for == now


def test_a_start_in_the_past_anchors_and_never_catches_up(new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(intervalSeconds=60, startAt=instant(now - timedelta(seconds=150)))

    assert task.next_slot_for == now + timedelta(seconds=30)


def test_a_cron_fires_at_its_start(new_task: Callable[..., Task]) -> None:
    task = new_task(cronExpression="0 0 0 * * ?", startAt="2031-05-01T00:00:00Z")

    assert instant(task.next_slot_for) == "2031-05-01T00:00:00Z"


def test_a_run_inside_the_grace_fires_at_once(new_task: Callable[..., Task], now: datetime) -> None:
    past = now - timedelta(seconds=59)

    assert new_task(runAt=instant(past)).claim_at == past


def test_a_task_without_schedule_is_active_and_has_no_slot(new_task: Callable[..., Task]) -> None:
    task = new_task()

    assert (task.status, task.next_slot_for, task.claim_at) == ("ACTIVE", None, None)


def test_it_refuses_a_name_that_is_taken(editor: Caller, cleanup: Task) -> None:
    answer = editor.send("post", "tasks", SEED)

    assert answer.status_code == 409
    assert answer.json()["errors"][0]["field"] == "name"
    assert Task.objects.count() == 1


def test_it_gives_the_name_of_a_deleted_task_again(editor: Caller, cleanup: Task) -> None:
    editor.send("delete", f"tasks/{cleanup.id}")

    assert editor.send("post", "tasks", SEED).status_code == 201


def test_it_takes_the_same_name_in_another_namespace(editor: Caller, cleanup: Task) -> None:
    assert editor.send("post", "tasks", SEED | {"namespace": "other"}).status_code == 201


def test_a_bound_token_creates_in_its_namespace(payments_editor: Caller) -> None:
    assert payments_editor.send("post", "tasks", SEED).json()["namespace"] == "payments"


def test_a_bound_token_creates_in_no_other_namespace(payments_editor: Caller) -> None:
    answer = payments_editor.send("post", "tasks", SEED | {"namespace": "default"})

    assert answer.status_code == 403
    assert answer.json()["errors"][0]["field"] == "namespace"
    assert not Task.objects.exists()


def test_an_operator_may_not_create(operator: Caller) -> None:
    assert operator.send("post", "tasks", SEED).status_code == 403


def test_it_asks_for_a_token(nobody: Client) -> None:
    answer = nobody.post("/api/v1/tasks", data=SEED, content_type="application/json")

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_presets_do_not_touch_the_catalogue(editor: Caller, handlers: dict[str, Handler]) -> None:
    editor.send("post", "tasks", {"name": "Monthly", "taskClass": "reports.monthly", "priority": 2})

    assert Handler.objects.get(task_class="reports.monthly").defaults["priority"] == 8
