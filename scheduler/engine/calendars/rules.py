"""What a calendar excludes, as a value: hashable, so that calendars with equal rules share what is worked out."""

from dataclasses import dataclass
from datetime import date

DateRange = tuple[date, date]
YearDay = tuple[int, int]
TimeRange = tuple[int, int]


@dataclass(frozen=True, slots=True)
class HolidayRule:
    """The public holidays of a country, or of one of its regions."""

    country: str
    region: str | None = None

    def __str__(self) -> str:
        return f"{self.country}-{self.region}" if self.region else self.country


@dataclass(frozen=True, slots=True)
class CalendarRules:
    """The rules of one calendar; an instant is closed as soon as one of them excludes it.

    Ranges of dates and of year days include both ends; a range of year days may run over New Year. Ranges of
    times are seconds since local midnight, from <= time < to, and may run over midnight. Without allowed times
    every time of day is allowed. Monday is weekday 0.
    """

    time_zone: str | None = None
    dates: tuple[DateRange, ...] = ()
    recurring_dates: tuple[tuple[YearDay, YearDay], ...] = ()
    weekdays: frozenset[int] = frozenset()
    holidays: tuple[HolidayRule, ...] = ()
    excluded_times: tuple[TimeRange, ...] = ()
    allowed_times: tuple[TimeRange, ...] = ()
