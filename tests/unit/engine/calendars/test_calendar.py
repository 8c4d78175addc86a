"""What a calendar leaves open, and where it moves what falls on a closed instant."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.calendars import build_calendar, calendar_of, read_calendar
from tests.unit.engine.calendars.cases import WEEKDAYS, situations, utc
from tests.unit.engine.schedules.cases import at, steady

NIGHT = {"excludedTimes": [{"from": "22:00", "to": "06:00"}]}
OFFICE = {"allowedTimes": [{"from": "08:00", "to": "18:00"}], "weekdays": ["SAT", "SUN"]}

OPEN = [
    ({}, "2026-07-04T12:00+02:00", True),
    ({"dates": ["2026-07-04"]}, "2026-07-04T00:00+02:00", False),
    ({"dates": ["2026-07-04"]}, "2026-07-04T23:59:59.999999+02:00", False),
    ({"dates": ["2026-07-04"]}, "2026-07-05T00:00+02:00", True),
    ({"dates": [{"from": "2026-07-01", "to": "2027-02-01"}]}, "2027-02-01T23:00+01:00", False),
    ({"recurringDates": ["12-24"]}, "2031-12-24T10:00+01:00", False),
    ({"recurringDates": ["02-29"]}, "2028-02-29T10:00+01:00", False),
    ({"recurringDates": ["02-29"]}, "2027-02-28T10:00+01:00", True),
    ({"recurringDates": ["02-29"]}, "2027-03-01T10:00+01:00", True),
    ({"recurringDates": [{"from": "02-29", "to": "03-02"}]}, "2027-03-01T10:00+01:00", False),
    ({"recurringDates": [{"from": "02-27", "to": "02-29"}]}, "2027-02-28T10:00+01:00", False),
    ({"recurringDates": [{"from": "12-24", "to": "01-02"}]}, "2027-01-02T10:00+01:00", False),
    ({"recurringDates": [{"from": "12-24", "to": "01-02"}]}, "2027-01-03T10:00+01:00", True),
    ({"recurringDates": [{"from": "12-24", "to": "01-02"}]}, "2026-12-31T10:00+01:00", False),
    ({"weekdays": ["sat"]}, "2026-07-04T10:00+02:00", False),
    ({"weekdays": ["SAT"]}, "2026-07-05T00:00+02:00", True),
    ({"weekdays": WEEKDAYS}, "2040-12-31T10:00+01:00", False),
    ({"holidays": [{"country": "DE"}]}, "2026-04-03T10:00+02:00", False),
    ({"holidays": [{"country": "DE"}]}, "2026-06-04T10:00+02:00", True),
    ({"holidays": [{"country": "DE", "region": "BY"}]}, "2026-06-04T10:00+02:00", False),
    ({"holidays": [{"country": "US"}]}, "2021-12-31T10:00+01:00", False),
    ({"holidays": [{"country": "FR"}, {"country": "DE"}]}, "2026-07-14T10:00+02:00", False),
    ({"holidays": [{"country": "IN"}]}, "2150-07-14T10:00+02:00", True),
    (NIGHT, "2026-07-04T21:59:59+02:00", True),
    (NIGHT, "2026-07-04T22:00+02:00", False),
    (NIGHT, "2026-07-04T05:59:59+02:00", False),
    (NIGHT, "2026-07-04T06:00+02:00", True),
    ({"allowedTimes": [{"from": "22:00", "to": "06:00"}]}, "2026-07-04T12:00+02:00", False),
    ({"allowedTimes": [{"from": "22:00", "to": "06:00"}]}, "2026-07-04T23:00+02:00", True),
    ({"allowedTimes": [{"from": "18:00", "to": "24:00"}]}, "2026-07-04T23:59:59+02:00", True),
    (OFFICE | NIGHT, "2026-07-03T17:00+02:00", True),
    ({"timeZone": "Asia/Tokyo", "dates": ["2026-07-04"]}, "2026-07-03T17:00+02:00", False),
    # Both passes of a repeated hour show an excluded time.
    ({"excludedTimes": [{"from": "02:00", "to": "03:00"}]}, "2026-10-25T02:30+02:00", False),
    ({"excludedTimes": [{"from": "02:00", "to": "03:00"}]}, "2026-10-25T02:30+01:00", False),
    ({"excludedTimes": [{"from": "02:00", "to": "03:00"}]}, "2026-03-29T03:00+02:00", True),
]

# In Berlin; 3 July 2026 is a Friday.
NEXT = [
    (OFFICE, "2026-07-03T12:00+02:00", "2026-07-03T12:00+02:00"),
    (OFFICE, "2026-07-04T12:00:00.250+02:00", "2026-07-06T12:00:00.250+02:00"),
    (OFFICE, "2026-07-04T20:00+02:00", "2026-07-06T08:00+02:00"),
    (OFFICE, "2026-07-03T18:00+02:00", "2026-07-06T08:00+02:00"),
    (OFFICE, "2026-07-02T20:00+02:00", "2026-07-03T08:00+02:00"),
    (OFFICE, "2026-07-03T05:00+02:00", "2026-07-03T08:00+02:00"),
    ({"dates": ["2026-03-28"]}, "2026-03-28T02:30+01:00", "2026-03-29T03:00+02:00"),
    ({"dates": ["2026-10-24"]}, "2026-10-24T02:30+02:00", "2026-10-25T02:30+02:00"),
    ({"dates": ["2026-10-25"]}, "2026-10-25T02:30+01:00", "2026-10-26T02:30+01:00"),
    ({"excludedTimes": [{"from": "01:00", "to": "02:30"}]}, "2026-03-29T01:30+01:00", "2026-03-29T03:00+02:00"),
    ({"excludedTimes": [{"from": "02:00", "to": "02:30"}]}, "2026-10-25T02:10+02:00", "2026-10-25T02:30+02:00"),
    ({"excludedTimes": [{"from": "02:30", "to": "03:00"}]}, "2026-10-25T02:40+02:00", "2026-10-25T02:00+01:00"),
    ({"dates": [{"from": "2026-07-04", "to": "2026-08-03"}]}, "2026-07-04T12:00+02:00", "2026-08-04T12:00+02:00"),
]

PREVIOUS = [
    (OFFICE, "2026-07-05T12:00+02:00", "2026-07-03T12:00+02:00"),
    (OFFICE, "2026-07-05T20:00+02:00", "2026-07-03T17:59:59+02:00"),
    (OFFICE, "2026-07-06T05:00+02:00", "2026-07-03T17:59:59+02:00"),
    (OFFICE, "2026-07-03T20:00:00.5+02:00", "2026-07-03T17:59:59+02:00"),
    ({"dates": ["2026-03-30"]}, "2026-03-30T02:30+02:00", "2026-03-29T03:00+02:00"),
    ({"dates": ["2026-10-26"]}, "2026-10-26T02:30+01:00", "2026-10-25T02:30+02:00"),
    ({"excludedTimes": [{"from": "02:00", "to": "02:30"}]}, "2026-10-25T02:10+01:00", "2026-10-25T02:59:59+02:00"),
]

REASONS = [
    ({"holidays": [{"country": "DE", "region": "BY"}]}, "2026-06-04T10:00+02:00", "Corpus Christi (DE-BY)"),
    ({"dates": ["2026-07-03"]}, "2026-07-03T10:00+02:00", "2026-07-03 is excluded"),
    ({"recurringDates": ["07-03"]}, "2026-07-03T10:00+02:00", "07-03 is excluded every year"),
    ({"weekdays": ["FRI"]}, "2026-07-03T10:00+02:00", "Friday is excluded"),
    (OFFICE, "2026-07-03T20:00+02:00", "this time of day is excluded"),
    (OFFICE, "2026-07-03T10:00+02:00", None),
]


@pytest.mark.parametrize(("document", "instant", "expected"), OPEN)
def test_it_is_open_where_no_rule_excludes_what_the_clock_shows(document, instant, expected):
    assert build_calendar(document, "Europe/Berlin").is_open(utc(instant)) is expected


@pytest.mark.parametrize(("document", "instant", "expected"), NEXT)
def test_it_moves_a_slot_to_the_next_open_time(document, instant, expected):
    assert build_calendar(document, "Europe/Berlin").next_open(utc(instant)) == utc(expected)


@pytest.mark.parametrize(("document", "instant", "expected"), PREVIOUS)
def test_it_moves_a_slot_to_the_previous_open_time(document, instant, expected):
    assert build_calendar(document, "Europe/Berlin").previous_open(utc(instant)) == utc(expected)


def test_it_moves_over_a_day_that_the_clock_skipped():
    # Samoa went from 29 to 31 December 2011.
    forwards = build_calendar({"dates": ["2011-12-29"]}, "Pacific/Apia")
    backwards = build_calendar({"dates": ["2011-12-31"]}, "Pacific/Apia")
    assert forwards.next_open(utc("2011-12-29T12:00-10:00")) == utc("2011-12-31T12:00+14:00")
    assert backwards.previous_open(utc("2011-12-31T12:00+14:00")) == utc("2011-12-29T12:00-10:00")


@pytest.mark.parametrize(("document", "instant", "reason"), REASONS)
def test_it_tells_why_it_is_closed(document, instant, reason):
    assert build_calendar(document, "Europe/Berlin").closed_because(utc(instant)) == reason


@pytest.mark.parametrize("document", [{"weekdays": WEEKDAYS}, {"excludedTimes": [{"from": "00:00", "to": "24:00"}]}])
def test_it_moves_nothing_where_nothing_is_open(document):
    calendar = build_calendar(document, "UTC")
    assert (calendar.next_open(at("2026-07-03")), calendar.previous_open(at("2026-07-03"))) == (None, None)


def test_it_moves_at_most_31_days():
    calendar = build_calendar({"dates": [{"from": "2026-07-01", "to": "2026-08-01"}]}, "UTC")
    assert calendar.next_open(at("2026-07-01T09:00")) is None
    assert calendar.next_open(at("2026-07-02T09:00")) == at("2026-08-02T09:00")
    assert calendar.previous_open(at("2026-08-01T09:00")) is None
    assert calendar.previous_open(at("2026-07-31T09:00")) == at("2026-06-30T09:00")


@steady
@given(situations(), st.integers(-3_000_000, 3_000_000))
def test_it_moves_to_open_instants_forwards_and_backwards(situation, seconds):
    _, calendar, around = situation
    instant = around + timedelta(seconds=seconds)
    ahead, behind = calendar.next_open(instant), calendar.previous_open(instant)
    assert ahead is None or (calendar.is_open(ahead) and instant <= ahead <= instant + timedelta(days=32, hours=1))
    assert behind is None or (calendar.is_open(behind) and instant >= behind >= instant - timedelta(days=32, hours=1))
    assert (ahead == instant) is (behind == instant) is calendar.is_open(instant)


@steady
@given(st.sets(st.sampled_from(WEEKDAYS)), st.datetimes(datetime(1971, 1, 1), datetime(2198, 1, 1)))  # noqa: DTZ001
def test_it_knows_the_weekday_of_every_day(weekdays, moment):
    local = moment.replace(tzinfo=ZoneInfo("Asia/Tokyo"))
    calendar = build_calendar({"weekdays": sorted(weekdays)}, "Asia/Tokyo")
    assert calendar.is_open(local) is (WEEKDAYS[moment.weekday()] not in weekdays)


def test_it_reads_its_rules_in_its_own_zone_or_the_one_of_the_task():
    own = build_calendar({"timeZone": "Asia/Tokyo", "dates": ["2026-07-04"]}, "Europe/Berlin")
    borrowed = build_calendar({"dates": ["2026-07-04"]}, "Europe/Berlin")
    assert (own.time_zone, borrowed.time_zone) == ("Asia/Tokyo", "Europe/Berlin")
    assert own.next_open(utc("2026-07-03T17:00+02:00")) == utc("2026-07-04T17:00+02:00")


def test_it_shares_one_object_among_equal_rules():
    one, other = (read_calendar({"weekdays": days}) for days in (["SAT", "SUN"], ["SUN", "SAT", "sat"]))
    assert calendar_of(one, "UTC") is calendar_of(other, "UTC")
    assert calendar_of(one, "UTC") != calendar_of(one, "Asia/Tokyo")


def test_it_answers_at_the_ends_of_the_calendar():
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    calendar = build_calendar(OFFICE, "Europe/Berlin")
    assert [calendar.is_open(first), calendar.is_open(last)] == [False, False]
