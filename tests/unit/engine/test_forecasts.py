"""How much of a task lies in each hour to come."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.engine.calendars import build_calendar, running_slots
from scheduler.engine.forecasts import HOUR, MOST_COUNTED, peak, schedule_by_hour, slots_by_hour, spread
from scheduler.engine.schedules import IntervalSchedule, bounded, parse_cron

BEGIN = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def test_a_slot_counts_in_the_hour_that_it_begins():
    assert slots_by_hour([BEGIN, BEGIN + 59 * MINUTE, BEGIN + HOUR], begin=BEGIN) == {0: 2, 1: 1}


def test_without_slots_there_is_nothing():
    assert slots_by_hour([], begin=BEGIN) == {}


def test_what_fires_very_often_goes_on_as_it_has_begun():
    schedule = IntervalSchedule(BEGIN, 1)

    assert schedule_by_hour(schedule, BEGIN, begin=BEGIN, hours=5) == dict.fromkeys(range(5), 3600)


@pytest.mark.parametrize(
    "text",
    [
        "* * 13 * * ?",
        "0/10 * 8-17 ? * MON-FRI",
        "0-9 * 0-23 * * ?",
        "0 * 8-17 ? * MON-FRI",
        "0/5 30-44 9 * * ?",
        "* 0-10 * * * ?",
    ],
)
def test_hours_without_slots_have_none_however_often_it_fires_in_others(text: str):
    schedule, week = parse_cron(text, "Europe/Berlin"), 7 * 24
    exact = slots_by_hour(schedule.between(BEGIN, BEGIN + week * HOUR), begin=BEGIN)

    found = schedule_by_hour(schedule, BEGIN, begin=BEGIN, hours=week)

    assert found.keys() == exact.keys()
    assert all(abs(found[hour] - exact[hour]) <= 0.02 * exact[hour] for hour in exact)


def test_a_calendar_closes_hours_of_what_fires_very_often():
    calendar = build_calendar({"weekdays": ["SAT", "SUN"], "allowedTimes": [{"from": "08:00", "to": "18:00"}]}, "UTC")
    schedule, week = running_slots(IntervalSchedule(BEGIN, 10), calendar, "SKIP"), 7 * 24

    found = schedule_by_hour(schedule, BEGIN, begin=BEGIN, hours=week)

    assert found == slots_by_hour(schedule.between(BEGIN, BEGIN + week * HOUR), begin=BEGIN)


def test_an_interval_ends_with_its_window():
    schedule = bounded(IntervalSchedule(BEGIN, 7), end_at=BEGIN + 30.5 * HOUR)

    found = schedule_by_hour(schedule, BEGIN, begin=BEGIN, hours=48)

    assert found == slots_by_hour(schedule.between(BEGIN, BEGIN + 48 * HOUR), begin=BEGIN)


def test_so_many_are_counted_and_no_more():
    drawn: list[datetime] = []

    class Noting(IntervalSchedule):
        def between(self, start, end, *, limit=None):
            for slot in super().between(start, end, limit=limit):
                drawn.append(slot)
                yield slot

    schedule_by_hour(Noting(BEGIN, 1), BEGIN, begin=BEGIN, hours=5)

    assert len(drawn) == MOST_COUNTED


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
