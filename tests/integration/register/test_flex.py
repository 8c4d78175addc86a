"""flexSeconds: a slot is due where the forecast of its queue is low, and once that is decided it stays."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from register import operating, services
from register.api.reading import read_changes, read_pause, read_resume
from scheduler import connections, dayloads, firing, forecasts
from scheduler.engine.flex import shift
from scheduler.models import Execution, ForecastDay, ForecastRun, Task
from tests.integration.conftest import Caller

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FIVE_MINUTES = 300

NewTask = Callable[..., Task]


@pytest.fixture
def hour(now: datetime) -> datetime:
    """The coming full hour."""
    return now.replace(minute=0, second=0, microsecond=0) + HOUR


@pytest.fixture
def hourly(new_task: NewTask) -> Task:
    return new_task(cronExpression="0 0 * * * ?", flexSeconds=FIVE_MINUTES)


def forecast(now: datetime, level: Callable[[int], float], *, queue: str = "default") -> None:
    """Finish a forecast that brings so much work to the minutes of each hour."""
    run = ForecastRun.objects.create(begin=now, started_at=now, finished_at=now)
    levels = [level(minute % 60) for minute in range(1_440)]
    ForecastDay.objects.create(run=run, queue=queue, level=levels, moving=[1.0] * 1_440)


def flex_of(task: Task) -> timedelta:
    assert task.next_execution_time is not None
    assert task.next_slot_for is not None
    return task.next_execution_time - task.next_slot_for


def claim(now: datetime) -> None:
    firing.claim(connections.current(), now=now)


def test_a_slot_is_shown_where_it_is_due(hourly: Task, hour: datetime) -> None:
    assert hourly.next_slot_for == hour
    assert timedelta() <= flex_of(hourly) < 5 * MINUTE
    assert hourly.claim_at == hourly.next_execution_time
    assert (hourly.flex_for, hourly.flex_ms) == (hour, flex_of(hourly) // timedelta(milliseconds=1))


def test_half_of_the_tasks_with_five_minutes_take_a_herd_down_by_60_percent(new_task: NewTask) -> None:
    # Of a hundred tasks seventy fire at the full hour, and fifty of these may move.
    for number in range(70):
        window = FIVE_MINUTES if number < 50 else 0
        new_task(f"Herd {number}", cronExpression="0 0 * * * ?", flexSeconds=window)
    for minute in range(10, 40):
        new_task(f"At {minute}", cronExpression=f"0 {minute} * * * ?")

    seconds = Counter(at.replace(microsecond=0) for at in Task.objects.values_list("claim_at", flat=True) if at)

    assert max(seconds.values()) <= 0.4 * 70


@pytest.mark.parametrize("free", [1, 3])
def test_it_is_due_where_the_forecast_is_low(new_task: NewTask, now: datetime, free: int) -> None:
    forecast(now, lambda minute: 0.0 if minute == free else 1e6)

    made = [new_task(f"Task {number}", cronExpression="0 0 * * * ?", flexSeconds=FIVE_MINUTES) for number in range(9)]

    assert {flex_of(task) // MINUTE for task in made} == {free}


def test_what_is_decided_stays_whatever_is_forecast_later(hourly: Task, now: datetime, hour: datetime) -> None:
    before = flex_of(hourly)
    forecast(now, lambda minute: 0.0 if minute == 4 - before // MINUTE else 1e6)

    changed = services.change_task(hourly.id, read_changes({"description": "x"}), namespace=None, now=now)
    assert flex_of(changed) == before
    operating.pause_task(hourly.id, read_pause({}), actor="olaf", namespace=None, now=now)
    resumed = operating.resume_task(hourly.id, read_resume({}), namespace=None, now=now)
    assert (resumed.next_slot_for, flex_of(resumed)) == (hour, before)
    # The claim of any node finds it at that instant, not before.
    claim(hour + before - timedelta(milliseconds=1))
    assert not Execution.objects.exists()
    claim(hour + before)
    row = Execution.objects.get()
    assert (row.scheduled_for, row.due_at, row.status) == (hour, hour + before, "QUEUED")


def test_the_claim_decides_on_the_slot_that_follows(hourly: Task, now: datetime, hour: datetime) -> None:
    forecast(now, lambda minute: 0.0 if minute == 2 else 1e6)
    claim(hour + 5 * MINUTE)
    hourly.refresh_from_db()

    assert (hourly.next_slot_for, flex_of(hourly) // MINUTE) == (hour + HOUR, 2)
    assert (hourly.flex_for, hourly.claim_at) == (hour + HOUR, hourly.next_execution_time)


def test_another_queue_has_another_forecast(new_task: NewTask, now: datetime) -> None:
    forecast(now, lambda minute: 0.0 if minute == 3 else 1e6, queue="reports")
    task = new_task(cronExpression="0 0 * * * ?", flexSeconds=FIVE_MINUTES)

    assert task.next_slot_for is not None
    assert flex_of(task) == shift(task.id, task.next_slot_for, FIVE_MINUTES, None)


def test_a_narrower_window_is_decided_anew(hourly: Task, now: datetime) -> None:
    changed = services.change_task(hourly.id, read_changes({"flexSeconds": 1}), namespace=None, now=now)

    assert flex_of(changed) < SECOND


def test_jitter_and_flex_add_up(new_task: NewTask) -> None:
    task = new_task(cronExpression="0 0 * * * ?", jitterSeconds=60, flexSeconds=60)
    alone = services.change_task(
        task.id, read_changes({"flexSeconds": 0}), namespace=None, now=task.created_at + SECOND
    )

    assert flex_of(task) == flex_of(alone) + timedelta(milliseconds=task.flex_ms or 0)
    assert (alone.flex_for, alone.flex_ms) == (None, None)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"cronExpression": "@hourly", "flexSeconds": 3_600}, "flexSeconds"),
        ({"cronExpression": "@hourly", "flexSeconds": 1_800, "jitterSeconds": 1_800}, "flexSeconds"),
        ({"cronExpression": "@hourly", "jitterSeconds": 3_600}, "jitterSeconds"),
        ({"intervalSeconds": 60, "intervalMode": "FIXED_DELAY", "flexSeconds": 60}, "flexSeconds"),
    ],
)
def test_a_slot_may_not_be_carried_beyond_the_next(editor: Caller, handlers: Any, fields: Any, field: str) -> None:
    answer = editor.send("post", "tasks", {"name": "A", "taskClass": "platform.noop"} | fields)

    assert (answer.status_code, [one["field"] for one in answer.json()["errors"]]) == (422, [field])


def test_a_skipped_slot_leaves_the_next_one_its_place(hourly: Task, now: datetime, hour: datetime) -> None:
    skipped = operating.skip_slot(hourly.id, read_skip(hour), namespace=None, now=now)
    assert skipped.next_execution_time is not None
    assert timedelta() <= skipped.next_execution_time - (hour + HOUR) < 5 * MINUTE
    claim(hour + 5 * MINUTE)
    hourly.refresh_from_db()

    assert hourly.next_execution_time == skipped.next_execution_time


def read_skip(slot: datetime) -> Any:
    from register.api.reading import read_skip as read

    return read({"slot": slot.isoformat()})


def test_the_claim_asks_for_no_forecast_where_nothing_has_a_window(new_task: NewTask, hour: datetime) -> None:
    new_task(cronExpression="0 0 * * * ?")
    with CaptureQueriesContext(connection) as made:
        claim(hour + MINUTE)

    assert not [query for query in made.captured_queries if "forecast" in query["sql"]]


def test_the_chore_forecasts_the_minutes_of_a_day(new_task: NewTask, now: datetime) -> None:
    new_task("Rigid", cronExpression="0 30 * * * ?")
    new_task("Flexible", cronExpression="0 30 * * * ?", flexSeconds=120)
    new_task("Often", intervalSeconds=5)
    forecasts.work_out(now=now)

    day = dayloads.of_queues(connections.current(), ["default", "none"])["default"]
    steady = 100 * 12
    assert [round(day.level[number]) - steady for number in (29, 30, 31, 32)] == [0, 150, 50, 0]
    assert (day.moving[30], day.moving[31], sum(day.moving)) == (100, 0, 24 * 100)


def test_pages_of_the_walk_add_up(new_task: NewTask, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasts, "PAGE", 1)
    for number in range(3):
        new_task(f"Task {number}", cronExpression="0 30 * * * ?", flexSeconds=60)
    forecasts.work_out(now=now)

    day = dayloads.of_queues(connections.current(), ["default"])["default"]
    assert (round(day.level[30]), day.moving[30]) == (300, 300)


def test_days_of_runs_before_are_forgotten(hourly: Task, now: datetime) -> None:
    forecasts.work_out(now=now)
    forecasts.work_out(now=now + forecasts.AGAIN_AFTER)
    forecasts.work_out(now=now + 2 * forecasts.AGAIN_AFTER)

    assert ForecastDay.objects.values("run_id").distinct().count() <= 2
