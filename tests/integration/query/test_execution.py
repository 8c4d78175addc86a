"""GET /api/v1/executions/{id} and its log."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from scheduler.models import Execution, ExecutionLog, Task
from tests.integration.conftest import Caller
from tests.integration.query.conftest import JANUARY


def test_it_shows_an_execution(viewer: Caller, cleanup: Task, record: Callable[..., Execution]) -> None:
    execution = record(
        cleanup, JANUARY, status="SUCCESS", start_time=JANUARY + timedelta(milliseconds=1500),
        end_time=JANUARY + timedelta(seconds=2), execution_time_ms=500, node_id="worker-1", fence=7, result="{}",
    )  # fmt: skip

    answer = viewer.get(f"/api/v1/executions/{execution.id}").json()

    assert answer | {
        "id": str(execution.id), "taskId": str(cleanup.id), "taskName": "Daily Data Cleanup", "namespace": "default",
        "queue": "default", "priority": 3, "scheduledFor": "2023-01-15T00:00:00Z", "status": "SUCCESS", "attempt": 1,
        "trigger": "SCHEDULE", "startTime": "2023-01-15T00:00:01.500000Z", "endTime": "2023-01-15T00:00:02Z",
        "executionTimeMs": 500, "latenessMs": 1500, "result": "{}", "errorMessage": None, "nodeId": "worker-1",
        "fence": 7, "revision": 1, "runId": None, "reason": None, "cancelRequestedAt": None, "scheduledUntil": None,
        "slotCount": None, "notBefore": None,
    } == answer  # fmt: skip


def test_a_retry_does_not_say_how_late_its_slot_began(
    viewer: Caller, cleanup: Task, record: Callable[..., Execution]
) -> None:
    execution = record(cleanup, JANUARY, attempt=2, start_time=JANUARY + timedelta(hours=1))

    assert viewer.get(f"/api/v1/executions/{execution.id}").json()["latenessMs"] is None


def test_what_was_triggered_can_be_read(operator: Caller, cleanup: Task) -> None:
    triggered = operator.send("post", f"tasks/{cleanup.id}/trigger")

    assert operator.get(triggered["Location"]).json() == triggered.json()


def test_an_unknown_execution_is_not_found(viewer: Caller) -> None:
    assert viewer.get(f"/api/v1/executions/{uuid4()}").status_code == 404


def test_a_bound_token_finds_no_execution_of_another_namespace(
    payments_editor: Caller, cleanup: Task, record: Callable[..., Execution]
) -> None:
    execution = record(cleanup, JANUARY)

    assert payments_editor.get(f"/api/v1/executions/{execution.id}").status_code == 404


def test_it_shows_a_log(viewer: Caller, january: list[Execution]) -> None:
    ExecutionLog.objects.create(id=january[0].id, head="first\nsecond", tail="last", dropped_bytes=7)

    assert viewer.get(f"/api/v1/executions/{january[0].id}/log").json() == {
        "executionId": str(january[0].id), "head": "first\nsecond", "tail": "last", "droppedBytes": 7,
    }  # fmt: skip


def test_the_log_of_a_silent_execution_is_empty(viewer: Caller, january: list[Execution]) -> None:
    assert viewer.get(f"/api/v1/executions/{january[0].id}/log").json()["head"] == ""


def test_an_unknown_execution_has_no_log(viewer: Caller) -> None:
    assert viewer.get(f"/api/v1/executions/{uuid4()}/log").status_code == 404


def test_a_bound_token_finds_no_log_of_another_namespace(payments_editor: Caller, january: list[Execution]) -> None:
    ExecutionLog.objects.create(id=january[0].id, head="secret")

    assert payments_editor.get(f"/api/v1/executions/{january[0].id}/log").status_code == 404


@pytest.mark.parametrize("path", ["executions/{}?bogus=1", "executions/{}/log?bogus=1"])
def test_one_execution_takes_no_parameters(viewer: Caller, path: str) -> None:
    answer = viewer.send("get", path.format("019a0000-0000-7000-8000-000000000003"))

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "bogus")
