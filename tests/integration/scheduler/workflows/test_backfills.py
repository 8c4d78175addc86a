"""Backfills of a task that has both a schedule and dependencies: its slots wait as those of the schedule do."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from scheduler import backfills, firing
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import Status
from tests.hot_paths import add_backfill, operation
from tests.integration.scheduler.backfills.filling import had
from tests.workflow import Workflow

HOUR = timedelta(hours=1)


@pytest.fixture
def hourly(flow: Workflow, now: datetime) -> Workflow:
    """load and report, both every hour; report waits for load, and neither has a history."""
    columns: dict[str, Any] = {
        "interval_seconds": 3600,
        "anchor_at": now - 9 * HOUR,
        "next_slot_for": now + HOUR,
        "last_slot_for": now,
    }
    flow.add("load", **columns)
    flow.add("report", "load", **columns)
    return flow


def backfill(flow: Workflow, name: str, *, hours: int = 1) -> UUID:
    """Ask for a backfill of the hours before the last one, and have it begin."""
    end = flow.now - HOUR + timedelta(microseconds=1)
    asked = add_backfill(
        flow.connection, flow.tasks[name], begin=end - hours * HOUR, end=end, now=flow.now, max_parallel=5
    )
    advance(flow)
    return asked


def advance(flow: Workflow) -> None:
    flow.now += timedelta(seconds=1)
    backfills.advance(flow.connection, after=EVERYWHERE, now=flow.now)
    flow.carry_on()


def test_a_slot_goes_where_its_dependency_had_ended(hourly: Workflow, now: datetime) -> None:
    had(hourly.connection, hourly.tasks["load"], now - HOUR, Status.SUCCESS)

    backfill(hourly, "report")

    assert [(row["status"], row["trigger"]) for row in hourly.rows("report")] == [("QUEUED", "BACKFILL")]


def test_a_slot_is_left_out_where_its_dependency_had_failed(hourly: Workflow, now: datetime) -> None:
    had(hourly.connection, hourly.tasks["load"], now - HOUR, Status.FAILED)

    asked = backfill(hourly, "report")
    advance(hourly)

    assert hourly.statuses("report") == ["SKIPPED/dependency"]
    row = operation(hourly.connection, asked)
    assert (row["status"], row["failed_count"], row["errors"][0]["message"]) == ("COMPLETED", 1, "dependency")


def test_a_slot_waits_for_the_backfill_of_its_dependency(hourly: Workflow, now: datetime) -> None:
    had(hourly.connection, hourly.tasks["load"], now - HOUR, Status.FAILED)
    backfill(hourly, "load")

    backfill(hourly, "report")
    assert hourly.statuses("report") == ["SCHEDULED/dependency"]
    hourly.end("load")

    assert hourly.statuses("report") == ["QUEUED"]


def test_a_slot_waits_for_what_a_backfill_has_not_come_to_yet(hourly: Workflow, now: datetime) -> None:
    end = now - HOUR + timedelta(microseconds=1)
    add_backfill(hourly.connection, hourly.tasks["load"], begin=end - 2 * HOUR, end=end, now=now)
    backfill(hourly, "report", hours=2)
    assert hourly.statuses("report") == ["SCHEDULED/dependency"] * 2

    hourly.end("load")
    assert sorted(hourly.statuses("report")) == ["QUEUED", "SCHEDULED/dependency"]
    advance(hourly)
    hourly.end("load")

    assert hourly.statuses("report") == ["QUEUED"] * 2


def test_what_a_backfill_came_to_is_what_counts(hourly: Workflow, now: datetime) -> None:
    had(hourly.connection, hourly.tasks["load"], now - HOUR, Status.SUCCESS)
    add_backfill(hourly.connection, hourly.tasks["load"], begin=now - HOUR, end=now, now=now, rerun=True)
    advance(hourly)
    hourly.end("load", Status.FAILED)

    backfill(hourly, "report")

    assert hourly.statuses("report") == ["SKIPPED/dependency"]


def test_a_slot_of_the_schedule_does_not_look_at_backfills(hourly: Workflow, now: datetime) -> None:
    had(hourly.connection, hourly.tasks["load"], now - HOUR, Status.FAILED)
    backfill(hourly, "load")
    hourly.end("load")
    hourly.connection.execute(
        "UPDATE scheduler_tasks SET next_slot_for = %(at)s, claim_at = %(at)s, last_slot_for = NULL WHERE id = %(id)s",
        {"at": now, "id": hourly.tasks["report"]},
    )

    firing.claim(hourly.connection, now=hourly.now)
    hourly.carry_on()

    assert hourly.statuses("report") == ["SKIPPED/dependency"]


def test_a_slot_waits_for_what_follows_in_the_run_of_a_backfill(hourly: Workflow, now: datetime) -> None:
    hourly.add("clean", "load")
    hourly.add(
        "digest", "clean", interval_seconds=3600, anchor_at=now - 9 * HOUR, next_slot_for=now + HOUR, last_slot_for=now
    )
    backfill(hourly, "load")
    backfill(hourly, "digest")
    assert hourly.statuses("digest") == ["SCHEDULED/dependency"]

    hourly.end("load")
    assert hourly.statuses("digest") == ["SCHEDULED/dependency"]
    hourly.end("clean")

    assert hourly.statuses("digest") == ["QUEUED"]
