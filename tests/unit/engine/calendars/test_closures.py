"""Closed days with their reasons, and rules in words."""

from datetime import date

import pytest

from scheduler.engine.calendars import ClosedDay, closed_days, in_words, read_calendar

CHRISTMAS = date(2026, 12, 24)

CLOSED = [
    ({}, []),
    ({"weekdays": ["SAT"]}, [ClosedDay(date(2026, 12, 26), "Saturday is excluded", is_weekly=True)]),
    ({"dates": ["2026-12-24"]}, [ClosedDay(CHRISTMAS, "2026-12-24 is excluded", is_weekly=False)]),
    ({"recurringDates": ["12-24"]}, [ClosedDay(CHRISTMAS, "12-24 is excluded every year", is_weekly=False)]),
    ({"holidays": [{"country": "US"}]},
     [ClosedDay(date(2026, 12, 25), "Christmas Day (US)", is_weekly=False)]),
    ({"excludedTimes": [{"from": "08:00", "to": "18:00"}]}, []),
]  # fmt: skip


@pytest.mark.parametrize(("document", "days"), CLOSED)
def test_it_tells_which_days_are_closed_and_why(document, days):
    assert list(closed_days(read_calendar(document), CHRISTMAS, 3)) == days


def test_a_day_without_an_open_time_is_closed():
    rules = read_calendar({"excludedTimes": [{"from": "00:00", "to": "24:00"}]})

    assert [day.reason for day in closed_days(rules, CHRISTMAS, 2)] == ["no time of day is left open"] * 2


WORDS = [
    ({}, "nothing"),
    ({"weekdays": ["SUN", "SAT"]}, "weekends"),
    ({"weekdays": ["SUN"], "timeZone": "Europe/Berlin"}, "Sundays (Europe/Berlin)"),
    ({"holidays": [{"country": "DE", "region": "BY"}, {"country": "AT"}]}, "holidays of AT, DE-BY"),
    ({"dates": ["2026-12-24", {"from": "2026-07-27", "to": "2026-08-14"}]}, "2026-07-27 to 2026-08-14, 2026-12-24"),
    ({"dates": [f"2026-01-0{day}" for day in range(1, 6)]},
     "2026-01-01, 2026-01-02, 2026-01-03 and 2 more dates"),
    ({"recurringDates": ["12-24"], "excludedTimes": [{"from": "22:00", "to": "06:00"}]},
     "12-24 every year; 22:00 to 06:00"),
    ({"allowedTimes": [{"from": "08:00", "to": "18:00"}]}, "all but 08:00 to 18:00"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "words"), WORDS)
def test_it_says_rules_in_words(document, words):
    assert in_words(read_calendar(document)) == words
