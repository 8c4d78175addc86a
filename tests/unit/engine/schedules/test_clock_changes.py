"""Clock changes, case by case: fixed and open hours, half-hour changes, midnight gaps, skipped days."""

import pytest

from scheduler.engine.schedules import parse_cron
from tests.unit.engine.schedules.cases import at, backwards, cron_slots, forwards, local_slots

# Berlin: 2026-03-29 02:00 -> 03:00 and 2026-10-25 03:00 -> 02:00. Lord Howe changes by half an hour:
# 2026-04-05 02:00 -> 01:30 and 2026-10-04 02:00 -> 02:30.

FIXED = [
    ("0 30 2 * * ?", "Europe/Berlin", "2026-03-28T00:00", ["28T02:30+01", "29T03:00+02", "30T02:30+02"]),
    ("0 0,20,40 2 * * ?", "Europe/Berlin", "2026-03-29T00:00", ["29T03:00+02", "30T02:00+02"]),
    ("0 0 2,3 * * ?", "Europe/Berlin", "2026-03-29T00:00", ["29T03:00+02", "30T02:00+02", "30T03:00+02"]),
    ("0 30 2 * * ?", "Europe/Berlin", "2026-10-24T12:00", ["25T02:30+02", "26T02:30+01"]),
    ("0 0/30 2-3 * * ?", "Europe/Berlin", "2026-10-24T22:00",
     ["25T02:00+02", "25T02:30+02", "25T03:00+01", "25T03:30+01", "26T02:00+01"]),
    ("0 0 */2 * * ?", "Europe/Berlin", "2026-10-24T22:00",
     ["25T00:00+02", "25T02:00+02", "25T04:00+01", "25T06:00+01"]),
    ("30 2 * * *", "Europe/Berlin", "2026-03-29T00:00", ["29T03:00+02", "30T02:30+02"]),
    ("0 15 2 * * ?", "Australia/Lord_Howe", "2026-10-03T00:00", ["04T02:30+11", "05T02:15+11"]),
    ("0 45 1 * * ?", "Australia/Lord_Howe", "2026-04-04T00:00", ["05T01:45+11", "06T01:45+10:30"]),
    ("0 0 0 * * ?", "Africa/Cairo", "2026-04-22T12:00", ["23T00:00+02", "24T01:00+03", "25T00:00+03"]),
    ("0 30 23 * * ?", "Africa/Cairo", "2026-10-29T00:00", ["29T23:30+03", "30T23:30+02"]),
    ("0 30 0 * * ?", "America/Santiago", "2026-09-05T12:00", ["06T01:00-03", "07T00:30-03"]),
    ("0 30 23 * * ?", "America/Santiago", "2026-04-04T12:00", ["04T23:30-03", "05T23:30-04"]),
    ("0 0 0 * * ?", "Asia/Beirut", "2026-03-28T12:00", ["29T01:00+03", "30T00:00+03"]),
    ("0 0 12 * * ?", "Pacific/Apia", "2011-12-29T12:00", ["29T12:00-10", "31T00:00+14", "31T12:00+14"]),
    ("0 30 2 29 3 ?", "Europe/Berlin", "2026-01-01T00:00", ["29T03:00+02", "29T02:30+02"]),
]  # fmt: skip

OPEN = [
    ("0 0 * * * ?", "Europe/Berlin", "2026-03-29T00:00", ["29T01:00+01", "29T03:00+02", "29T04:00+02"]),
    ("0 0 * * * ?", "Europe/Berlin", "2026-10-24T23:30", ["25T02:00+02", "25T02:00+01", "25T03:00+01"]),
    ("0 0/30 0-23 * * ?", "Europe/Berlin", "2026-10-25T00:00",
     ["25T02:00+02", "25T02:30+02", "25T02:00+01", "25T02:30+01", "25T03:00+01"]),
    ("*/30 */1 * * *", "Europe/Berlin", "2026-10-25T00:30", ["25T02:30+02", "25T02:00+01", "25T02:30+01"]),
    ("0 30 0/1 * * ?", "Europe/Berlin", "2026-03-29T00:00", ["29T01:30+01", "29T03:30+02"]),
    ("0 45 * * * ?", "Australia/Lord_Howe", "2026-04-04T14:00",
     ["05T01:45+11", "05T01:45+10:30", "05T02:45+10:30"]),
    ("0 0 * * * ?", "Australia/Lord_Howe", "2026-10-03T14:30", ["04T01:00+10:30", "04T03:00+11"]),
    ("0 0 * * * ?", "Africa/Cairo", "2026-10-29T20:00",
     ["29T23:00+03", "29T23:00+02", "30T00:00+02"]),
    ("0 0 * 29 10 ?", "Africa/Cairo", "2026-10-29T20:00", ["29T23:00+03", "29T23:00+02", "29T00:00+02"]),
    ("0 0 * * * ?", "Africa/Cairo", "2026-04-23T21:00", ["23T23:00+02", "24T01:00+03"]),
    ("0 0 * 24 4 ? 2026", "Africa/Cairo", "2024-01-01T00:00", ["24T01:00+03", "24T02:00+03"]),
    ("0 0 * 30 12 ? 2011-2012", "Pacific/Apia", "2011-12-29T00:00", ["30T00:00+14", "30T01:00+14"]),
]  # fmt: skip

# Not one of the four spellings of "every hour", so fixed, though every hour is meant.
FIXED_SPELLINGS = ["0-22,23", "0,1-23", "12-11", "*/2,1/2", "0-23,0"]


@pytest.mark.parametrize(("expression", "zone", "after", "expected"), FIXED)
def test_it_fires_fixed_hours_once_per_wall_time(expression, zone, after, expected):
    found = local_slots(expression, zone, after, len(expected))
    assert [_short(slot) for slot in found] == expected


@pytest.mark.parametrize(("expression", "zone", "after", "expected"), OPEN)
def test_it_fires_open_hours_in_both_passes_and_not_in_a_gap(expression, zone, after, expected):
    found = local_slots(expression, zone, after, len(expected))
    assert [_short(slot) for slot in found] == expected


@pytest.mark.parametrize(("expression", "zone", "after", "expected"), FIXED + OPEN)
def test_it_finds_the_same_slots_in_all_three_ways(expression, zone, after, expected):
    schedule = parse_cron(expression, zone)
    one_by_one = forwards(schedule, at(after), 60)
    assert one_by_one == list(schedule.between(one_by_one[0], at("2199-01-01"), limit=len(one_by_one)))
    assert one_by_one == backwards(schedule, one_by_one[-1], len(one_by_one))[::-1]


@pytest.mark.parametrize("hours", FIXED_SPELLINGS)
def test_it_takes_every_other_spelling_of_all_hours_as_fixed(hours):
    found = cron_slots(f"0 0 {hours} * * ?", "Europe/Berlin", "2026-10-24T23:30", 2)
    assert found == ["2026-10-25T00:00", "2026-10-25T02:00"]


def test_it_fires_a_moved_slot_once_however_many_fell_into_the_gap():
    found = cron_slots("* * 2 * * ?", "Europe/Berlin", "2026-03-29T00:59:59", 2)
    assert found == ["2026-03-29T01:00", "2026-03-30T00:00"]


def test_it_searches_backwards_over_a_skipped_day():
    schedule = parse_cron("0 0 * 29-30 12 ? 2011", "Pacific/Apia")
    assert schedule.latest_at(at("2026-01-01")) == at("2011-12-30T09:00")


def test_it_counts_offsets_with_seconds():
    # Liberia kept -0:44:30 until 1972-01-07.
    assert cron_slots("0 0 12 * * ?", "Africa/Monrovia", "1972-01-05T12:00", 3) == [
        "1972-01-05T12:44:30",
        "1972-01-06T12:44:30",
        "1972-01-07T12:00",
    ]


def test_it_counts_a_repeated_hour_to_the_date_its_clock_shows():
    # Cairo sets the clock back at midnight, from the 30th into the 29th.
    found = cron_slots("0 30 * 29 10 ? 2026", "Africa/Cairo", "2026-10-29T20:00", 9)
    assert found == ["2026-10-29T20:30", "2026-10-29T21:30"]


def _short(local: str) -> str:
    """Return the day, time and offset of an ISO time, without a year and an offset's full hours."""
    return local[8:].removesuffix(":00")
