"""GET /api/v1/tasks/{id}/prediction."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from query import selectors
from query.predictions import predict
from scheduler.models import Execution, Task
from scheduler.representations import instant
from tests.integration.conftest import Caller

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)

Record = Callable[..., Execution]


@pytest.fixture
def report(new_task: Callable[..., Task]) -> Task:
    """Fires every ten minutes, one a day has to be done within an hour."""
    return new_task("Report", intervalSeconds=600, sla={"maxDurationSeconds": 300, "deadlineAt": "12:00"})


@pytest.fixture
def known(report: Task, record: Record, now: datetime) -> list[Execution]:
    """Twenty runs that took one to four minutes, as many of each."""
    return [
        record(report, now - (number + 1) * 10 * MINUTE, status="SUCCESS", execution_time_ms=60_000 * (number % 4 + 1))
        for number in range(20)
    ]


def _predicted(caller: Caller, task: Task) -> Any:
    answer = caller.get(f"/api/v1/tasks/{task.id}/prediction")
    assert answer.status_code == 200, answer.content
    return answer.json()


def _running(record: Record, task: Task, began: datetime, **columns: Any) -> Execution:
    return record(task, began, status="RUNNING", start_time=began, timeout_seconds=3600, **columns)


@pytest.mark.usefixtures("known")
class TestKnown:
    """A task that has run often enough."""

    def test_it_tells_how_long_a_run_takes(self, viewer: Caller, report: Task) -> None:
        durations = _predicted(viewer, report)["durationMs"]

        assert durations["p50"] in (120_000, 180_000)
        assert (durations["p90"], durations["p99"]) == (240_000, 240_000)

    def test_it_tells_on_what_that_rests(self, viewer: Caller, report: Task, known: list[Execution]) -> None:
        answer = _predicted(viewer, report)

        assert (answer["sampleSize"], answer["sampledFrom"]) == (20, instant(known[-1].scheduled_for))

    def test_it_tells_how_far_past_predictions_were_off(self, viewer: Caller, report: Task) -> None:
        measured = _predicted(viewer, report)["accuracy"]

        assert measured["runs"] == 15
        assert 0 < measured["medianError"] < 1
        assert 0.9 <= measured["withinP90"] <= 1

    def test_only_what_succeeded_counts(self, viewer: Caller, report: Task, record: Record, now: datetime) -> None:
        for number, status in enumerate(("FAILED", "TIMED_OUT", "LOST", "CANCELLED", "SKIPPED")):
            record(report, now - number * SECOND, status=status, execution_time_ms=9_000_000)

        answer = _predicted(viewer, report)

        assert (answer["sampleSize"], answer["durationMs"]["p99"]) == (20, 240_000)

    def test_a_running_execution_is_expected_to_end(
        self, viewer: Caller, report: Task, record: Record, now: datetime
    ) -> None:
        began = now - 3.5 * MINUTE
        execution = _running(record, report, began)

        (found,) = _predicted(viewer, report)["open"]

        assert (found["executionId"], found["status"]) == (str(execution.id), "RUNNING")
        assert (found["begin"], found["expectedEndAt"]) == (instant(began), instant(began + 4 * MINUTE))
        assert (found["isLongerThanKnown"], found["willMissDeadline"], found["risks"]) == (False, None, [])

    def test_it_tells_that_one_will_miss_its_deadline(
        self, viewer: Caller, report: Task, record: Record, now: datetime
    ) -> None:
        limit = now + 15 * SECOND
        _running(record, report, now - 3.5 * MINUTE, sla={"deadlineAt": instant(limit)})

        (found,) = _predicted(viewer, report)["open"]

        assert found["willMissDeadline"] is True
        assert found["risks"] == [
            {"promise": "DEADLINE", "limit": instant(limit), "chanceToMiss": 1.0, "willMiss": True}
        ]

    def test_and_that_one_will_not(self, viewer: Caller, report: Task, record: Record, now: datetime) -> None:
        _running(record, report, now - MINUTE, sla={"deadlineAt": instant(now + 10 * MINUTE)})

        (found,) = _predicted(viewer, report)["open"]

        assert (found["willMissDeadline"], found["risks"][0]["chanceToMiss"]) == (False, 0.0)

    def test_what_hangs_is_told_of(self, viewer: Caller, report: Task, record: Record, now: datetime) -> None:
        began = now - 10 * MINUTE
        _running(record, report, began, sla={"maxDurationSeconds": 900})

        (found,) = _predicted(viewer, report)["open"]

        expected = datetime.fromisoformat(found["expectedEndAt"])
        assert (found["isLongerThanKnown"], expected - began >= 20 * MINUTE) == (True, True)
        assert (found["risks"][0]["promise"], found["risks"][0]["willMiss"]) == ("DURATION", True)

    def test_what_waits_begins_now_at_the_earliest(
        self, viewer: Caller, report: Task, record: Record, now: datetime
    ) -> None:
        record(report, now - MINUTE, status="QUEUED", timeout_seconds=3600)

        (found,) = _predicted(viewer, report)["open"]

        assert datetime.fromisoformat(found["begin"]) >= now

    def test_the_next_slot_is_predicted_with_its_deadline(self, viewer: Caller, report: Task) -> None:
        found = _predicted(viewer, report)["next"]

        assert (found["executionId"], found["status"]) == (None, None)
        assert {risk["promise"] for risk in found["risks"]} == {"DURATION", "DEADLINE"}
        assert found["begin"] == found["scheduledFor"] < found["expectedEndAt"] <= found["latestEndAt"]

    def test_a_paused_task_has_no_next(self, operator: Caller, report: Task) -> None:
        operator.send("post", f"tasks/{report.id}/pause")

        assert _predicted(operator, report)["next"] is None

    def test_a_history_costs_two_queries_whatever_its_length(self, report: Task, now: datetime) -> None:
        with CaptureQueriesContext(connection) as queries:
            predict(report, now=now)

        assert len(queries) == 2
        assert f"LIMIT {selectors.SUCCESSES_SOUGHT}" in queries[0]["sql"]


def test_of_a_task_that_has_hardly_run_nothing_is_told(
    viewer: Caller, report: Task, record: Record, now: datetime
) -> None:
    record(report, now - 10 * MINUTE, status="SUCCESS", execution_time_ms=1000)
    _running(record, report, now)

    answer = _predicted(viewer, report)

    assert answer["sampleSize"] == 1
    assert answer["durationMs"] == {"p50": None, "p90": None, "p95": None, "p99": None}
    assert (answer["accuracy"], answer["open"], answer["next"]) == (None, [], None)


def test_it_takes_no_parameters(viewer: Caller, report: Task) -> None:
    answer = viewer.get(f"/api/v1/tasks/{report.id}/prediction?window=7d")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "window")


def test_a_task_that_nobody_knows_is_not_found(viewer: Caller) -> None:
    assert viewer.get(f"/api/v1/tasks/{uuid4()}/prediction").status_code == 404


def test_a_bound_token_finds_no_task_of_another_namespace(payments_editor: Caller, report: Task) -> None:
    assert payments_editor.get(f"/api/v1/tasks/{report.id}/prediction").status_code == 404
