"""The wall times that a cron text matches, whatever the zone.

A wall time is a number of seconds from 1970-01-01 00:00 on the wall's own calendar: no zone and no
clock change is known here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

from scheduler.engine.schedules.days import DayRule
from scheduler.engine.schedules.fields import Values, at_or_after, at_or_before
from scheduler.engine.schedules.instants import DAY, HOUR, MINUTE

_DAY_ZERO: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class TimesOfDay:
    """Every combination of some hours, minutes and seconds, in seconds since midnight."""

    hours: Values
    minutes: Values
    seconds: Values

    @cached_property
    def first(self) -> int:
        """The earliest time of a day."""
        return self.hours[0] * HOUR + self._first_of_hour

    @cached_property
    def last(self) -> int:
        """The latest time of a day."""
        return self.hours[-1] * HOUR + self._last_of_hour

    @cached_property
    def _first_of_hour(self) -> int:
        return self.minutes[0] * MINUTE + self.seconds[0]

    @cached_property
    def _last_of_hour(self) -> int:
        return self.minutes[-1] * MINUTE + self.seconds[-1]

    def first_from(self, time: int) -> int | None:
        """Return the least time that is not before `time`."""
        hour, rest = divmod(time, HOUR)
        minute, second = divmod(rest, MINUTE)
        for some_hour in at_or_after(self.hours, hour):
            if some_hour > hour:
                return some_hour * HOUR + self._first_of_hour
            for some_minute in at_or_after(self.minutes, minute):
                if some_minute > minute:
                    return hour * HOUR + some_minute * MINUTE + self.seconds[0]
                if seconds := at_or_after(self.seconds, second):
                    return time - second + seconds[0]
        return None

    def last_to(self, time: int) -> int | None:
        """Return the greatest time that is not after `time`."""
        hour, rest = divmod(time, HOUR)
        minute, second = divmod(rest, MINUTE)
        for some_hour in reversed(at_or_before(self.hours, hour)):
            if some_hour < hour:
                return some_hour * HOUR + self._last_of_hour
            for some_minute in reversed(at_or_before(self.minutes, minute)):
                if some_minute < minute:
                    return hour * HOUR + some_minute * MINUTE + self.seconds[-1]
                if seconds := at_or_before(self.seconds, second):
                    return time - second + seconds[-1]
        return None

    def between(self, start: int, stop: int) -> Iterator[int]:
        """Yield the times with start <= time < stop, ascending."""
        for hour in at_or_after(self.hours, start // HOUR):
            for minute in self.minutes:
                base = hour * HOUR + minute * MINUTE
                if base >= stop:
                    return
                if base + MINUTE <= start:
                    continue
                for second in self.seconds:
                    time = base + second
                    if start <= time < stop:
                        yield time


@dataclass(frozen=True)
class Dates:
    """The dates of some years and months that a day rule selects, as days since 1970."""

    years: Values
    months: Values
    rule: DayRule

    def first_from(self, day: int) -> int | None:
        """Return the first date that is not before a day; at most 230 years of months are looked at."""
        start = date.fromordinal(_DAY_ZERO + day)
        for year in at_or_after(self.years, start.year):
            same_year = year == start.year
            for month in at_or_after(self.months, start.month) if same_year else self.months:
                days = self.rule.days(year, month)
                if same_year and month == start.month:
                    days &= -1 << start.day
                if days:
                    return _day_zero_of(year, month) + (days & -days).bit_length() - 1
        return None

    def last_to(self, day: int) -> int | None:
        """Return the last date that is not after a day."""
        end = date.fromordinal(_DAY_ZERO + day)
        for year in reversed(at_or_before(self.years, end.year)):
            same_year = year == end.year
            for month in reversed(at_or_before(self.months, end.month) if same_year else self.months):
                days = self.rule.days(year, month)
                if same_year and month == end.month:
                    days &= (2 << end.day) - 1
                if days:
                    return _day_zero_of(year, month) + days.bit_length() - 1
        return None

    def between(self, start: int, stop: int) -> Iterator[int]:
        """Yield the dates with start <= date < stop, ascending."""
        begin = date.fromordinal(_DAY_ZERO + start)
        for year in at_or_after(self.years, begin.year):
            for month in at_or_after(self.months, begin.month) if year == begin.year else self.months:
                zero = _day_zero_of(year, month)
                if zero + 1 >= stop:
                    return
                days = self.rule.days(year, month)
                while days:
                    lowest = days & -days
                    days ^= lowest
                    found = zero + lowest.bit_length() - 1
                    if start <= found < stop:
                        yield found


@dataclass(frozen=True)
class WallTimes:
    """Every combination of some dates and times of day."""

    dates: Dates
    times: TimesOfDay

    def first_from(self, wall: int) -> int | None:
        """Return the least wall time that is not before `wall`."""
        day, time = divmod(wall, DAY)
        found = self.dates.first_from(day)
        if found == day:
            same_day = self.times.first_from(time)
            if same_day is not None:
                return day * DAY + same_day
            found = self.dates.first_from(day + 1)
        return None if found is None else found * DAY + self.times.first

    def last_to(self, wall: int) -> int | None:
        """Return the greatest wall time that is not after `wall`."""
        day, time = divmod(wall, DAY)
        found = self.dates.last_to(day)
        if found == day:
            same_day = self.times.last_to(time)
            if same_day is not None:
                return day * DAY + same_day
            found = self.dates.last_to(day - 1)
        return None if found is None else found * DAY + self.times.last

    def between(self, start: int, stop: int) -> Iterator[int]:
        """Yield the wall times with start <= wall < stop, ascending."""
        for day in self.dates.between(start // DAY, -(-stop // DAY)):
            base = day * DAY
            for time in self.times.between(max(start - base, 0), min(stop - base, DAY)):
                yield base + time


def _day_zero_of(year: int, month: int) -> int:
    """Return the day before a month's first, in days since 1970."""
    return date(year, month, 1).toordinal() - _DAY_ZERO - 1
