"""How much of a task lies in each hour to come."""

from datetime import UTC, datetime, timedelta

from scheduler.engine.forecasts import HOUR, MOST_COUNTED, peak, slots_by_hour, spread

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def test_a_slot_counts_in_the_hour_that_it_begins():
    assert slots_by_hour([BEGIN, BEGIN + 59 * MINUTE, BEGIN + HOUR], begin=BEGIN, hours=3) == {0: 2, 1: 1}


def test_without_slots_there_is_nothing():
    assert slots_by_hour([], begin=BEGIN, hours=3) == {}


def test_what_fires_very_often_goes_on_as_it_has_begun():
    endless = (BEGIN + number * SECOND for number in range(10**9))

    assert slots_by_hour(endless, begin=BEGIN, hours=5) == dict.fromkeys(range(5), 3600)


def test_so_many_are_counted_and_no_more():
    slots = iter([BEGIN + number * SECOND for number in range(MOST_COUNTED + 1)])
    slots_by_hour(slots, begin=BEGIN, hours=1)

    assert len(list(slots)) == 1


def test_equal_distances_are_spread_over_the_hours():
    assert spread(BEGIN - 20 * MINUTE, every=20 * MINUTE, begin=BEGIN, hours=2) == {0: 3, 1: 3}
    assert spread(BEGIN + 50 * MINUTE, every=20 * MINUTE, begin=BEGIN, hours=2) == {1: 3}


def test_no_distance_is_no_slots():
    assert spread(BEGIN, every=timedelta(), begin=BEGIN, hours=2) == {}


def test_the_busiest_hour_is_a_peak():
    busy = {BEGIN: 10.0, BEGIN + HOUR: 50.0}

    assert peak(busy, hours=4, least_times=1.5) == (BEGIN + HOUR, 50 / 15)


def test_an_even_load_has_none():
    assert peak({BEGIN + number * HOUR: 10.0 for number in range(4)}, hours=4, least_times=1.5) is None


def test_no_work_has_none():
    assert peak({}, hours=4, least_times=1.5) is None
    assert peak({BEGIN: 0.0}, hours=4, least_times=1.5) is None
