"""GET /api/v1/tasks/{id}/metrics."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from scheduler.models import Execution, Task
from tests.integration.conftest import Caller

HOUR = timedelta(hours=1)
NOTHING = {"p50": None, "p90": None, "p95": None, "p99": None, "mean": None}


@pytest.fixture
def measured(
    cleanup: Task, record: Callable[..., Execution], count: Callable[[], None], now: datetime
) -> list[Execution]:
    """Today three successes, one of them a retry, a failure and ten skipped; yesterday one of each; one lost before."""

    def ran(hours: int, status: str, milliseconds: int, attempt: int = 1) -> Execution:
        slot = now - hours * HOUR
        begun = slot + timedelta(milliseconds=10 * milliseconds)
        return record(cleanup, slot, attempt=attempt, status=status, start_time=begun, execution_time_ms=milliseconds)

    executions = [
        ran(1, "SUCCESS", 100), ran(2, "SUCCESS", 200), ran(3, "FAILED", 400), ran(3, "SUCCESS", 300, attempt=2),
        record(cleanup, now - 4 * HOUR, status="SKIPPED", slot_count=10, scheduled_until=now - 3 * HOUR),
        ran(25, "SUCCESS", 100), ran(26, "FAILED", 100),
        ran(24 * 5, "LOST", 100),
    ]  # fmt: skip
    count()
    return executions


def _measure(caller: Caller, task: Task, window: str = "24h") -> Any:
    answer = caller.get(f"/api/v1/tasks/{task.id}/metrics?window={window}")
    assert answer.status_code == 200, answer.content
    return answer.json()


@pytest.mark.usefixtures("measured")
class TestMetrics:
    """The windows of a task with a history."""

    def test_it_counts_by_status(self, viewer: Caller, cleanup: Task) -> None:
        assert _measure(viewer, cleanup)["counts"] == {
            "SUCCESS": 3, "FAILED": 1, "SKIPPED": 10, "SCHEDULED": 0, "QUEUED": 0, "RUNNING": 0, "TIMED_OUT": 0,
            "CANCELLED": 0, "LOST": 0,
        }  # fmt: skip

    def test_it_tells_how_much_succeeds(self, viewer: Caller, cleanup: Task) -> None:
        answer = _measure(viewer, cleanup)

        assert (answer["successRate"], answer["retries"]) == (0.75, 1)

    def test_it_tells_how_long_it_takes(self, viewer: Caller, cleanup: Task) -> None:
        assert _measure(viewer, cleanup)["durationMs"] == {
            "p50": pytest.approx(200, rel=0.02), "p90": pytest.approx(400, rel=0.02),
            "p95": pytest.approx(400, rel=0.02), "p99": pytest.approx(400, rel=0.02), "mean": 250,
        }  # fmt: skip

    def test_it_tells_how_late_first_attempts_begin(self, viewer: Caller, cleanup: Task) -> None:
        assert _measure(viewer, cleanup)["latenessMs"]["p50"] == pytest.approx(2000, rel=0.02)

    def test_it_tells_how_many_run_an_hour(self, viewer: Caller, cleanup: Task) -> None:
        answer = _measure(viewer, cleanup)

        hours = (datetime.fromisoformat(answer["to"]) - datetime.fromisoformat(answer["from"])) / HOUR
        assert answer["throughputPerHour"] == round(4 / hours, 4)

    def test_it_measures_full_hours(self, viewer: Caller, cleanup: Task, now: datetime) -> None:
        begin = datetime.fromisoformat(_measure(viewer, cleanup)["from"])

        assert (begin.minute, begin.second, now - begin <= 24 * HOUR < now - begin + HOUR) == (0, 0, True)

    def test_it_compares_with_the_window_before(self, viewer: Caller, cleanup: Task) -> None:
        answer = _measure(viewer, cleanup)

        previous, trend = answer["previous"], answer["trend"]
        assert previous["to"] == answer["from"]
        assert previous["successRate"] == 0.5
        assert (trend["successRate"], trend["retries"]) == (0.25, 1)
        assert trend["durationP95Ms"] == pytest.approx(300, rel=0.03)
        assert trend["throughputPerHour"] == pytest.approx(answer["throughputPerHour"] - 2 / 24, abs=0.0001)

    def test_it_names_the_busiest_hours_in_the_tasks_zone(self, viewer: Caller, cleanup: Task, now: datetime) -> None:
        Task.objects.filter(id=cleanup.id).update(time_zone="Asia/Kolkata")

        busiest = _measure(viewer, cleanup)["busiestHours"]

        begun = (now - 3 * HOUR).replace(minute=0)
        assert busiest[0] == {"hour": begun.astimezone(ZoneInfo("Asia/Kolkata")).hour, "executions": 2}
        assert [hour["executions"] for hour in busiest] == [2, 1, 1]

    def test_it_bears_a_zone_that_is_gone(self, viewer: Caller, cleanup: Task, now: datetime) -> None:
        Task.objects.filter(id=cleanup.id).update(time_zone="Mars/Olympus")

        assert _measure(viewer, cleanup)["busiestHours"][0]["hour"] == (now - 3 * HOUR).astimezone(UTC).hour

    def test_it_counts_what_is_open(
        self, viewer: Caller, cleanup: Task, record: Callable[..., Execution], now: datetime
    ) -> None:
        record(cleanup, now - timedelta(minutes=1), status="RUNNING")

        assert _measure(viewer, cleanup)["counts"]["RUNNING"] == 1

    @pytest.mark.parametrize(("window", "ended"), [("24h", 4), ("7d", 7), ("30d", 7)])
    def test_it_measures_the_window_asked_for(self, viewer: Caller, cleanup: Task, window: str, ended: int) -> None:
        counts = _measure(viewer, cleanup, window)["counts"]

        assert counts["SUCCESS"] + counts["FAILED"] + counts["LOST"] == ended

    def test_it_asks_once_for_each_window(
        self, viewer: Caller, cleanup: Task, django_assert_max_num_queries: Any
    ) -> None:
        with django_assert_max_num_queries(5):
            _measure(viewer, cleanup, "30d")


def test_a_task_that_never_ran_has_nothing_to_measure(viewer: Caller, cleanup: Task) -> None:
    answer = _measure(viewer, cleanup)

    assert (answer["successRate"], answer["durationMs"], answer["trend"]["successRate"]) == (None, NOTHING, None)


@pytest.mark.parametrize(("query", "field"), [("window=1h", "window"), ("window=%00", "window"), ("windw=7d", "windw")])
def test_it_refuses(viewer: Caller, cleanup: Task, query: str, field: str) -> None:
    answer = viewer.get(f"/api/v1/tasks/{cleanup.id}/metrics?{query}")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_an_unknown_task_is_not_found(viewer: Caller) -> None:
    assert viewer.get(f"/api/v1/tasks/{uuid4()}/metrics").status_code == 404


def test_a_bound_token_measures_no_task_of_another_namespace(payments_editor: Caller, cleanup: Task) -> None:
    assert payments_editor.get(f"/api/v1/tasks/{cleanup.id}/metrics").status_code == 404
