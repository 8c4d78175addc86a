"""A workflow with real processes: schedulers and workers, kill -9 in between."""

import os
import signal
from collections import Counter
from typing import Any

import pytest

from tests.acceptance.platform import Platform, two_of_each

pytestmark = pytest.mark.acceptance

RUNS = 30
FOLLOWING = ("clean", "count", "report")
RETRIES = {"retryPolicy": {"backoff": "FIXED", "delaySeconds": 1}}


@pytest.fixture(scope="module")
def platform():
    with two_of_each() as platform:
        yield platform


def _register(platform: Platform, name: str, *upstreams: str) -> dict[str, Any]:
    body = {"name": name, "taskClass": "platform.noop", "dependencies": [{"name": one} for one in upstreams]}
    answer = platform.call("POST", "/api/v1/tasks", body | RETRIES)
    assert answer.status == 201, answer
    return answer


@pytest.fixture(scope="module")
def runs(platform: Platform) -> list[dict[str, Any]]:
    """Ask for thirty runs of a diamond, kill a scheduler and a worker meanwhile, and wait for the end of all."""
    extract = _register(platform, "extract")
    for name, *upstreams in (("clean", "extract"), ("count", "extract"), ("report", "clean", "count")):
        _register(platform, name, *upstreams)
    asked = [platform.call("POST", f"/api/v1/tasks/{extract['id']}/trigger", {})["id"] for _ in range(RUNS // 2)]
    os.kill(platform.pids("scheduler")[0], signal.SIGKILL)
    asked += [platform.call("POST", f"/api/v1/tasks/{extract['id']}/trigger", {})["id"] for _ in range(RUNS // 2)]
    os.kill(platform.pids("worker")[0], signal.SIGKILL)

    def states() -> list[dict[str, Any]]:
        return [platform.get(f"/api/v1/runs/{run}") for run in asked]

    platform.wait_for(lambda: Counter(run["status"] for run in states())["SUCCESS"] == RUNS, seconds=150)
    return states()


def test_every_run_ends_well(runs: list[dict[str, Any]]):
    assert Counter(node["status"] for run in runs for node in run["nodes"]) == {"SUCCESS": 4 * RUNS}


@pytest.mark.parametrize("name", FOLLOWING)
def test_each_task_has_succeeded_once_in_each_run(platform: Platform, runs: list[dict[str, Any]], name: str):
    task = next(node["taskId"] for node in runs[0]["nodes"] if node["name"] == name)
    page = platform.get(f"/api/v1/tasks/{task}/history?size=200&status=SUCCESS")
    assert Counter(Counter(one["runId"] for one in page["content"]).values()) == {1: RUNS}


def test_a_report_begins_after_both_that_it_waits_for(runs: list[dict[str, Any]]):
    nodes = [{node["name"]: node for node in run["nodes"]} for run in runs]
    assert all(one["report"]["startTime"] > max(one["clean"]["endTime"], one["count"]["endTime"]) for one in nodes)
