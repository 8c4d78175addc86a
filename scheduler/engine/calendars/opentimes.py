"""The wall times that a calendar leaves open, whatever the zone: open days and open times of day.

Days are counted from 1970-01-01, wall times in seconds from its midnight, as schedules do.
"""

from bisect import bisect_right
from calendar import isleap
from collections.abc import Iterable
from datetime import date
from itertools import pairwise
from typing import Final

from scheduler.engine.calendars.regions import holidays_of
from scheduler.engine.calendars.rules import CalendarRules, TimeRange, YearDay
from scheduler.engine.schedules.fields import FIRST_YEAR, LAST_YEAR
from scheduler.engine.schedules.instants import DAY

_DAY_ZERO: Final = date(1970, 1, 1).toordinal()
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Shifted by up to six days it still covers the 366 days of a leap year.
_EVERY_SEVENTH: Final = sum(1 << day for day in range(0, 378, 7))

# A slot of the last night of 2199 may be a day later in another zone, and one of the first a day earlier.
_FIRST: Final = FIRST_YEAR - 1
_LAST: Final = LAST_YEAR + 1


class OpenTimes:
    """The times of day that are open, the same every day, as ranges without overlap."""

    __slots__ = ("_ends", "_starts", "edges", "first", "last", "ranges")

    def __init__(self, ranges: tuple[TimeRange, ...]) -> None:
        self.ranges = ranges
        self._starts = [start for start, _ in ranges]
        self._ends = [end for _, end in ranges]
        self.edges = sorted({edge for each in ranges for edge in each} - {0, DAY})
        self.first = self._starts[0] if ranges else None
        self.last = self._ends[-1] - 1 if ranges else None

    def are_open(self, time: int) -> bool:
        """Return whether a time of day is open."""
        at = bisect_right(self._starts, time) - 1
        return at >= 0 and time < self._ends[at]

    def first_from(self, time: int) -> int | None:
        """Return the least open time that is not before `time`."""
        at = bisect_right(self._ends, time)
        return max(time, self._starts[at]) if at < len(self._starts) else None

    def last_to(self, time: int) -> int | None:
        """Return the greatest open time that is not after `time`."""
        at = bisect_right(self._starts, time) - 1
        return min(time, self._ends[at] - 1) if at >= 0 else None


def open_times(rules: CalendarRules) -> OpenTimes:
    """Return the times of day that are allowed and not excluded."""
    allowed = _unwrapped(rules.allowed_times) or [(0, DAY)]
    excluded = _unwrapped(rules.excluded_times)
    edges = sorted({0, DAY, *(edge for each in (*allowed, *excluded) for edge in each)})
    ranges: list[TimeRange] = []
    for start, end in pairwise(edges):
        if _holds(allowed, start) and not _holds(excluded, start):
            begin = ranges.pop()[0] if ranges and ranges[-1][1] == start else start
            ranges.append((begin, end))
    return OpenTimes(tuple(ranges))


def _unwrapped(ranges: Iterable[TimeRange]) -> list[TimeRange]:
    """Return the ranges with those over midnight cut in two."""
    cut = [[(start, end)] if start < end else [(start, DAY), (0, end)] for start, end in ranges]
    return [part for parts in cut for part in parts if part[0] < part[1]]


def _holds(ranges: Iterable[TimeRange], time: int) -> bool:
    return any(start <= time < end for start, end in ranges)


class OpenDays:
    """The days that no rule for whole days excludes; what is closed is worked out once for each year."""

    __slots__ = ("_closed", "_rules")

    def __init__(self, rules: CalendarRules) -> None:
        self._rules = rules
        self._closed: dict[int, int] = {}

    def is_open(self, day: int) -> bool:
        """Return whether a day is open."""
        on = date.fromordinal(_DAY_ZERO + day)
        return not self._closed_in(on.year) >> _place(on) & 1

    def beyond(self, day: int, direction: int) -> int | None:
        """Return the nearest open day strictly after (1) or before (-1) a day, or None if none is in reach."""
        on = date.fromordinal(_DAY_ZERO + day + direction)
        for year in range(on.year, (_LAST if direction > 0 else _FIRST) + direction, direction):
            found = _whole(year) & ~self._closed_in(year)
            if year == on.year:
                found &= -1 << _place(on) if direction > 0 else (2 << _place(on)) - 1
            if found:
                return _day_zero_of(year) + (found & -found if direction > 0 else found).bit_length() - 1
        return None

    def closed_because(self, day: int) -> str | None:
        """Return which rule excludes a day, or None if it is open."""
        on, rules = date.fromordinal(_DAY_ZERO + day), self._rules
        for rule in rules.holidays:
            if name := holidays_of(rule, on.year).get(on):
                return f"{name} ({rule})"
        if any(start <= on <= end for start, end in rules.dates):
            return f"{on} is excluded"
        if any(_is_within((on.month, on.day), *both) for both in rules.recurring_dates):
            return f"{on:%m-%d} is excluded every year"
        return f"{WEEKDAYS[on.weekday()]} is excluded" if on.weekday() in rules.weekdays else None

    def _closed_in(self, year: int) -> int:
        """Return the closed days of a year as bits; bit 0 is 1 January."""
        bits = self._closed.get(year)
        if bits is None:
            bits = self._closed[year] = _closed_days(self._rules, year)
        return bits


def _closed_days(rules: CalendarRules, year: int) -> int:
    every_week = sum(1 << weekday for weekday in rules.weekdays) * _EVERY_SEVENTH
    bits = every_week >> date(year, 1, 1).weekday()
    for start, end in [*rules.dates, *(both for each in rules.recurring_dates for both in _in_year(*each, year))]:
        if start.year <= year <= end.year:
            first = _place(start) if start.year == year else 0
            last = _place(end) if end.year == year else 365
            bits |= (2 << last) - (1 << first)
    for rule in rules.holidays:
        for day in holidays_of(rule, year):
            bits |= 1 << _place(day)
    return bits & _whole(year)


def _in_year(start: YearDay, end: YearDay, year: int) -> list[tuple[date, date]]:
    """Return the dates of one year from one day of the year to another; 29 February exists in leap years only."""
    spans = [(start, end)] if start <= end else [((1, 1), end), (start, (12, 31))]
    whole = [(_on(year, first, instead=(3, 1)), _on(year, last, instead=(2, 28))) for first, last in spans]
    return [(first, last) for first, last in whole if first <= last]


def _on(year: int, day: YearDay, *, instead: YearDay) -> date:
    return date(year, *(instead if day == (2, 29) and not isleap(year) else day))


def _is_within(day: YearDay, start: YearDay, end: YearDay) -> bool:
    return start <= day <= end if start <= end else day >= start or day <= end


def _place(on: date) -> int:
    return on.timetuple().tm_yday - 1


def _whole(year: int) -> int:
    return (1 << (366 if isleap(year) else 365)) - 1


def _day_zero_of(year: int) -> int:
    return date(year, 1, 1).toordinal() - _DAY_ZERO
