"""Circuits and predictions: what they show, and closing a circuit by hand."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from query import outlooks
from scheduler.models import AuditRecord, Circuit, Execution, Permit, Protection, Task
from tests.integration.query.pages.inhabited import seated
from tests.integration.query.pages.test_task_page import text

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def fresh_outlooks() -> None:
    """Nothing is kept of what an earlier test was answered."""
    outlooks.kept.clear()


@pytest.fixture
def circuits(db: None, now: datetime) -> None:
    """One that is open, one that is closed."""
    Circuit.objects.create(name="billing", since=now)
    Circuit.objects.create(name="ledger", state="OPEN", since=now, cause="8 of 10 calls failed", retry_at=now + MINUTE)


@pytest.mark.usefixtures("circuits")
def test_what_is_open_comes_first_with_its_cause() -> None:
    page = text(seated("viewer"), "/admin/circuits/")

    assert page.index("ledger") < page.index("billing")
    assert "8 of 10 calls failed" in page
    assert "Close it" not in page


@pytest.mark.usefixtures("circuits")
def test_the_overview_says_which_are_open() -> None:
    assert "1 circuit open: ledger" in text(seated("viewer"), "/admin/")


@pytest.mark.usefixtures("circuits")
def test_one_is_closed_by_hand() -> None:
    answer: Any = seated("operator").post("/admin/circuits/ledger/reset/", follow=True)

    assert "The circuit ledger is closed" in answer.content.decode()
    assert Circuit.objects.get(name="ledger").state == "CLOSED"
    assert AuditRecord.objects.filter(via="CONSOLE").count() == 1


def test_without_any_it_says_how_there_would_be_some(db: None) -> None:
    assert "No service has been called yet." in text(seated("viewer"), "/admin/circuits/")


@pytest.fixture
def running(new_task: Callable[..., Task], record: Callable[..., Execution], now: datetime) -> Execution:
    """A run that has taken two minutes, of a task that takes one and may take half of one; and one of a new task."""
    task = new_task("Slow", intervalSeconds=600, sla={"maxDurationSeconds": 30})
    for number in range(10):
        times = {"start_time": now, "end_time": now, "execution_time_ms": 60_000}
        record(task, now - (number + 5) * MINUTE, status="SUCCESS", **times)
    record(new_task("New", intervalSeconds=600), now - 4 * MINUTE, status="RUNNING", start_time=now - 4 * MINUTE)
    begin = now - MINUTE / 6
    sla = {"maxDurationSeconds": 30}
    return record(task, now - MINUTE, status="RUNNING", start_time=begin, sla=sla)


def test_what_will_miss_its_promise_comes_first(running: Execution) -> None:
    page = text(seated("viewer"), "/admin/predictions/")

    assert page.index(">Slow<") < page.index(">New<")
    assert "⚠ will miss its duration" in page
    assert "It has run too rarely for anything to be said." in page


def test_a_task_foresees_the_end_of_its_run(running: Execution) -> None:
    page = text(seated("viewer"), f"/admin/task/{running.task_id}/")

    assert "⚠ will miss its duration" in page
    assert "comes next" in page


def test_load_that_is_too_much_is_told(db: None, now: datetime) -> None:
    exceeded = [{"signal": "cpuPercent", "value": 96.5, "of": "worker host", "soft": 85.0, "hard": 95.0}]
    Protection.objects.update_or_create(
        id=1, defaults={"level": "THROTTLED", "since": now, "rate": 12.5, "exceeded": exceeded, "decided_at": now}
    )

    Permit.objects.create(key="shed:3", is_paused=True)

    assert "throttled by load" in text(seated("viewer"), "/admin/")
    page = text(seated("viewer"), "/admin/circuits/")
    assert "at most 12.5 a second" in page
    assert "cpuPercent of worker host is 96.5" in page
    assert "Fresh slots up to priority 3 are left out." in page


def test_load_that_is_none_is_told_too(db: None) -> None:
    assert "Normal: nothing is held back." in text(seated("viewer"), "/admin/circuits/")
