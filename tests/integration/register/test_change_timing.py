"""What an edit and a resume make of slots: those due in the same second, under jitter, calendars and fixed delays."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from register import operating, services
from register.api.reading import read_changes, read_pause, read_resume
from scheduler import connections, firing
from scheduler.models import Calendar, Execution, Task
from tests.integration.conftest import Caller

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
TICK = timedelta(microseconds=1)


def change(task: Task, now: datetime, **fields: Any) -> Task:
    return services.change_task(task.id, read_changes(fields), namespace=None, now=now)


def pause(task: Task, now: datetime) -> None:
    operating.pause_task(task.id, read_pause({}), actor="olaf", namespace=None, now=now)


def resume(task: Task, now: datetime, **fields: Any) -> Task:
    return operating.resume_task(task.id, read_resume(fields), namespace=None, now=now)


def history() -> list[tuple[str, str | None, datetime]]:
    rows = Execution.objects.order_by("scheduled_for", "attempt")
    return [(row.status, row.reason, row.scheduled_for) for row in rows]


@pytest.fixture
def hour(now: datetime) -> datetime:
    """The coming full hour."""
    return now.replace(minute=0, second=0, microsecond=0) + HOUR


@pytest.fixture
def hourly(new_task: Callable[..., Task]) -> Task:
    return new_task(cronExpression="0 0 * * * ?")


@pytest.fixture
def jittered(new_task: Callable[..., Task]) -> Task:
    return new_task(cronExpression="0 0 * * * ?", jitterSeconds=3000)


@pytest.mark.parametrize("late", [timedelta(0), TICK, SECOND])
def test_an_edit_at_a_slot_leaves_it_to_the_old_definition(hourly: Task, hour: datetime, late: timedelta) -> None:
    changed = change(hourly, hour + late, cronExpression="0 30 * * * ?")

    assert history() == [("QUEUED", None, hour)]
    assert changed.next_slot_for == hour + 30 * MINUTE


def test_an_edit_just_before_a_slot_takes_it_away(hourly: Task, hour: datetime) -> None:
    changed = change(hourly, hour - TICK, cronExpression="0 30 * * * ?")

    assert (history(), changed.next_slot_for) == ([], hour + 30 * MINUTE)


def test_an_edit_at_a_slot_that_both_have_fires_it_once(hourly: Task, hour: datetime) -> None:
    changed = change(hourly, hour, cronExpression="0 0/30 * * * ?")
    firing.claim(connections.current(), now=hour)

    assert (history(), changed.next_slot_for) == ([("QUEUED", None, hour)], hour + 30 * MINUTE)


@pytest.mark.parametrize("late", [timedelta(0), SECOND])
def test_a_pause_at_a_slot_leaves_it_running(hourly: Task, hour: datetime, late: timedelta) -> None:
    pause(hourly, hour + late)

    assert history() == [("QUEUED", None, hour)]


@pytest.mark.parametrize("late", [timedelta(0), SECOND])
def test_a_resume_at_a_slot_counts_it_to_the_pause(hourly: Task, hour: datetime, late: timedelta) -> None:
    pause(hourly, hour - MINUTE)
    resumed = resume(hourly, hour + late)

    assert (history(), resumed.next_slot_for) == ([("SKIPPED", "paused", hour)], hour + HOUR)


def test_a_resume_with_catch_up_at_a_slot_runs_it_on_time(hourly: Task, hour: datetime) -> None:
    pause(hourly, hour - MINUTE)
    resume(hourly, hour + SECOND, catchUp=True)
    firing.claim(connections.current(), now=hour + SECOND)

    assert [(row.status, row.trigger) for row in Execution.objects.all()] == [("QUEUED", "SCHEDULE")]


def test_an_edit_records_a_slot_whose_jitter_is_not_over(jittered: Task, hour: datetime) -> None:
    due_at = jittered.next_execution_time
    changed = change(jittered, hour + SECOND, cronExpression="0 30 * * * ?")

    row = Execution.objects.get()
    assert (row.status, row.reason, row.scheduled_for, row.not_before) == ("SCHEDULED", "jitter", hour, due_at)
    assert changed.next_slot_for == hour + 30 * MINUTE


def test_a_slot_is_shown_with_its_jitter(jittered: Task, hour: datetime) -> None:
    assert jittered.next_slot_for == hour
    assert jittered.next_execution_time is not None
    assert hour <= jittered.next_execution_time < hour + 50 * MINUTE
    assert jittered.claim_at == jittered.next_execution_time


@pytest.mark.parametrize("seconds", [3600, 7200])
def test_jitter_is_shorter_than_the_least_gap(editor: Caller, hourly: Task, seconds: int) -> None:
    answer = editor.send("patch", f"tasks/{hourly.id}", {"jitterSeconds": seconds})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "jitterSeconds")


def test_jitter_may_be_a_second_shorter_than_the_least_gap(editor: Caller, hourly: Task) -> None:
    assert editor.send("patch", f"tasks/{hourly.id}", {"jitterSeconds": 3599}).status_code == 200


@pytest.fixture
def weekends(db: None) -> Calendar:
    return Calendar.objects.create(name="weekends", rules={"weekdays": ["SAT", "SUN"]})


@pytest.fixture
def always(db: None) -> Calendar:
    return Calendar.objects.create(name="always", rules={"allowedTimes": [{"from": "03:00", "to": "03:01"}]})


def test_a_calendar_moves_what_is_shown(new_task: Callable[..., Task], weekends: Calendar) -> None:
    task = new_task(cronExpression="0 0 12 ? * SAT", calendar="weekends", calendarPolicy="NEXT_OPEN")

    assert task.next_slot_for is not None
    assert task.next_slot_for.weekday() == 0
    assert task.calendar_version == 1


def test_closed_slots_are_not_shown(new_task: Callable[..., Task], weekends: Calendar, now: datetime) -> None:
    task = new_task(cronExpression="0 0 12 * * ?", calendar="weekends")

    assert task.next_execution_time is not None
    assert task.next_execution_time.weekday() < 5


def test_a_task_that_its_calendar_closes_for_ever_is_refused(editor: Caller, hourly: Task, always: Calendar) -> None:
    body = {"calendar": "always", "cronExpression": "0 0 12 * * ?"}
    answer = editor.send("patch", f"tasks/{hourly.id}", body)

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "calendar")


def test_taking_the_calendar_away_takes_its_policy_away(
    editor: Caller, new_task: Callable[..., Task], weekends: Calendar
) -> None:
    task = new_task(cronExpression="0 0 12 * * ?", calendar="weekends", calendarPolicy="NEXT_OPEN")
    answer = editor.send("patch", f"tasks/{task.id}", {"calendar": None}).json()

    assert (answer["calendar"], answer["calendarPolicy"]) == (None, "SKIP")


def test_a_namespace_has_its_own_calendar_before_the_shared_one(
    new_task: Callable[..., Task], weekends: Calendar
) -> None:
    own = Calendar.objects.create(name="weekends", namespace="payments", rules={})
    task = new_task(cronExpression="0 0 12 * * ?", calendar="weekends", namespace="payments")

    assert task.calendar == own


def test_a_clone_does_not_take_the_calendar_of_another_namespace_along(
    editor: Caller, new_task: Callable[..., Task]
) -> None:
    Calendar.objects.create(name="own", namespace="payments", rules={})
    task = new_task(cronExpression="0 0 12 * * ?", calendar="own", namespace="payments")
    answer = editor.send("post", f"tasks/{task.id}/clone", {"name": "copy", "namespace": "default"})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "calendar")


def test_a_fixed_delay_does_not_overlap(editor: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task(intervalSeconds=60, intervalMode="FIXED_DELAY")

    assert task.overlap_policy == "SKIP"
    answer = editor.send("patch", f"tasks/{task.id}", {"overlapPolicy": "QUEUE"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "overlapPolicy")


def test_an_edit_of_a_fixed_delay_that_runs_waits_for_the_end(new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(intervalSeconds=60, intervalMode="FIXED_DELAY")
    firing.claim(connections.current(), now=now + MINUTE)
    changed = change(task, now + 2 * MINUTE, intervalSeconds=90)

    assert (changed.status, changed.next_slot_for, changed.claim_at) == ("ACTIVE", None, None)


def test_an_edit_of_a_fixed_delay_that_rests_counts_from_the_edit(new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(intervalSeconds=60, intervalMode="FIXED_DELAY", misfirePolicy="SKIP")
    firing.claim(connections.current(), now=now + HOUR)  # missed: the slot has ended with that
    changed = change(task, now + HOUR + SECOND, intervalSeconds=90)

    assert changed.next_slot_for == now + HOUR + SECOND + 90 * SECOND


def test_a_fixed_delay_may_become_a_fixed_rate_while_it_runs(new_task: Callable[..., Task], now: datetime) -> None:
    task = new_task(intervalSeconds=60, intervalMode="FIXED_DELAY")
    firing.claim(connections.current(), now=now + MINUTE)
    changed = change(task, now + MINUTE, intervalMode="FIXED_RATE")

    assert changed.next_slot_for == now + 2 * MINUTE


def test_a_fixed_delay_without_an_interval_is_refused(editor: Caller, hourly: Task) -> None:
    answer = editor.send("patch", f"tasks/{hourly.id}", {"intervalMode": "FIXED_DELAY"})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "intervalMode")


def test_another_kind_of_schedule_takes_the_mode_away(editor: Caller, new_task: Callable[..., Task]) -> None:
    task = new_task(intervalSeconds=60, intervalMode="FIXED_DELAY")
    answer = editor.send("patch", f"tasks/{task.id}", {"cronExpression": "0 0 * * * ?"}).json()

    assert (answer["intervalSeconds"], answer["intervalMode"]) == (None, "FIXED_RATE")


def test_a_paused_fixed_delay_goes_on_an_interval_after_its_resume(
    new_task: Callable[..., Task], now: datetime
) -> None:
    task = new_task(intervalSeconds=60, intervalMode="FIXED_DELAY")
    pause(task, now + SECOND)
    resumed = resume(task, now + HOUR)

    assert history() == [("SKIPPED", "paused", now + MINUTE)]
    assert resumed.next_slot_for == now + HOUR + MINUTE


def test_a_fixed_delay_that_is_paused_and_resumed_while_it_runs_still_waits(
    new_task: Callable[..., Task], now: datetime
) -> None:
    task = new_task(intervalSeconds=60, intervalMode="FIXED_DELAY")
    firing.claim(connections.current(), now=now + MINUTE)
    pause(task, now + 2 * MINUTE)
    resumed = resume(task, now + 3 * MINUTE)

    assert (resumed.status, resumed.next_slot_for) == ("ACTIVE", None)
