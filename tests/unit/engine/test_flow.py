"""Flow control: which of its settings are in force, and what they limit."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler.engine.flow import FlowLimit, Settings, covered, in_force, limits, next_change, planned

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
STOP, SLOW, FREE = {"mode": "PAUSED"}, {"mode": "THROTTLED", "maxDispatchPerSecond": 5}, {"mode": "NORMAL"}


def settings(
    number: int, document: dict[str, Any], *, begin: int, end: int | None = None, asked: int = -99
) -> Settings:
    """Settings from so many hours after noon; without more they were asked for when they begin."""
    asked_at = NOON + HOUR * (begin if asked == -99 else asked)
    return Settings(number, document, asked_at, NOON + HOUR * begin, None if end is None else NOON + HOUR * end)


CASES = [
    ([], None),
    ([settings(1, SLOW, begin=1)], None),
    ([settings(1, SLOW, begin=0)], 1),
    ([settings(1, SLOW, begin=-2, end=0)], None),
    ([settings(1, SLOW, begin=-3), settings(2, STOP, begin=-2)], 2),
    ([settings(1, SLOW, begin=-3), settings(2, STOP, begin=-2, end=-1)], 1),
    ([settings(1, SLOW, begin=-2), settings(2, FREE, begin=-2)], 2),
    # Planned before the stop: it does not lift it, and is in force when the stop has ended.
    ([settings(1, STOP, begin=-3), settings(2, SLOW, begin=-1, end=5, asked=-9)], 1),
    ([settings(1, STOP, begin=-3, end=0), settings(2, SLOW, begin=-1, end=5, asked=-9)], 2),
    # Planned afterwards, by somebody who knew of it.
    ([settings(1, STOP, begin=-3), settings(2, FREE, begin=-1, asked=-2)], 2),
    ([settings(1, SLOW, begin=-3), settings(2, STOP, begin=-1, end=2, asked=-9)], 2),
    ([settings(1, STOP, begin=-3, end=2), settings(2, STOP, begin=-1, end=9, asked=-5)], 2),
]


@pytest.mark.parametrize(("asked", "expected"), CASES)
def test_what_began_last_is_in_force(asked: list[Settings], expected: int | None):
    current = in_force(asked, NOON)
    assert (current.id if current else None) == expected


def test_what_is_covered_comes_back_where_what_covers_it_has_an_end():
    lasting, first, second = (
        settings(1, SLOW, begin=-3), settings(2, STOP, begin=-2, end=5), settings(3, SLOW, begin=-1, end=1)
    )  # fmt: skip
    assert [one.id for one in covered([lasting, first, second], NOON)] == [2, 1]
    assert covered([first, settings(4, FREE, begin=0)], NOON) == []


def test_it_plans_in_the_order_of_the_beginnings():
    asked = [settings(1, STOP, begin=3), settings(2, SLOW, begin=1), settings(3, SLOW, begin=0)]
    assert [one.id for one in planned(asked, NOON)] == [2, 1]


@pytest.mark.parametrize(
    ("asked", "hours"),
    [([], None), ([settings(1, STOP, begin=0)], None), ([settings(1, STOP, begin=0, end=2)], 2),
     ([settings(1, STOP, begin=0, end=2), settings(2, SLOW, begin=1, end=5)], 1)],
)  # fmt: skip
def test_it_says_when_to_look_again(asked: list[Settings], hours: int | None):
    assert next_change(asked, NOON) == (None if hours is None else NOON + HOUR * hours)


def test_it_tells_each_key_its_limits():
    document = {
        "mode": "THROTTLED",
        "maxDispatchPerSecond": 50,
        "maxConcurrency": None,
        "queues": {"reports": {"mode": "THROTTLED", "maxConcurrency": 3}, "quick": {"mode": "NORMAL"}},
        "taskClasses": {"com.platform.tasks.CleanupTask": {"mode": "PAUSED"}},
        "namespaces": {"finance": {"maxDispatchPerSecond": 0.5}},
    }
    assert limits(document) == {
        "all": FlowLimit(50),
        "queue:reports": FlowLimit(None, 3),
        "class:com.platform.tasks.CleanupTask": FlowLimit(is_paused=True),
        "namespace:finance": FlowLimit(0.5),
    }


def test_a_stop_limits_everything():
    assert limits(STOP) == {"all": FlowLimit(is_paused=True)}
    assert limits(FREE) == {}


@pytest.mark.parametrize(("rate", "burst"), [(None, None), (0.1, 1), (5, 1), (10, 2), (1_000, 200)])
def test_a_rate_saves_up_a_fifth_of_a_second(rate: float | None, burst: float | None):
    assert FlowLimit(rate).burst == burst
