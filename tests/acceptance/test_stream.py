"""The live stream of a real platform: forty clients at once, and more than it serves."""

import http.client
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.acceptance.platform import Platform, two_of_each

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]

CLIENTS = 40
# Two web processes of 48 each.
MOST_CLIENTS = 96
BEHIND_SECONDS = 1.0
STATISTICS_SECONDS = 3.0
# Machines of tests are shared: half of that is what a quiet one takes at most.
SLACK = 2


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with two_of_each() as platform:
        yield platform


class Stream:
    """One client, which reads on until a text has come."""

    def __init__(self, platform: Platform) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=20)
        self.connection.request("GET", "/api/v1/stream", headers={"Authorization": f"Bearer {platform.token}"})
        self.answer = self.connection.getresponse()

    def read_until(self, *texts: str) -> None:
        """Read until one line holds all of these texts."""
        until, line = time.monotonic() + 20, b" "
        while not all(text.encode() in line for text in texts):
            line = self.answer.readline()
            assert line, "The stream has ended."
            assert time.monotonic() < until, f"{texts} has not come."

    def close(self) -> None:
        """Leave."""
        self.connection.close()


@pytest.fixture
def streams(platform: Platform) -> Iterator[list[Stream]]:
    with ExitStack() as opened:
        yield [opened.enter_context(closing(Stream(platform))) for _ in range(CLIENTS)]


@pytest.fixture(scope="module")
def task_id(platform: Platform) -> str:
    task_id: str = platform.call("POST", "/api/v1/tasks", {"name": "By hand", "taskClass": "platform.noop"})["id"]
    return task_id


def _median_ms(platform: Platform) -> float:
    def once() -> float:
        began = time.perf_counter()
        assert platform.get("/api/v1/tasks").status == 200
        return (time.perf_counter() - began) * 1000

    return statistics.median(once() for _ in range(100))


def test_a_change_reaches_all_of_them_within_a_second(platform: Platform, streams: list[Stream], task_id: str) -> None:
    assert [stream.answer.status for stream in streams] == [200] * CLIENTS
    execution: Any = platform.call("POST", f"/api/v1/tasks/{task_id}/trigger")["id"]
    platform.wait_for(lambda: platform.get(f"/api/v1/executions/{execution}")["status"] == "SUCCESS", seconds=20)
    ended = time.perf_counter()
    for stream in streams:
        stream.read_until(execution, "SUCCESS")

    assert time.perf_counter() - ended < BEHIND_SECONDS * SLACK


def test_a_change_reaches_the_cached_statistics_within_three_seconds(platform: Platform, task_id: str) -> None:
    def succeeded() -> int:
        count: int = platform.get("/api/v1/stats/overview")["lastHour"]["succeeded"]["count"]
        return count

    before = succeeded()
    execution: Any = platform.call("POST", f"/api/v1/tasks/{task_id}/trigger")["id"]
    platform.wait_for(lambda: platform.get(f"/api/v1/executions/{execution}")["status"] == "SUCCESS", seconds=20)
    ended = time.perf_counter()
    platform.wait_for(lambda: succeeded() > before, seconds=20)

    assert time.perf_counter() - ended < STATISTICS_SECONDS * SLACK


def test_they_cost_other_requests_nothing_noticeable(platform: Platform) -> None:
    alone = _median_ms(platform)
    with ExitStack() as opened:
        for _ in range(CLIENTS):
            opened.enter_context(closing(Stream(platform)))
        beside = _median_ms(platform)

    assert beside < alone * SLACK + 10


def test_more_than_it_serves_are_refused_and_others_answered(platform: Platform) -> None:
    with ExitStack() as opened:
        answers = [opened.enter_context(closing(Stream(platform))).answer for _ in range(MOST_CLIENTS + 10)]
        refused = [answer for answer in answers if answer.status == 503]

        assert {answer.status for answer in answers} == {200, 503}
        assert len(refused) >= 10
        assert {answer.headers["Retry-After"] for answer in refused} == {"5"}
        assert platform.get("/api/v1/tasks").status == 200


def test_it_stops_while_clients_read(platform: Platform, streams: list[Stream]) -> None:
    began = time.monotonic()

    assert platform.stop() == 0
    assert time.monotonic() - began < 20
