"""What rules mean, for people: which days they close and why, and the rules in a few words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from scheduler.engine.calendars.opentimes import WEEKDAYS, OpenDays, open_times
from scheduler.engine.calendars.rules import CalendarRules
from scheduler.engine.calendars.writing import time_of_day, year_day

SHOWN: Final = 3

_DAY_ZERO: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """A day on which no slot runs; `is_weekly` where nothing but its weekday closes it."""

    day: date
    reason: str
    is_weekly: bool


def closed_days(rules: CalendarRules, first: date, count: int) -> Iterator[ClosedDay]:
    """Yield the closed ones of `count` days from `first` on, those of the calendar's clock."""
    days, has_open_time = OpenDays(rules), open_times(rules).first is not None
    for number in range(count):
        day = first + timedelta(days=number)
        reason = days.closed_because(day.toordinal() - _DAY_ZERO)
        if reason is not None:
            yield ClosedDay(day, reason, is_weekly=reason == f"{WEEKDAYS[day.weekday()]} is excluded")
        elif not has_open_time:
            yield ClosedDay(day, "no time of day is left open", is_weekly=False)


def in_words(rules: CalendarRules) -> str:
    """Return what some rules exclude: "weekends; holidays of DE-BY; 2026-12-24 and 3 more dates"."""
    parts = [
        _weekdays(rules.weekdays),
        _some("holidays of {}", sorted(str(rule) for rule in set(rules.holidays)), "countries or regions"),
        _some("{}", [_span(str(start), str(end)) for start, end in sorted(set(rules.dates))], "dates"),
        _some("{} every year", [_span(*map(year_day, both)) for both in sorted(set(rules.recurring_dates))], "dates"),
        _some("{}", _times(rules.excluded_times), "windows of the day"),
        _some("all but {}", _times(rules.allowed_times), "windows of the day"),
    ]
    words = "; ".join(part for part in parts if part) or "nothing"
    return f"{words} ({rules.time_zone})" if rules.time_zone else words


def _weekdays(weekdays: frozenset[int]) -> str:
    if weekdays == {5, 6}:
        return "weekends"
    return ", ".join(f"{WEEKDAYS[day]}s" for day in sorted(weekdays))


def _some(template: str, items: list[str], plural: str) -> str:
    if not items:
        return ""
    more = len(items) - SHOWN
    return template.format(", ".join(items[:SHOWN]) + (f" and {more} more {plural}" if more > 0 else ""))


def _times(ranges: Iterable[tuple[int, int]]) -> list[str]:
    return [_span(*map(time_of_day, both)) for both in sorted(set(ranges))]


def _span(start: str, end: str) -> str:
    return start if start == end else f"{start} to {end}"
