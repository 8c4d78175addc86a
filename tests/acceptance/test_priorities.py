"""The order of priorities with a real worker, on each broker: the larger first, whichever way the broker counts."""

from collections.abc import Iterator

import pytest

from tests.acceptance.brokers import Noted, noting, on_rabbitmq, on_redis
from tests.rabbitmq import needs_rabbitmq

pytestmark = pytest.mark.acceptance

BROKERS = {"redis": on_redis, "rabbitmq": on_rabbitmq}
# Each of ten priorities three times, in an order that is neither rising nor falling.
MIXED = [priority for step in (7, 3, 9) for priority in sorted(range(1, 11), key=lambda each: each * step % 11)]


@pytest.fixture(params=["redis", pytest.param("rabbitmq", marks=needs_rabbitmq)])
def noted(request: pytest.FixtureRequest) -> Iterator[Noted]:
    """A platform on that broker, whose worker has one child."""
    with BROKERS[request.param]() as environment, noting(environment, children=1) as noted:
        yield noted


def test_it_starts_the_most_urgent_first_and_within_a_priority_the_oldest(noted: Noted) -> None:
    tasks = {priority: noted.register(f"{priority}", priority=priority) for priority in range(1, 11)}
    blockers = noted.block(1, name="blocker")
    executions = [noted.trigger(tasks[priority]) for priority in MIXED]
    assert noted.statuses(executions) == ["QUEUED"] * 30

    noted.unblock(blockers)
    noted.platform.wait_for(lambda: len(noted.notes) == 30, seconds=60)

    assert [int(line) for line in noted.notes] == sorted(MIXED, reverse=True)
    started = [(-noted.shown(each)["priority"], noted.shown(each)["startTime"], each) for each in executions]
    in_order = sorted(range(30), key=lambda number: (-MIXED[number], number))
    assert [each for _, _, each in sorted(started)] == [executions[number] for number in in_order]
