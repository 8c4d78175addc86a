"""The least gap between slots, against a plain enumeration, and what it costs."""

from datetime import timedelta
from itertools import pairwise
from time import perf_counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scheduler.engine.schedules import (
    IntervalSchedule,
    NeverSchedule,
    OneTimeSchedule,
    bounded,
    least_gap,
    parse_cron,
)
from tests.unit.engine.schedules.cases import at, cron_texts, steady

NOW, A_YEAR_ON = at("2026-10-08T12:34:56"), at("2027-10-08T12:34:56")
STARTS = [
    ("Europe/Berlin", "2026-03-28T11:07:13"),
    ("Europe/Berlin", "2026-10-24T23:59:59"),
    ("Australia/Lord_Howe", "2026-04-03T22:22:22"),
    ("Africa/Cairo", "2026-10-28T09:00:00"),
    ("America/St_Johns", "2005-10-29T12:00:00"),
    ("Pacific/Apia", "2011-12-28T12:34:56"),
]

GAPS = [
    ("* * * * * ?", "UTC", timedelta(seconds=1)),
    ("*/7 * * * * ?", "UTC", timedelta(seconds=4)),
    ("0 0 9 * * ?", "UTC", timedelta(days=1)),
    ("0 0 9 * * ?", "Europe/Berlin", timedelta(hours=23)),
    ("0 0 9 L * ?", "UTC", timedelta(days=28)),
    ("0 55,5 8-9 * * ?", "UTC", timedelta(minutes=10)),
    ("0 0 0,23 * * ?", "UTC", timedelta(hours=1)),
    ("0 50 2,3 * * ?", "Europe/Berlin", timedelta(minutes=50)),  # 02:50 is moved to 03:00 in spring
    ("0 45 * * * ?", "Australia/Lord_Howe", timedelta(minutes=30)),  # the half hour comes twice in autumn
    ("0 0 9 1 1 ?", "UTC", None),
    ("0 0 9 30 2 ?", "UTC", None),
]


@pytest.mark.parametrize(("text", "zone", "expected"), GAPS)
def test_it_finds_the_least_gap_of_a_year(text, zone, expected):
    assert least_gap(parse_cron(text, zone), NOW, A_YEAR_ON) == expected


@steady
@given(cron_texts, st.sampled_from(STARTS), st.integers(1, 40 * 86400))
def test_it_finds_what_an_enumeration_finds(text, where, seconds):
    zone, begin = where
    schedule, start = parse_cron(text, zone), at(begin)
    end = start + timedelta(seconds=seconds)
    found = list(schedule.between(start, end, limit=20_001))
    assume(len(found) <= 20_000)
    assert least_gap(schedule, start, end) == min((later - slot for slot, later in pairwise(found)), default=None)


@pytest.mark.parametrize("text", ["* * * * * ?", "*/2 * * * * ?", "0/59 */7 * * * ?", "* * * 1 1 ?", "0 0 9 L * ?"])
def test_it_is_fast_however_often_a_schedule_fires(text):
    schedule = parse_cron(text, "Europe/Berlin")
    begun = perf_counter()
    least_gap(schedule, NOW, A_YEAR_ON)
    assert perf_counter() - begun < 1


def test_it_knows_intervals_and_single_slots():
    every = IntervalSchedule(NOW, 90, includes_anchor=False)
    assert least_gap(every, NOW, A_YEAR_ON) == timedelta(seconds=90)
    assert least_gap(every, NOW, NOW + timedelta(seconds=180)) is None
    assert least_gap(OneTimeSchedule(NOW), NOW, A_YEAR_ON) is None
    assert least_gap(NeverSchedule(), NOW, A_YEAR_ON) is None


def test_it_looks_inside_the_window_only():
    hourly_and_more = parse_cron("0 0,5 * * * ?", "UTC")
    from_ten = bounded(hourly_and_more, at("2026-11-01T10:03"), at("2026-11-01T11:03"))
    assert least_gap(from_ten, NOW, A_YEAR_ON) == timedelta(minutes=55)
    assert least_gap(bounded(hourly_and_more, end_at=NOW), NOW, A_YEAR_ON) is None


def test_it_counts_nothing_in_the_second_pass_of_a_repeated_hour():
    fixed, open_hours = parse_cron("0 0/10 2 * * ?", "Europe/Berlin"), parse_cron("0 0/10 * * * ?", "Europe/Berlin")
    second_pass = (at("2026-10-25T01:01"), at("2026-10-25T01:59"))
    assert least_gap(fixed, *second_pass) is None
    assert least_gap(open_hours, *second_pass) == timedelta(minutes=10)
