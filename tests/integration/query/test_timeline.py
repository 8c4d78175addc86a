"""GET /api/v1/stats/timeline."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from query.timeline import WINDOWS
from scheduler.models import Execution, Task
from tests.integration.conftest import Caller
from tests.integration.query.following import listed

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def hourly(
    new_task: Callable[..., Task], record: Callable[..., Execution], count: Callable[[], None], now: datetime
) -> Task:
    """A task with something of every status behind it, one in another namespace, and what comes of both."""
    task = new_task("Hourly", intervalSeconds=3600)
    other = new_task("Other", namespace="payments", intervalSeconds=7200)
    statuses = ("SUCCESS", "FAILED", "SKIPPED", "CANCELLED")
    for number, status in enumerate(statuses):
        record(task, now - number * 20 * MINUTE - MINUTE, status=status, end_time=now)
        record(other, now - number * 20 * MINUTE - MINUTE, status=status, end_time=now)
    record(task, now - 20 * HOUR, status="SUCCESS", end_time=now)
    record(task, now - 5 * DAY, status="LOST", end_time=now)
    record(task, now - 2 * MINUTE, status="RUNNING")
    record(other, now - 3 * MINUTE, status="QUEUED", queued_at=now)
    count()
    return task


def _timeline(caller: Caller, query: str = "") -> Any:
    answer = caller.get(f"/api/v1/stats/timeline{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def _total(answer: Any, status: str) -> int:
    return sum(interval["counts"][status] for interval in answer["intervals"])


@pytest.mark.usefixtures("hourly")
class TestTimeline:
    """A day with something of everything."""

    def test_it_counts_by_status(self, viewer: Caller) -> None:
        answer = _timeline(viewer)

        counts = {status: _total(answer, status) for status in answer["intervals"][0]["counts"]}
        assert counts == {
            "SUCCESS": 3, "FAILED": 2, "SKIPPED": 2, "CANCELLED": 2, "LOST": 0, "TIMED_OUT": 0, "RUNNING": 1,
            "QUEUED": 1, "SCHEDULED": 0,
        }  # fmt: skip

    @pytest.mark.parametrize(("window", "ended"), [("1h", 6), ("6h", 8), ("24h", 9), ("7d", 10), ("30d", 10)])
    def test_it_shows_the_window_asked_for(self, viewer: Caller, window: str, ended: int) -> None:
        answer = _timeline(viewer, f"?window={window}")

        assert sum(_total(answer, status) for status in ("SUCCESS", "FAILED", "SKIPPED", "CANCELLED", "LOST")) == ended

    @pytest.mark.parametrize("window", WINDOWS)
    def test_its_intervals_follow_each_other_around_now(self, viewer: Caller, window: str, now: datetime) -> None:
        answer = _timeline(viewer, f"?window={window}")

        intervals = answer["intervals"]
        assert all(one["to"] == other["from"] for one, other in pairwise(intervals))
        begin, end = (datetime.fromisoformat(text) for text in (intervals[0]["from"], intervals[-1]["to"]))
        assert begin <= now - WINDOWS[window].back < begin + WINDOWS[window].every
        assert now + WINDOWS[window].ahead < end
        assert len(intervals) == (end - begin) // timedelta(seconds=answer["intervalSeconds"]) <= 400

    def test_it_shows_when_tasks_fire_next(self, viewer: Caller, hourly: Task) -> None:
        coming = [interval for interval in _timeline(viewer)["intervals"] if interval["coming"]]

        assert [interval["coming"] for interval in coming] == [1, 1]
        assert hourly.next_execution_time is not None
        begin, end = (datetime.fromisoformat(coming[0][name]) for name in ("from", "to"))
        assert begin <= hourly.next_execution_time < end

    @pytest.mark.parametrize("status", ["SUCCESS", "FAILED", "SKIPPED", "RUNNING", "QUEUED"])
    def test_every_number_links_to_exactly_the_rows_that_it_counts(self, viewer: Caller, status: str) -> None:
        intervals = [one for one in _timeline(viewer)["intervals"] if one["counts"][status]]

        found = [listed(viewer, f"{one['executionsLink']}&status={status}") for one in intervals]
        assert found == [one["counts"][status] for one in intervals] != []

    def test_what_comes_links_to_its_tasks(self, viewer: Caller) -> None:
        coming = [one for one in _timeline(viewer)["intervals"] if one["coming"]]

        assert [listed(viewer, one["comingLink"]) for one in coming] == [1, 1]

    def test_a_bound_token_is_shown_its_namespace_only(self, payments_editor: Caller) -> None:
        answer = _timeline(payments_editor)

        assert (answer["namespace"], _total(answer, "SUCCESS"), _total(answer, "RUNNING")) == ("payments", 1, 0)
        assert sum(interval["coming"] for interval in answer["intervals"]) == 1

    def test_what_lies_behind_more_than_can_be_counted_is_not_told(
        self, viewer: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("query.timeline.MOST_COMING", 1)

        coming = [interval["coming"] for interval in _timeline(viewer)["intervals"]]

        assert (coming[0], coming[-1]) == (0, None)

    def test_what_is_overdue_for_longer_than_it_reaches_back_fires_before_it_too(
        self, viewer: Caller, hourly: Task, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("query.timeline.MOST_COMING", 1)
        Task.objects.filter(id=hourly.id).update(claim_at=now - 3 * DAY, next_execution_time=now - 3 * DAY)

        assert {interval["coming"] for interval in _timeline(viewer)["intervals"]} == {None}

    def test_it_asks_three_questions(self, viewer: Caller, django_assert_max_num_queries: Any) -> None:
        with django_assert_max_num_queries(5):
            _timeline(viewer)

    def test_it_is_worked_out_once_for_all_who_ask_within_two_seconds(
        self, viewer: Caller, django_assert_max_num_queries: Any
    ) -> None:
        first = _timeline(viewer)
        with django_assert_max_num_queries(2):
            assert _timeline(viewer) == first


@pytest.mark.parametrize(
    ("query", "field"), [("window=2h", "window"), ("window=%00", "window"), ("widow=1h", "widow"), ("from=x", "from")]
)
def test_it_refuses(viewer: Caller, query: str, field: str) -> None:
    answer = viewer.get(f"/api/v1/stats/timeline?{query}")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
