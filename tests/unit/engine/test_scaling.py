"""How many workers a queue should have: by what comes, what waits and what is forecast."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.flex import MINUTES_OF_DAY, DayLoad
from scheduler.engine.scaling import BUSY_SHARE, DRAIN_SECONDS, Demand, concurrency, forecast, workers
from tests.unit.engine.schedules.cases import at, steady

MINUTE = timedelta(minutes=1)
HERD_MS = 6_000_000  # 60 s of work for a hundred children


def day(**levels: float) -> DayLoad:
    """What is forecast of some minutes of the day, by name; nothing of the others."""
    level = [0.0] * MINUTES_OF_DAY
    for name, height in levels.items():
        level[int(name.removeprefix("at_"))] = height
    return DayLoad(level, [0.0] * MINUTES_OF_DAY)


def test_where_nothing_waits_comes_or_is_forecast_no_worker_is_needed() -> None:
    assert concurrency(Demand()) == 0
    assert concurrency(Demand(mean_seconds=3, forecast=(0, 0))) == 0


def test_it_is_what_is_in_service_on_average_with_room_for_unevenness() -> None:
    # 20 a second for 2 s each are 40 at once.
    assert concurrency(Demand(arrivals_per_second=20, mean_seconds=2)) == 40 / BUSY_SHARE


def test_what_waits_is_to_be_gone_in_a_minute() -> None:
    assert concurrency(Demand(depth=1_200, mean_seconds=2)) == 1_200 * 2 / DRAIN_SECONDS / BUSY_SHARE


def test_of_an_unknown_queue_one_takes_a_second() -> None:
    assert concurrency(Demand(depth=480)) == 10


@pytest.mark.parametrize("demand", [Demand(depth=1, mean_seconds=0), Demand(forecast=(0.0001,))])
def test_something_needs_one_worker_however_short_it_is(demand: Demand) -> None:
    assert concurrency(demand) == 1


def test_more_is_forecast_than_comes() -> None:
    measured = Demand(arrivals_per_second=1, mean_seconds=1)
    coming = Demand(arrivals_per_second=1, mean_seconds=1, forecast=(1, 80, 1))

    assert (concurrency(measured), concurrency(coming)) == (2, 100)


def test_it_rises_before_the_full_hour_and_falls_after_it() -> None:
    load = day(at_120=HERD_MS)
    suggested = [
        concurrency(Demand(forecast=forecast(load, now=at("2026-03-01T01:53") + number * MINUTE, lead_seconds=300)))
        for number in range(10)
    ]

    assert suggested == [0, 0, 125, 125, 125, 125, 125, 125, 0, 0]


def test_the_forecast_begins_with_the_minute_that_has_begun_and_passes_midnight() -> None:
    found = forecast(day(at_1439=60_000, at_0=120_000, at_1=180_000), now=at("2026-03-01T23:59:30"), lead_seconds=60)

    assert found == (1, 2)


def test_without_a_forecast_nothing_is_forecast() -> None:
    assert not forecast(None, now=at("2026-03-01T23:59:30"), lead_seconds=60)


@pytest.mark.parametrize(
    ("wanted", "each", "count"), [(0, 4, 0), (1, 4, 1), (4, 4, 1), (5, 4, 2), (9, 2.5, 4), (3, 0, 3)]
)
def test_workers_are_rounded_up(wanted: int, each: float, count: int) -> None:
    assert workers(wanted, concurrency_each=each) == count


@steady
@given(st.integers(0, 10**6), st.floats(0, 1e5), st.floats(0, 1e5), st.floats(0, 1e4))
def test_more_of_anything_never_suggests_less(depth, rate, mean, coming):
    least = concurrency(Demand(depth, rate, mean, (coming,)))

    assert concurrency(Demand(depth + 1, rate, mean, (coming,))) >= least
    assert concurrency(Demand(depth, rate + 1, mean, (coming,))) >= least
    assert concurrency(Demand(depth, rate, mean, (coming, coming + 1))) >= least
