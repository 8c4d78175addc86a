"""Lanes: which tasks are shown, and what of each."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from query.lanes import Lanes, lanes
from scheduler.models import Execution, Task

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def shown(now: datetime, *, count: int = 10, namespace: str | None = None) -> Lanes:
    return lanes(namespace=namespace, now=now, back=6 * HOUR, ahead=HOUR, count=count)


def names(of: Lanes) -> list[str]:
    return [lane.task.name for lane in of.lanes]


def test_tasks_in_trouble_come_first_then_those_that_run_then_the_latest(
    new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime
) -> None:
    calm, busy, bad, worse = (new_task(name) for name in ("Calm", "Busy", "Bad", "Worse"))
    record(calm, now - MINUTE, status="SUCCESS")
    record(busy, now - 5 * MINUTE, status="RUNNING", start_time=now - 5 * MINUTE)
    record(bad, now - 9 * MINUTE, status="FAILED")
    for minutes in (20, 30):
        record(worse, now - minutes * MINUTE, status="TIMED_OUT")
    assert names(shown(now)) == ["Worse", "Bad", "Busy", "Calm"]


def test_no_more_are_shown_than_were_asked_for(
    new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime
) -> None:
    for number in range(4):
        record(new_task(f"Task {number}"), now - (number + 1) * MINUTE, status="SUCCESS")
    assert names(shown(now, count=2)) == ["Task 0", "Task 1"]


@pytest.mark.parametrize(
    ("columns", "begin", "end"),
    [
        ({"status": "SUCCESS", "start_time": -9, "end_time": -7}, -9, -7),
        ({"status": "RUNNING", "start_time": -9}, -9, 0),
        ({"status": "QUEUED"}, -10, -10),
        ({"status": "CANCELLED", "end_time": -3}, -10, -10),
        ({"status": "SUCCESS", "start_time": -600, "end_time": -7}, -360, -7),
    ],
)
def test_a_bar_reaches_from_start_to_end(
    cleanup: Task, record: Callable[..., Execution], now: datetime, columns: dict[str, Any], begin: int, end: int
) -> None:
    instants = {name: now + value * MINUTE for name, value in columns.items() if name != "status"}
    record(cleanup, now - 10 * MINUTE, status=columns["status"], **instants)
    ((bar,),) = (lane.bars for lane in shown(now).lanes)
    assert (bar.begin, bar.end) == (now + begin * MINUTE, now + end * MINUTE)


def test_slots_that_were_left_out_are_not_shown(cleanup: Task, record: Callable[..., Execution], now: datetime) -> None:
    record(cleanup, now - MINUTE, status="SKIPPED")
    assert [lane.bars for lane in shown(now).lanes] == [()]


def test_what_comes_within_the_hour_is_shown(
    new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime
) -> None:
    task = new_task("Quarterly", intervalSeconds=900)
    record(task, now - MINUTE, status="SUCCESS")
    (lane,) = shown(now).lanes
    assert [now < slot <= now + HOUR for slot in lane.coming] == [True] * 4


def test_other_namespaces_are_not_seen(payroll: Task, record: Callable[..., Execution], now: datetime) -> None:
    record(payroll, now - MINUTE, status="SUCCESS")
    assert (names(shown(now, namespace="default")), names(shown(now, namespace="payments"))) == ([], ["Payroll"])
