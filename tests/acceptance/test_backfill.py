"""A backfill with real processes: schedulers and a worker, kill -9 in between."""

import os
import signal
from collections import Counter
from typing import Any

import pytest

from tests.acceptance.platform import Platform, two_of_each

pytestmark = pytest.mark.acceptance

SLOTS = 120


@pytest.fixture(scope="module")
def platform():
    with two_of_each() as platform:
        yield platform


@pytest.fixture(scope="module")
def task(platform: Platform) -> dict[str, Any]:
    """A task that fires once a day."""
    body = {
        "name": "Daily report",
        "cronExpression": "0 0 0 * * ?",
        "taskClass": "platform.noop",
        "retryPolicy": {"backoff": "FIXED", "delaySeconds": 1},
    }
    answer = platform.call("POST", "/api/v1/tasks", body)
    assert answer.status == 201, answer
    return answer


@pytest.fixture(scope="module")
def operation(platform: Platform, task: dict[str, Any]) -> dict[str, Any]:
    """Run four months of it again, kill a scheduler and a worker meanwhile, and wait for the end."""
    period = {"from": "2023-01-01T00:00:00Z", "to": "2023-05-01T00:00:00Z", "maxParallel": 4}
    answer = platform.call("POST", f"/api/v1/tasks/{task['id']}/backfill", period)
    assert answer.status == 202, answer
    path = f"/api/v1/operations/{answer['id']}"
    platform.wait_for(lambda: platform.get(path)["counts"]["done"] >= 10, seconds=60)
    os.kill(platform.pids("scheduler")[0], signal.SIGKILL)
    platform.wait_for(lambda: platform.get(path)["counts"]["done"] >= 40, seconds=60)
    os.kill(platform.pids("worker")[0], signal.SIGKILL)
    platform.wait_for(lambda: platform.get(path)["status"] != "RUNNING", seconds=150)
    return platform.get(path)


def test_it_runs_every_slot_whatever_is_killed(operation: dict[str, Any]):
    assert (operation["status"], operation["counts"], operation["progress"]) == (
        "COMPLETED", {"total": SLOTS, "done": SLOTS, "failed": 0, "skipped": 0, "running": 0}, 1,
    ), operation["errors"]  # fmt: skip


def test_it_succeeds_once_a_slot(platform: Platform, task: dict[str, Any], operation: dict[str, Any]):
    path = f"/api/v1/tasks/{task['id']}/history?startDate=2023-01-01&endDate=2023-04-30&status=SUCCESS&size=200"
    found = Counter(row["scheduledFor"] for row in platform.get(path)["content"])
    assert (len(found), set(found.values())) == (SLOTS, {1})
