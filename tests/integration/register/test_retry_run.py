"""POST /api/v1/runs/{runId}/retry."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from scheduler import connections, dependents, transitions, triggers
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import Status
from scheduler.models import Execution, Task
from scheduler.records import Outcome
from tests.hot_paths import LEASE
from tests.integration.conftest import Caller


@pytest.fixture
def tasks(new_task: Callable[..., Task]) -> dict[str, Task]:
    """extract, then clean, then report; a second way, alarm, when extract has failed."""
    return {
        "extract": new_task("extract", maxRetryCount=0),
        "clean": new_task("clean", dependencies=[{"name": "extract"}], maxRetryCount=0),
        "report": new_task("report", dependencies=[{"name": "clean"}]),
        "alarm": new_task("alarm", dependencies=[{"name": "extract", "condition": "FAILURE"}]),
    }


def _end(task: Task, status: Status, now: datetime) -> None:
    """End what is queued of a task, and carry on as a node does."""
    connection, execution = connections.current(), Execution.objects.get(task=task, status="QUEUED")
    started = transitions.start(connection, execution.id, node_id="node-1", lease_expires_at=now + LEASE, now=now)
    assert started is not None
    transitions.finish(connection, [Outcome(started.id, started.fence, status)], now=now)
    _carry_on(now)


def _carry_on(now: datetime) -> None:
    connection = connections.current()
    for _ in range(4):
        dependents.follow(connection, now=now)
        dependents.decide(connection, now=now, low=EVERYWHERE)


@pytest.fixture
def run(tasks: dict[str, Task], now: datetime) -> Any:
    """A run whose root has failed."""
    run_id, _ = triggers.trigger(connections.current(), tasks["extract"].id, request=uuid4(), task_data=None, now=now)
    _end(tasks["extract"], Status.FAILED, now)
    return run_id


def _statuses(task: Task) -> list[str]:
    return list(Execution.objects.filter(task=task).order_by("attempt").values_list("status", flat=True))


def test_it_tries_what_failed_again(operator: Caller, tasks: dict[str, Task], run: Any) -> None:
    answer = operator.send("post", f"runs/{run}/retry")

    assert (answer.status_code, answer["Location"]) == (202, f"/api/v1/runs/{run}")
    retried = answer.json()["retried"]
    assert [(one["taskName"], one["attempt"], one["status"], one["runId"]) for one in retried] == [
        ("extract", 2, "QUEUED", str(run))
    ]
    assert answer.json()["refused"] == []


def test_what_was_left_out_follows_once_it_succeeds(
    operator: Caller, tasks: dict[str, Task], run: Any, now: datetime
) -> None:
    operator.send("post", f"runs/{run}/retry")
    _end(tasks["extract"], Status.SUCCESS, now)
    _end(tasks["clean"], Status.SUCCESS, now)

    assert (_statuses(tasks["clean"]), _statuses(tasks["report"])) == (["SKIPPED", "SUCCESS"], ["SKIPPED", "QUEUED"])


def test_what_has_run_on_the_failure_does_not_run_again(
    operator: Caller, tasks: dict[str, Task], run: Any, now: datetime
) -> None:
    _end(tasks["alarm"], Status.SUCCESS, now)
    operator.send("post", f"runs/{run}/retry")
    _end(tasks["extract"], Status.FAILED, now)

    assert _statuses(tasks["alarm"]) == ["SUCCESS"]


def test_what_was_left_out_stays_so_where_it_fails_again(
    operator: Caller, tasks: dict[str, Task], run: Any, now: datetime
) -> None:
    operator.send("post", f"runs/{run}/retry")
    _end(tasks["extract"], Status.FAILED, now)

    assert _statuses(tasks["clean"]) == ["SKIPPED"]


def test_it_begins_at_the_node_that_failed(operator: Caller, tasks: dict[str, Task], run: Any, now: datetime) -> None:
    operator.send("post", f"runs/{run}/retry")
    _end(tasks["extract"], Status.SUCCESS, now)
    _end(tasks["clean"], Status.FAILED, now)

    answer = operator.send("post", f"runs/{run}/retry")

    assert [one["taskName"] for one in answer.json()["retried"]] == ["clean"]


def test_a_run_in_which_nothing_failed_is_a_conflict(
    operator: Caller, tasks: dict[str, Task], run: Any, now: datetime
) -> None:
    operator.send("post", f"runs/{run}/retry")

    answer = operator.send("post", f"runs/{run}/retry")

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:platform-scheduler:problem:nothing-failed")
    assert _statuses(tasks["extract"]) == ["FAILED", "QUEUED"]


def test_a_run_of_another_namespace_is_not_found(payments_editor: Caller, run: Any) -> None:
    assert payments_editor.send("post", f"runs/{run}/retry").status_code == 404


def test_a_viewer_may_not(viewer: Caller, run: Any) -> None:
    assert viewer.send("post", f"runs/{run}/retry").status_code == 403


def test_it_takes_nothing(operator: Caller, run: Any) -> None:
    assert operator.send("post", f"runs/{run}/retry", {"from": "clean"}).status_code == 400


def test_there_is_no_such_run(operator: Caller, tasks: dict[str, Task]) -> None:
    assert operator.send("post", f"runs/{uuid4()}/retry").status_code == 404
