"""What runs for longest, and what has failed and not run well since."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from query.attention import Attention, attention
from scheduler.models import Execution, Task

MINUTE = timedelta(minutes=1)


@pytest.fixture
def task(new_task: Callable[..., Task]) -> Task:
    return new_task("Report", intervalSeconds=60)


def seen(now: datetime, namespace: str | None = None) -> Attention:
    return attention(namespace=namespace, now=now)


def failed(now: datetime) -> list[tuple[str, int]]:
    return [(one.status, one.attempt) for one in seen(now).failed]


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "LOST"])
def test_what_has_failed_needs_attention(
    task: Task, record: Callable[..., Execution], now: datetime, status: str
) -> None:
    record(task, now - MINUTE, status=status)
    assert failed(now) == [(status, 1)]


@pytest.mark.parametrize("status", ["SUCCESS", "CANCELLED"])
def test_what_came_to_something_else_at_its_latest_slot_does_not(
    task: Task, record: Callable[..., Execution], now: datetime, status: str
) -> None:
    record(task, now - 2 * MINUTE, status="FAILED")
    record(task, now - MINUTE, status=status)
    assert failed(now) == []


@pytest.mark.parametrize("status", ["RUNNING", "QUEUED", "SCHEDULED", "SKIPPED"])
def test_a_slot_that_has_not_run_is_no_recovery(
    task: Task, record: Callable[..., Execution], now: datetime, status: str
) -> None:
    record(task, now - 2 * MINUTE, status="FAILED")
    record(task, now - MINUTE, status=status)
    assert failed(now) == [("FAILED", 1)]


def test_a_task_whose_every_slot_is_tried_again_needs_attention(
    task: Task, record: Callable[..., Execution], now: datetime
) -> None:
    for number in (1, 2):
        record(task, now - number * MINUTE, status="FAILED")
        record(task, now - number * MINUTE, attempt=2, status="SCHEDULED")
    assert [(one.scheduled_for, one.attempt) for one in seen(now).failed] == [(now - MINUTE, 1)]


@pytest.mark.parametrize(("second", "shown"), [("SUCCESS", []), ("SCHEDULED", []), ("FAILED", [("FAILED", 2)])])
def test_the_last_attempt_at_a_slot_decides(
    task: Task, record: Callable[..., Execution], now: datetime, second: str, shown: list[tuple[str, int]]
) -> None:
    record(task, now - MINUTE, status="FAILED")
    record(task, now - MINUTE, attempt=2, status=second)
    assert failed(now) == shown


def test_the_latest_failures_come_first(
    new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime
) -> None:
    for number in range(10):
        record(new_task(f"Task {number}"), now - (number + 1) * MINUTE, status="FAILED")
    assert [one.task.name for one in seen(now).failed] == [f"Task {number}" for number in range(8)]


def test_a_task_that_fails_each_time_is_shown_once(task: Task, record: Callable[..., Execution], now: datetime) -> None:
    for number in range(3):
        record(task, now - (number + 1) * MINUTE, status="FAILED")
    assert [one.scheduled_for for one in seen(now).failed] == [now - MINUTE]


def test_a_failure_of_the_day_before_yesterday_is_history(
    task: Task, record: Callable[..., Execution], now: datetime
) -> None:
    record(task, now - timedelta(days=2), status="FAILED")
    assert failed(now) == []


def test_what_has_run_for_longest_comes_first(task: Task, record: Callable[..., Execution], now: datetime) -> None:
    for minutes in (1, 3, 2):
        record(task, now - minutes * MINUTE, status="RUNNING", start_time=now - minutes * MINUTE)
    began = [one.start_time for one in seen(now).running]
    assert began == sorted(now - minutes * MINUTE for minutes in (1, 2, 3))


def test_other_namespaces_are_not_seen(payroll: Task, record: Callable[..., Execution], now: datetime) -> None:
    record(payroll, now - MINUTE, status="FAILED")
    assert (seen(now, "default").failed, len(seen(now, "payments").failed)) == ((), 1)
