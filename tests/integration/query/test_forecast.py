"""GET /api/v1/forecast, and the chore that works it out."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from query.forecast import forecast
from scheduler import forecasts
from scheduler.models import Execution, Forecast, ForecastRun, Task
from scheduler.representations import instant
from tests.integration.conftest import Caller

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

NewTask = Callable[..., Task]


@pytest.fixture
def hour(now: datetime) -> datetime:
    """The hour that has begun."""
    return now.replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def ran(record: Callable[..., Execution], count: Callable[[], None], now: datetime) -> Callable[..., None]:
    """Has a task run, so that it is known how long it takes."""

    def run(task: Task, *minutes: int) -> None:
        for number, took in enumerate(minutes):
            slot = now - (number + 1) * HOUR
            record(task, slot, status="SUCCESS", start_time=slot, execution_time_ms=took * 60_000)
        count()

    return run


@pytest.fixture
def hourly(new_task: NewTask, ran: Callable[..., None]) -> Task:
    """At every half hour, for two minutes and four."""
    task = new_task("Hourly", cronExpression="0 30 * * * ?", queue="reports")
    ran(task, 2, 4)
    return task


def _shown(caller: Caller, query: str = "") -> Any:
    answer = caller.get(f"/api/v1/forecast{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def _in(answer: Any, instant_of_hour: datetime) -> Any:
    (found,) = [one for one in answer["intervals"] if one["from"] == instant(instant_of_hour)]
    return found


def _loads(**columns: Any) -> list[tuple[int, int, float]]:
    rows = Forecast.objects.filter(namespace="", **columns).order_by("hour", "queue")
    return [(row.slots, row.unknown_slots, row.busy_ms) for row in rows]


def test_it_shows_slots_times_expected_duration(viewer: Caller, hourly: Task, hour: datetime, now: datetime) -> None:
    forecasts.work_out(now=now)

    answer = _shown(viewer)

    assert len(answer["intervals"]) == 24
    assert _in(answer, hour + 2 * HOUR) == {
        "from": instant(hour + 2 * HOUR), "to": instant(hour + 3 * HOUR),
        "slots": 1, "slotsOfUnknownDuration": 0, "expectedBusySeconds": 180,
        "queues": [{"queue": "reports", "slots": 1, "slotsOfUnknownDuration": 0, "expectedBusySeconds": 180}],
    }  # fmt: skip


def test_it_adds_up(viewer: Caller, hourly: Task, now: datetime) -> None:
    forecasts.work_out(now=now)

    week, day = _shown(viewer, "?hours=168"), _shown(viewer)

    assert 167 <= week["slots"] <= 168
    assert week["expectedBusySeconds"] == 180 * week["slots"]
    assert week["slots"] > day["slots"] == sum(one["slots"] for one in day["intervals"])
    assert day["workedOutAt"] == instant(now)


def test_what_has_never_run_adds_no_time(viewer: Caller, new_task: NewTask, hour: datetime, now: datetime) -> None:
    new_task(cronExpression="0 */20 * * * ?")
    forecasts.work_out(now=now)

    found = _in(_shown(viewer), hour + HOUR)

    assert (found["slots"], found["slotsOfUnknownDuration"], found["expectedBusySeconds"]) == (3, 3, 0)


def test_a_peak_is_named(
    viewer: Caller, new_task: NewTask, ran: Callable[..., None], hourly: Task, hour: datetime, now: datetime
) -> None:
    at = hour + 5 * HOUR
    nightly = new_task("Nightly", cronExpression=f"0 15 {at.hour} * * ?", queue="nightly")
    ran(nightly, 90)
    forecasts.work_out(now=now)

    (peak,) = _shown(viewer)["peaks"]

    assert (peak["queue"], peak["from"], peak["expectedBusySeconds"]) == ("nightly", instant(at), 5400)
    assert peak["timesMean"] == 24
    assert peak["message"].startswith(f"nightly is busiest on {at:%a %d %b} from {at:%H}:00 to ")
    assert "90.0 minutes of work in 1 slot, 24.0 times its mean hour." in peak["message"]


def test_before_the_first_is_worked_out_nothing_is_shown(viewer: Caller, hourly: Task) -> None:
    answer = _shown(viewer)

    assert (answer["workedOutAt"], answer["intervals"], answer["peaks"], answer["slots"]) == (None, [], [], 0)


def test_a_bound_token_sees_its_namespace(
    viewer: Caller, payments_editor: Caller, hourly: Task, payroll: Task, hour: datetime, now: datetime
) -> None:
    forecasts.work_out(now=now)

    bound, whole = _shown(payments_editor), _shown(viewer)

    assert bound["namespace"] == "payments"
    assert {queue["queue"] for one in bound["intervals"] for queue in one["queues"]} == {"default"}
    assert (_in(bound, hour + 2 * HOUR)["slots"], _in(whole, hour + 2 * HOUR)["slots"]) == (1, 2)


@pytest.mark.parametrize("query", ["hours=0", "hours=169", "hours=x", "window=24h"])
def test_it_refuses(viewer: Caller, query: str) -> None:
    answer = viewer.get(f"/api/v1/forecast?{query}")

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, query.split("=")[0])


def test_two_queries_are_asked(hourly: Task, now: datetime) -> None:
    forecasts.work_out(now=now)

    with CaptureQueriesContext(connection) as queries:
        forecast(168, namespace=None, now=now)

    assert len(queries) == 2


class TestWorkingOut:
    """What the chore counts, and how it goes on."""

    def test_what_does_not_fire_is_left_out(self, operator: Caller, hourly: Task, now: datetime) -> None:
        operator.send("post", f"tasks/{hourly.id}/pause")
        forecasts.work_out(now=now)

        assert _loads() == []

    def test_after_a_pause_that_ends_it_fires(
        self, operator: Caller, hourly: Task, hour: datetime, now: datetime
    ) -> None:
        operator.send("post", f"tasks/{hourly.id}/pause", {"until": instant(hour + 48 * HOUR)})
        forecasts.work_out(now=now)

        assert (_loads(hour__lt=hour + 48 * HOUR), len(_loads())) == ([], forecasts.HOURS - 48)

    def test_what_is_left_out_on_request_is_not_counted(
        self, operator: Caller, hourly: Task, hour: datetime, now: datetime
    ) -> None:
        operator.send("post", f"tasks/{hourly.id}/skip", {"slot": instant(hour + 2 * HOUR + 30 * MINUTE)})
        forecasts.work_out(now=now)

        assert (_loads(hour=hour + 2 * HOUR), _loads(hour=hour + 3 * HOUR)) == ([], [(1, 0, 180_000)])

    def test_a_fixed_delay_waits_for_its_runs(
        self, new_task: NewTask, ran: Callable[..., None], hour: datetime, now: datetime
    ) -> None:
        ran(new_task(intervalSeconds=600, intervalMode="FIXED_DELAY"), 10)
        forecasts.work_out(now=now)

        assert _loads(hour=hour + 3 * HOUR) == [(3, 0, 1_800_000)]

    def test_a_definition_that_yields_no_slots_stops_nothing(self, hourly: Task, cleanup: Task, now: datetime) -> None:
        Task.objects.filter(id=cleanup.id).update(cron_expression="broken")

        assert forecasts.work_out(now=now) == 2
        assert len(_loads()) >= forecasts.HOURS - 1

    def test_many_tasks_are_counted_page_by_page(
        self, new_task: NewTask, hour: datetime, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(forecasts, "PAGE", 2)
        monkeypatch.setattr(forecasts, "PAGES_AT_ONCE", 2)
        for number in range(5):
            new_task(f"Task {number}", cronExpression="0 30 * * * ?")

        assert (forecasts.work_out(now=now), forecasts.current()) == (4, None)
        assert (forecasts.work_out(now=now), forecasts.current() is not None) == (1, True)
        assert _loads(hour=hour + 2 * HOUR) == [(5, 5, 0)]

    def test_a_page_that_fails_is_counted_once(
        self, new_task: NewTask, hour: datetime, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        new_task(cronExpression="0 30 * * * ?")
        forecasts._under_way(now)
        with monkeypatch.context() as broken, pytest.raises(RuntimeError):
            broken.setattr(ForecastRun, "save", _fail)
            forecasts.work_out(now=now)
        forecasts.work_out(now=now)

        assert _loads(hour=hour + 2 * HOUR) == [(1, 1, 0)]

    def test_it_is_worked_out_anew_after_a_while(self, hourly: Task, now: datetime) -> None:
        forecasts.work_out(now=now)

        assert forecasts.work_out(now=now + forecasts.AGAIN_AFTER - MINUTE) == 0
        assert forecasts.work_out(now=now + forecasts.AGAIN_AFTER) == 1

    def test_earlier_ones_are_forgotten(self, hourly: Task, now: datetime) -> None:
        for number in range(3):
            forecasts.work_out(now=now + number * forecasts.AGAIN_AFTER)
        forecasts.work_out(now=now + 2 * forecasts.AGAIN_AFTER)

        shown = forecasts.current()
        assert shown is not None
        assert list(ForecastRun.objects.values_list("id", flat=True)) == [shown.pk]
        assert set(Forecast.objects.values_list("run_id", flat=True)) == {shown.pk}


def _fail(*_: Any, **__: Any) -> None:
    raise RuntimeError
