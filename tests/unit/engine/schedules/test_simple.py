"""Intervals, single instants, and tasks without a schedule."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.schedules import (
    MAX_INTERVAL_SECONDS,
    IntervalSchedule,
    InvalidSchedule,
    NeverSchedule,
    OneTimeSchedule,
)
from tests.unit.engine.schedules.cases import at, backwards, bulk, forwards, instants, slots, steady

START = "2026-03-01T00:00:10"

intervals = st.builds(IntervalSchedule, instants, st.integers(1, 10**7), st.booleans())


def test_it_begins_an_interval_with_the_start():
    found = slots(IntervalSchedule(at(START), 60), "2020-01-01", 2)
    assert found == ["2026-03-01T00:00:10", "2026-03-01T00:01:10"]


def test_it_begins_an_interval_one_step_after_creation():
    found = slots(IntervalSchedule(at(START), 60, includes_anchor=False), "2020-01-01", 2)
    assert found == ["2026-03-01T00:01:10", "2026-03-01T00:02:10"]


def test_it_stays_on_the_grid_of_its_anchor():
    found = slots(IntervalSchedule(at(START), 7200), "2026-07-01T11:59:59", 2)
    assert found == ["2026-07-01T12:00:10", "2026-07-01T14:00:10"]


def test_it_keeps_the_fraction_of_its_anchor():
    anchor = at("2026-03-01T00:00:10.250000")
    schedule = IntervalSchedule(anchor, 60, includes_anchor=False)
    assert schedule.next_after(anchor) == anchor + timedelta(seconds=60)
    assert schedule.latest_at(anchor + timedelta(seconds=60)) == anchor + timedelta(seconds=60)


def test_it_has_no_slot_before_the_first():
    assert IntervalSchedule(at(START), 60).latest_at(at("2026-03-01T00:00:09")) is None
    assert IntervalSchedule(at(START), 60, includes_anchor=False).latest_at(at("2026-03-01T00:01:09")) is None


def test_it_finds_the_latest_slot_of_an_interval_behind_millions():
    schedule = IntervalSchedule(at("1970-01-01"), 1)
    assert schedule.latest_at(at("2199-01-01")) == at("2199-01-01")


def test_it_ends_with_the_calendar():
    schedule = IntervalSchedule(at(START), MAX_INTERVAL_SECONDS)
    assert schedule.next_after(datetime.max.replace(tzinfo=UTC)) is None


@steady
@given(intervals, instants)
def test_it_answers_an_interval_alike_in_all_three_ways(schedule, instant):
    found = forwards(schedule, instant, 6)
    assert found == bulk(schedule, instant, 6)
    assert [slot for slot in backwards(schedule, found[-1], 6) if slot > instant] == found[::-1]


@pytest.mark.parametrize("seconds", [0, -1, True, 1.5, "60", None, MAX_INTERVAL_SECONDS + 1])
def test_it_refuses_an_interval_that_is_no_number_of_seconds(seconds):
    with pytest.raises(InvalidSchedule, match="use 1 to 2147483647 whole seconds") as refused:
        IntervalSchedule(at(START), seconds)
    assert (refused.value.field, refused.value.code) == ("intervalSeconds", "invalid")


def test_it_fires_one_time():
    schedule = OneTimeSchedule(at(START))
    assert forwards(schedule, at("2026-01-01"), 2) == [at(START)]
    assert schedule.next_after(at(START)) is None
    assert schedule.latest_at(at(START)) == at(START)
    assert schedule.latest_at(at("2026-03-01T00:00:09")) is None


def test_it_cuts_one_time_at_both_ends():
    schedule = OneTimeSchedule(at(START))
    assert list(schedule.between(at(START), at("2027-01-01"))) == [at(START)]
    assert list(schedule.between(at("2026-01-01"), at(START))) == []
    assert list(schedule.between(at(START), at("2027-01-01"), limit=0)) == []


def test_it_answers_in_utc_whatever_zone_it_was_given():
    run_at = datetime(2026, 3, 1, 2, 0, tzinfo=timezone(timedelta(hours=2)))
    assert OneTimeSchedule(run_at).run_at.tzinfo is UTC
    assert IntervalSchedule(run_at, 60).anchor.tzinfo is UTC


def test_it_never_fires_without_a_schedule():
    schedule = NeverSchedule()
    assert schedule.next_after(at(START)) is None
    assert schedule.latest_at(at(START)) is None
    assert list(schedule.between(at("1970-01-01"), at("2199-01-01"))) == []
