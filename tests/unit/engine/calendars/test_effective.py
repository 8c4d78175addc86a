"""The slots of a schedule under a calendar, against each slot moved by itself."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import islice
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.engine.calendars import CalendarPolicy, CalendarSchedule, build_calendar, running_slots, with_calendar
from scheduler.engine.schedules import OneTimeSchedule, bounded, least_gap, parse_cron
from tests.unit.engine.calendars.cases import ALL_DAY, AROUND, WEEKDAYS, effective, situations
from tests.unit.engine.schedules.cases import at, backwards, forwards, slots, steady

policies = st.sampled_from(list(CalendarPolicy))
WEEKEND = build_calendar({"weekdays": ["SAT", "SUN"]}, "Europe/Berlin")
NEXT, PREVIOUS, SKIP = CalendarPolicy.NEXT_OPEN, CalendarPolicy.PREVIOUS_OPEN, CalendarPolicy.SKIP

# July 2026: the 3rd is a Friday.
MOVES = [
    ("0 0 9 * * ?", NEXT, ["2026-07-03T07:00", "2026-07-06T07:00", "2026-07-07T07:00"]),
    ("0 0 9 * * ?", PREVIOUS, ["2026-07-03T07:00", "2026-07-06T07:00", "2026-07-07T07:00"]),
    ("0 0 9 ? * SAT", NEXT, ["2026-07-06T07:00", "2026-07-13T07:00"]),
    ("0 0 9 ? * SAT", PREVIOUS, ["2026-07-03T07:00", "2026-07-10T07:00"]),
    ("0 30 10 ? * SAT-MON", NEXT, ["2026-07-06T08:30", "2026-07-13T08:30"]),
    ("0 0 20 4 7 ? 2026", NEXT, ["2026-07-06T18:00"]),
    ("0 0 9 L * ?", PREVIOUS, ["2026-07-31T07:00", "2026-08-31T07:00", "2026-09-30T07:00", "2026-10-30T08:00"]),
]

BUSY = settings(parent=steady, max_examples=100)


@pytest.mark.parametrize(("text", "policy", "expected"), MOVES)
def test_it_moves_slots_to_an_open_day_and_keeps_their_time(text, policy, expected):
    found = slots(running_slots(parse_cron(text, "Europe/Berlin"), WEEKEND, policy), "2026-07-03T00:00", len(expected))
    assert found == expected


@BUSY
@given(situations(), policies)
def test_it_has_every_slot_where_it_takes_effect(situation, policy):
    schedule, calendar, around = situation
    found = with_calendar(schedule, calendar, policy).between(around - AROUND, around + AROUND)
    assert list(found) == effective(schedule, calendar, policy, around)


@BUSY
@given(situations(), policies)
def test_it_runs_the_slots_that_are_open(situation, policy):
    schedule, calendar, around = situation
    found = running_slots(schedule, calendar, policy).between(around - AROUND, around + AROUND)
    expected = effective(schedule, calendar, policy, around)
    assert list(found) == [slot for slot in expected if calendar.is_open(slot)]


@BUSY
@given(situations(), policies, st.booleans(), st.integers(-1_200_000, 1_200_000))
def test_it_searches_both_ways_over_the_same_slots(situation, policy, runs_only, seconds):
    schedule, calendar, around = situation
    view = (running_slots if runs_only else with_calendar)(schedule, calendar, policy)
    expected = list(view.between(around - AROUND, around + AROUND))
    instant = around + timedelta(seconds=seconds)
    place = bisect_right(expected, instant)
    ahead, behind = expected[place : place + 5], expected[max(place - 5, 0) : place]
    assert forwards(view, instant, len(ahead)) == ahead
    assert backwards(view, instant, len(behind)) == behind[::-1]


@BUSY
@given(situations(), policies)
def test_it_finds_the_slot_before_and_after_each_slot(situation, policy):
    schedule, calendar, around = situation
    view = with_calendar(schedule, calendar, policy)
    expected = list(view.between(around - timedelta(days=3), around + timedelta(days=3), limit=60))
    assert forwards(view, around - timedelta(days=3, microseconds=1), len(expected)) == expected


@pytest.mark.parametrize("policy", CalendarPolicy)
@pytest.mark.parametrize("closed", ["2005-10-29", "2005-10-30", "2005-10-31", "2005-06-01"])
def test_it_keeps_the_order_where_the_clock_shows_two_days_in_turns(policy, closed):
    # St. John's set its clock back from 00:01 to 23:01 of the day before.
    schedule, change = parse_cron("30 * * * * ?", "America/St_Johns"), at("2005-10-30T02:31")
    calendar = build_calendar({"dates": [closed]}, "America/St_Johns")
    near, further = timedelta(hours=30), timedelta(days=4)
    expected = effective(schedule, calendar, policy, change, near=near, further=further)
    view = with_calendar(schedule, calendar, policy)
    assert list(view.between(change - near, change + near)) == expected
    assert forwards(view, change - near - timedelta(microseconds=1), len(expected)) == expected
    assert backwards(view, expected[-1], len(expected)) == expected[::-1]


def test_it_keeps_a_skipped_slot_as_a_slot():
    schedule = parse_cron("0 0 9 * * ?", "Europe/Berlin")
    assert with_calendar(schedule, WEEKEND, SKIP) is schedule
    assert slots(running_slots(schedule, WEEKEND, SKIP), "2026-07-03T07:00", 1) == ["2026-07-06T07:00"]


@pytest.mark.parametrize("policy", [NEXT, PREVIOUS])
def test_it_keeps_a_slot_that_would_move_further_than_31_days(policy):
    shut = build_calendar({"dates": [{"from": "2026-06-01", "to": "2026-08-31"}]}, "UTC")
    schedule = parse_cron("0 0 9 15 7 ?", "UTC")
    everything, running = with_calendar(schedule, shut, policy), running_slots(schedule, shut, policy)
    assert slots(everything, "2026-01-01", 2) == ["2026-07-15T09:00", "2027-07-15T09:00"]
    assert slots(running, "2026-01-01", 1) == ["2027-07-15T09:00"]
    assert not shut.is_open(at("2026-07-15T09:00"))


def test_it_moves_31_days_and_not_32():
    shut = build_calendar({"dates": [{"from": "2026-07-01", "to": "2026-08-01"}]}, "UTC")
    daily = parse_cron("0 0 9 1,2 7 ?", "UTC")
    assert slots(with_calendar(daily, shut, NEXT), "2026-06-01", 2) == ["2026-07-01T09:00", "2026-08-02T09:00"]


def test_it_moves_one_time_slots():
    once = OneTimeSchedule(at("2026-07-04T07:00"))
    assert slots(with_calendar(once, WEEKEND, NEXT), "2026-07-01", 2) == ["2026-07-06T07:00"]
    assert slots(with_calendar(once, WEEKEND, PREVIOUS), "2026-07-01", 2) == ["2026-07-03T07:00"]


def test_it_is_cut_to_a_window_after_the_moves():
    schedule = with_calendar(parse_cron("0 0 9 ? * SAT", "Europe/Berlin"), WEEKEND, PREVIOUS)
    window = bounded(schedule, at("2026-07-04"), at("2026-07-17T07:00"))
    assert slots(window, "2026-07-01", 3) == ["2026-07-10T07:00"]


NEVER_OPEN = [{"weekdays": WEEKDAYS}, {"excludedTimes": [ALL_DAY]}]
NEVER_MET = [
    *[(document, text) for document in NEVER_OPEN for text in ("* * * * * ?", "0 0 9 * * ?", "0 0 0 29 2 ?")],
    ({"excludedTimes": [{"from": "08:00", "to": "10:00"}]}, "0 0/10 9 * * ?"),
    ({"weekdays": ["SAT"]}, "* * * ? * SAT"),
    ({"holidays": [{"country": "DE"}]}, "0 0 9 25 12 ? 2000-2100"),
]


@pytest.mark.parametrize(("document", "text"), NEVER_MET)
def test_it_ends_its_search_where_nothing_ever_runs(document, text):
    view = running_slots(parse_cron(text, "Europe/Berlin"), build_calendar(document, "Europe/Berlin"), SKIP)
    begun = perf_counter()
    assert (view.next_after(at("2026-01-01")), view.latest_at(at("2026-01-01"))) == (None, None)
    assert list(view.between(at("2026-01-01"), at("2199-01-01"))) == []
    assert perf_counter() - begun < 10


@pytest.mark.parametrize("policy", [NEXT, PREVIOUS])
@pytest.mark.parametrize("document", NEVER_OPEN)
def test_it_keeps_every_slot_where_nothing_is_ever_open(document, policy):
    schedule, calendar = parse_cron("0 0 9 * * ?", "UTC"), build_calendar(document, "UTC")
    everything = with_calendar(schedule, calendar, policy)
    assert slots(everything, "2026-01-01", 3) == ["2026-01-01T09:00", "2026-01-02T09:00", "2026-01-03T09:00"]
    assert everything.latest_at(at("2026-01-01")) == at("2025-12-31T09:00")
    assert running_slots(schedule, calendar, policy).next_after(at("2026-01-01")) is None


def test_it_jumps_over_years_of_closed_days():
    shut = build_calendar({"dates": [{"from": "2026-01-01", "to": "2045-12-31"}]}, "UTC")
    schedule = parse_cron("* * * * * ?", "UTC")
    for policy in CalendarPolicy:
        assert running_slots(schedule, shut, policy).next_after(at("2026-06-01")) == at("2046-01-01")


@pytest.mark.parametrize("policy", CalendarPolicy)
def test_it_answers_at_the_ends_of_the_calendar(policy):
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    view = running_slots(parse_cron("0 0 9 * * ?", "UTC"), WEEKEND, policy)
    assert view.next_after(first) == at("1970-01-01T09:00")
    assert (view.next_after(last), view.latest_at(first)) == (None, None)
    assert view.latest_at(last) == at("2199-12-31T09:00")


def test_it_tells_the_gap_of_slots_that_moves_bring_together():
    schedule = parse_cron("0 10 9 ? * SAT,TUE", "UTC")
    year = (at("2026-01-01"), at("2027-01-01"))
    weekend = build_calendar({"weekdays": ["SAT", "SUN"]}, "UTC")
    assert least_gap(schedule, *year) == timedelta(days=3)
    assert least_gap(with_calendar(schedule, weekend, NEXT), *year) == timedelta(days=1)
    assert least_gap(running_slots(schedule, weekend, SKIP), *year) == timedelta(days=3)


def test_it_tells_the_gap_of_many_moved_slots_soon():
    crowded = running_slots(parse_cron("0/7 * * * * ?", "Europe/Berlin"), WEEKEND, PREVIOUS)
    begun = perf_counter()
    assert least_gap(crowded, at("2026-01-01"), at("2027-01-01")) == timedelta(seconds=4)
    assert perf_counter() - begun < 10


@BUSY
@given(situations(), policies, st.integers(-1_200_000, 1_200_000))
def test_it_begins_in_the_middle_of_a_day(situation, policy, seconds):
    schedule, calendar, around = situation
    start = around + timedelta(seconds=seconds)
    found = with_calendar(schedule, calendar, policy).between(start, around + AROUND)
    assert list(found) == [slot for slot in effective(schedule, calendar, policy, around) if slot >= start]


def test_it_draws_nothing_that_lies_before_the_start():
    january = build_calendar({"recurringDates": [{"from": "01-02", "to": "01-31"}]}, "UTC")
    crowded = CalendarSchedule(parse_cron("* * * * * ?", "UTC"), january, NEXT, runs_only=True)
    drawn = list(islice(crowded.drawn(at("2027-02-01T23:59:59"), at("2199-01-01")), 31))
    assert drawn == [at("2027-02-01T23:59:59")] * 31


def test_it_answers_in_bulk_without_end():
    view = running_slots(parse_cron("* * * * * ?", "Europe/Berlin"), WEEKEND, NEXT)
    found = list(view.between(at("2026-07-03T21:59:58"), at("2199-01-01"), limit=4))
    assert found == [
        at("2026-07-03T21:59:58"),
        at("2026-07-03T21:59:59"),
        at("2026-07-05T22:00"),
        at("2026-07-05T22:00:01"),
    ]
