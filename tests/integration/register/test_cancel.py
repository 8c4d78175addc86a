"""POST /api/v1/executions/{id}/cancel."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from scheduler import clock, connections, transitions
from scheduler.engine.states import Status
from scheduler.models import Execution, Task
from scheduler.records import Outcome
from tests.integration.conftest import Caller


@pytest.fixture
def queued(operator: Caller, cleanup: Task) -> Execution:
    """Waits for a worker."""
    operator.send("post", f"tasks/{cleanup.id}/trigger")
    return Execution.objects.get()


@pytest.fixture
def running(queued: Execution, now: datetime) -> Execution:
    """A worker has won it, with the fence 7."""
    Execution.objects.update(status="RUNNING", start_time=now, fence=7, node_id="node-1")
    return queued


def _cancel(caller: Caller, execution: Execution) -> Any:
    return caller.send("post", f"executions/{execution.id}/cancel")


def _end(execution: Execution, status: Status) -> Execution:
    transitions.finish(connections.current(), [Outcome(execution.id, 7, status)], now=clock.now())
    return Execution.objects.get(id=execution.id)


@pytest.mark.parametrize("status", ["QUEUED", "SCHEDULED"])
def test_what_waits_is_cancelled_at_once(operator: Caller, queued: Execution, status: str) -> None:
    Execution.objects.update(status=status)

    answer = _cancel(operator, queued)

    assert (answer.status_code, answer["Location"]) == (202, f"/api/v1/executions/{queued.id}")
    assert (answer.json()["status"], answer.json()["reason"]) == ("CANCELLED", "cancelled by olaf")


def test_what_runs_is_asked(operator: Caller, running: Execution) -> None:
    answer = _cancel(operator, running)

    assert (answer.status_code, answer.json()["status"]) == (202, "RUNNING")
    assert answer.json()["cancelRequestedAt"] is not None


def test_its_worker_is_told_with_the_next_renewal(operator: Caller, running: Execution, now: datetime) -> None:
    _cancel(operator, running)

    owned = transitions.renew(connections.current(), [(running.id, 7)], lease_expires_at=now)

    assert owned[running.id] == Execution.objects.get().cancel_requested_at


def test_to_ask_twice_asks_once(operator: Caller, running: Execution) -> None:
    first = _cancel(operator, running).json()

    assert _cancel(operator, running).json() == first


@pytest.mark.parametrize("ending", [Status.FAILED, Status.TIMED_OUT, Status.LOST, Status.CANCELLED])
def test_however_it_then_ends_it_is_cancelled_and_not_retried(
    operator: Caller, running: Execution, ending: Status
) -> None:
    _cancel(operator, running)

    execution = _end(running, ending)

    assert (execution.status, execution.reason) == ("CANCELLED", "cancelled by olaf")
    assert Execution.objects.count() == 1


def test_a_handler_that_still_succeeds_is_success(operator: Caller, running: Execution) -> None:
    _cancel(operator, running)

    assert _end(running, Status.SUCCESS).status == "SUCCESS"


@pytest.mark.parametrize("status", ["SUCCESS", "FAILED", "CANCELLED", "SKIPPED", "LOST", "TIMED_OUT"])
def test_what_has_ended_cannot_be_cancelled(operator: Caller, queued: Execution, status: str) -> None:
    Execution.objects.update(status=status)

    answer = _cancel(operator, queued)

    assert (answer.status_code, answer["Content-Type"]) == (409, "application/problem+json")
    assert Execution.objects.get().status == status


def test_a_task_is_the_less_busy_for_it(operator: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task(overlapPolicy="SKIP")
    operator.send("post", f"tasks/{task.id}/trigger")

    _cancel(operator, Execution.objects.get())

    assert Task.objects.get().open_count == 0


def test_an_unknown_execution_is_not_found(operator: Caller) -> None:
    assert operator.send("post", f"executions/{uuid4()}/cancel").status_code == 404


def test_a_bound_token_finds_no_execution_of_another_namespace(payments_editor: Caller, queued: Execution) -> None:
    assert _cancel(payments_editor, queued).status_code == 404
    assert Execution.objects.get().status == "QUEUED"
