"""Day rules: which days of a month a cron text selects.

A set of days is an integer whose bit d stands for day d of the month.
"""

from calendar import monthrange
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

# A week's seven bits times this are six weeks, as many as a month can touch.
_EVERY_SEVENTH: Final = sum(1 << day for day in (0, 7, 14, 21, 28, 35))
_SATURDAY: Final = 5
_SUNDAY: Final = 6


class DayRule(Protocol):
    """Which days of a month are meant."""

    def days(self, year: int, month: int) -> int:
        """Return the selected days of one month as bits."""
        ...


@lru_cache(maxsize=4096)
def month_shape(year: int, month: int) -> tuple[int, int, int]:
    """Return the weekday of a month's first day (Monday is 0), its length, and the bits of all its days."""
    first, length = monthrange(year, month)
    return first, length, (2 << length) - 2


@dataclass(frozen=True, slots=True)
class MonthDays:
    """Days by number; a month without such a day has no slot for it."""

    chosen: int

    @classmethod
    def of(cls, numbers: tuple[int, ...]) -> "MonthDays":
        """Return the rule for days by number, from 1."""
        return cls(sum(1 << number for number in numbers))

    def days(self, year: int, month: int) -> int:
        """Return the chosen days that this month has."""
        return self.chosen & month_shape(year, month)[2]


@dataclass(frozen=True, slots=True)
class Weekdays:
    """Days by weekday, every week; bit 0 of `chosen` is Monday."""

    chosen: int

    @classmethod
    def of(cls, weekdays: set[int]) -> "Weekdays":
        """Return the rule for weekdays by number, Monday being 0."""
        return cls(sum(1 << weekday for weekday in weekdays))

    def days(self, year: int, month: int) -> int:
        """Return the days of this month that fall on a chosen weekday."""
        first, _, whole_month = month_shape(year, month)
        return ((self.chosen * _EVERY_SEVENTH) >> first << 1) & whole_month


@dataclass(frozen=True, slots=True)
class LastDay:
    """The last day of the month, or so many days before it; a month that is too short has none."""

    before: int = 0
    to_weekday: bool = False

    def days(self, year: int, month: int) -> int:
        """Return the one day counted from the month's end."""
        return _single_day(year, month, month_shape(year, month)[1] - self.before, to_weekday=self.to_weekday)


@dataclass(frozen=True, slots=True)
class NearestWeekday:
    """Monday to Friday nearest to a day, inside its month; a month without that day has none."""

    day: int

    def days(self, year: int, month: int) -> int:
        """Return the one working day."""
        return _single_day(year, month, self.day, to_weekday=True)


@dataclass(frozen=True, slots=True)
class LastWeekday:
    """The last such weekday of the month; Monday is 0."""

    weekday: int

    def days(self, year: int, month: int) -> int:
        """Return the one day, which every month has."""
        first, length, _ = month_shape(year, month)
        return 1 << (length - (first + length - 1 - self.weekday) % 7)


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """The nth such weekday of the month, n from 1; a month without a fifth has none."""

    weekday: int
    nth: int

    def days(self, year: int, month: int) -> int:
        """Return the one day, if the month has it."""
        first, _, whole_month = month_shape(year, month)
        return (1 << (1 + (self.weekday - first) % 7 + 7 * (self.nth - 1))) & whole_month


@dataclass(frozen=True, slots=True)
class EitherDay:
    """Days that one rule or the other selects."""

    one: DayRule
    other: DayRule

    def days(self, year: int, month: int) -> int:
        """Return the union."""
        return self.one.days(year, month) | self.other.days(year, month)


@dataclass(frozen=True, slots=True)
class BothDays:
    """Days that both rules select."""

    one: DayRule
    other: DayRule

    def days(self, year: int, month: int) -> int:
        """Return the intersection."""
        return self.one.days(year, month) & self.other.days(year, month)


def _single_day(year: int, month: int, day: int, *, to_weekday: bool) -> int:
    first, length, _ = month_shape(year, month)
    if not 1 <= day <= length:
        return 0
    if to_weekday:
        day += _to_nearest_weekday(weekday=(first + day - 1) % 7, is_first=day == 1, is_last=day == length)
    return 1 << day


def _to_nearest_weekday(*, weekday: int, is_first: bool, is_last: bool) -> int:
    if weekday == _SATURDAY:
        return 2 if is_first else -1
    if weekday == _SUNDAY:
        return -2 if is_last else 1
    return 0
