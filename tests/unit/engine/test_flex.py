"""Flex: the same for the same forecast, inside its window, where the forecast is low."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.flex import MINUTES_OF_DAY, DayLoad, DayLoadSum, shift
from tests.unit.engine.schedules.cases import at, instants, steady

TASK = UUID("0190d6c2-7f4a-7c31-9d11-5b8f3f1e2a77")
SLOT = at("2026-03-01T02:00")
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
FIVE_MINUTES = 300
TWO_OCLOCK = 120


def load(*, levels: Mapping[int, float], moving: float = 0.0) -> DayLoad:
    """What is forecast of some minutes; nothing of the others. What may move has its slots at two o'clock."""
    level, moves = [0.0] * MINUTES_OF_DAY, [0.0] * MINUTES_OF_DAY
    for minute, height in levels.items():
        level[minute] = height
    moves[TWO_OCLOCK] = moving
    return DayLoad(level, moves)


def minutes(day: DayLoad | None, *, count: int = 5_000, flex_seconds: int = FIVE_MINUTES) -> Counter[int]:
    """How many of so many tasks are due in which minute of their windows."""
    return Counter(shift(UUID(int=number), SLOT, flex_seconds, day) // MINUTE for number in range(count))


def test_it_is_the_same_on_every_node_and_release() -> None:
    # Written down once: a change of these would shift slots whose place has been shown already.
    assert shift(TASK, SLOT, 600, None) == timedelta(milliseconds=307_496)
    assert shift(TASK, SLOT, 600, load(levels={TWO_OCLOCK: 7}, moving=9)) == timedelta(milliseconds=336_746)


@steady
@given(st.uuids(), instants, st.integers(1, 86_400))
def test_it_lies_in_its_window_in_whole_milliseconds(task, slot, seconds):
    found = shift(task, slot, seconds, None)
    assert timedelta() <= found < timedelta(seconds=seconds)
    assert found % timedelta(milliseconds=1) == timedelta()


@steady
@given(st.uuids(), instants, st.sampled_from([1, 59, 60, 61, 300, 3_599]), st.integers(0, 2**32))
def test_it_lies_in_its_window_whatever_is_forecast(task, slot, seconds, seed):
    heights = [float((seed * (minute + 1)) % 977) for minute in range(MINUTES_OF_DAY)]
    found = shift(task, slot, seconds, DayLoad(heights, heights[::-1]))
    assert timedelta() <= found < timedelta(seconds=seconds)


def test_without_a_window_nothing_moves() -> None:
    assert shift(TASK, SLOT, 0, None) == timedelta()


def test_where_nothing_is_forecast_the_window_is_used_evenly() -> None:
    for spread in (minutes(None), minutes(load(levels={}))):
        assert sorted(spread) == [0, 1, 2, 3, 4]
        assert max(spread.values()) < 1.1 * min(spread.values())


def test_it_keeps_off_a_minute_that_is_full() -> None:
    full = load(levels={TWO_OCLOCK: 5_000, TWO_OCLOCK + 1: 100, TWO_OCLOCK + 2: 100}, moving=1_000)

    assert sorted(minutes(full)) == [1, 2, 3, 4]


def test_a_herd_fills_the_window_up_to_one_level() -> None:
    heights = {TWO_OCLOCK: 900, TWO_OCLOCK + 1: 600, TWO_OCLOCK + 2: 300, TWO_OCLOCK + 3: 0, TWO_OCLOCK + 4: 900}
    spread = minutes(load(levels=heights, moving=2_100), count=2_100)

    # 2,100 upon 600, 300 and 0 is 1,000 everywhere; what stands at 900 takes 100 each.
    after = [heights[TWO_OCLOCK + minute] + spread[minute] for minute in range(5)]
    assert all(height == pytest.approx(960, abs=75) for height in after)


def test_a_herd_that_no_forecast_knows_is_not_thrown_into_one_minute() -> None:
    spread = minutes(load(levels={TWO_OCLOCK + minute: 100 + minute for minute in range(5)}), count=5_000)

    assert max(spread.values()) < 0.45 * 5_000


def test_a_window_begins_at_its_slot_and_passes_midnight() -> None:
    begin = at("2026-03-01T23:58:30")
    empty_after_midnight = load(levels={1438: 1_000, 1439: 1_000})
    found = {shift(UUID(int=number), begin, 180, empty_after_midnight) for number in range(100)}

    assert min(found) >= 90 * SECOND


def test_the_sum_of_a_day_has_windows_spread_evenly() -> None:
    day = DayLoadSum()
    day.add([0, 1439], cost_ms=300, window_seconds=121, moves=True)
    day.add([0], cost_ms=50, window_seconds=0, moves=False)
    day.add_evenly(1_440)
    total = day.total()

    assert [round(level, 9) for level in total.level[:4]] == [251, 201, 101, 1]
    assert [round(level, 9) for level in total.level[-2:]] == [1, 101]
    assert (total.moving[0], total.moving[1439], sum(total.moving)) == (300, 300, 600)
