"""A slot of its own that was left out for an upstream which ends better later: tried again by hand, and successful."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduler import requests
from scheduler.engine.states import Status
from tests.hot_paths import change
from tests.workflow import Workflow

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def failed(flow: Workflow, now: datetime) -> Workflow:
    """load, which has failed at its hour, and report at the same hour, which was left out for it."""
    _scheduled(flow, "load", seconds=3600, first=now)
    _scheduled(flow, "report", "load", seconds=3600, first=now)
    flow.claim()
    flow.end("load", Status.FAILED)
    assert flow.statuses("report") == ["SKIPPED/dependency"]
    return flow


def _scheduled(flow: Workflow, name: str, *upstreams: str, seconds: int, first: datetime, **columns: Any) -> None:
    interval = timedelta(seconds=seconds)
    flow.add(name, *upstreams, interval_seconds=seconds, anchor_at=first - interval, next_slot_for=first, **columns)


def retry(flow: Workflow, name: str, status: Status = Status.SUCCESS) -> None:
    """Try the latest slot of a task again by hand, and end it."""
    with flow.connection.transaction():
        requests.retry(flow.connection, flow.rows(name)[0]["id"], now=flow.now)
    flow.end(name, status)


def attempts(flow: Workflow, name: str) -> list[tuple[str, int]]:
    return [(row["status"], row["attempt"]) for row in sorted(flow.rows(name), key=lambda row: row["attempt"])]


def test_it_goes_as_its_next_attempt(failed: Workflow, now: datetime) -> None:
    retry(failed, "load")

    assert attempts(failed, "report") == [("SKIPPED", 1), ("QUEUED", 2)]
    row = max(failed.rows("report"), key=lambda row: row["attempt"])
    assert (row["scheduled_for"], row["trigger"], row["due_at"]) == (now, "DEPENDENCY", failed.now)


def test_it_stays_left_out_where_the_upstream_fails_again(failed: Workflow) -> None:
    retry(failed, "load", Status.FAILED)

    assert attempts(failed, "report") == [("SKIPPED", 1)]


def test_it_goes_once(failed: Workflow) -> None:
    retry(failed, "load")
    failed.end("report")
    failed.carry_on()

    assert attempts(failed, "report") == [("SKIPPED", 1), ("SUCCESS", 2)]


def test_what_follows_it_goes_too(flow: Workflow, now: datetime) -> None:
    _scheduled(flow, "load", seconds=3600, first=now)
    _scheduled(flow, "report", "load", seconds=3600, first=now)
    flow.add("mail", "report")
    flow.claim()
    flow.end("load", Status.FAILED)
    assert flow.statuses("mail") == ["SKIPPED/dependency"]

    retry(flow, "load")
    flow.end("report")

    assert attempts(flow, "mail") == [("SKIPPED", 1), ("QUEUED", 2)]


@pytest.mark.parametrize(
    ("policy", "limit", "gone"),
    [("FIRE_ONCE", 100, [2]), ("FIRE_ALL", 100, [0, 1, 2]), ("FIRE_ALL", 2, [1, 2]), ("SKIP", 100, [])],
)
def test_of_several_the_misfire_policy_says_which(
    flow: Workflow, now: datetime, policy: str, limit: int, gone: list[int]
) -> None:
    _scheduled(flow, "load", seconds=3600, first=now)
    _scheduled(flow, "report", "load", seconds=60, first=now, misfire_policy=policy, catch_up_limit=limit)
    flow.claim()
    flow.end("load", Status.FAILED)
    for _ in range(2):
        flow.now = max(row["scheduled_for"] for row in flow.rows("report")) + MINUTE
        flow.claim()
        flow.carry_on()
    assert flow.statuses("report") == ["SKIPPED/dependency"] * 3

    retry(flow, "load")

    again = sorted(row["scheduled_for"] for row in flow.rows("report") if row["attempt"] == 2)
    assert again == [now + index * MINUTE for index in gone]


def test_one_after_the_upstream_s_next_slot_is_none_of_its(flow: Workflow, now: datetime) -> None:
    _scheduled(flow, "load", seconds=3600, first=now)
    _scheduled(flow, "report", "load", seconds=3600, first=now)
    flow.claim()
    flow.end("load", Status.FAILED)
    flow.now = now + HOUR
    flow.claim()
    flow.end("load", Status.FAILED)
    assert flow.statuses("report") == ["SKIPPED/dependency"] * 2

    retry(flow, "load")

    assert [row["scheduled_for"] for row in flow.rows("report") if row["attempt"] == 2] == [now]


def test_a_paused_one_is_left_out_for_that(failed: Workflow) -> None:
    change(failed.connection, "scheduler_tasks", failed.tasks["report"], status="PAUSED", claim_at=None)

    retry(failed, "load")

    assert failed.statuses("report") == ["SKIPPED/dependency", "SKIPPED/paused"]
