"""The strict reader of a calendar's rule document, as the API takes it and the database keeps it.

{"timeZone": "Europe/Berlin",
 "dates": ["2026-12-24", {"from": "2026-07-27", "to": "2026-08-14"}],
 "recurringDates": ["02-29", {"from": "12-24", "to": "01-01"}],
 "weekdays": ["SAT", "SUN"],
 "holidays": [{"country": "DE", "region": "BY"}],
 "excludedTimes": [{"from": "22:00", "to": "06:00"}],
 "allowedTimes": [{"from": "08:00", "to": "18:00"}]}
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from scheduler.engine.calendars.errors import InvalidCalendar
from scheduler.engine.calendars.reading import (
    BadValue,
    Reader,
    as_country,
    as_date,
    as_text,
    as_time,
    as_weekday,
    as_year_day,
    as_zone,
)
from scheduler.engine.calendars.regions import unknown_region
from scheduler.engine.calendars.rules import CalendarRules, DateRange, HolidayRule, TimeRange, YearDay

# Enough for fifty years of a company's own days; a calendar is read at every edit of a task that uses it.
MAX_DATES: Final = 1000
MAX_RECURRING_DATES: Final = 366
MAX_WEEKDAYS: Final = 7
MAX_HOLIDAYS: Final = 20
MAX_TIMES: Final = 48

_ENDS: Final = ("from", "to")

Day = TypeVar("Day")


def read_calendar(document: object) -> CalendarRules:
    """Return the rules of a document; raises InvalidCalendar with every fault in it."""
    reader = Reader()
    given = reader.mapping(document, "", known=tuple(_FIELDS))
    values = {
        attribute: read(reader, given[name], name) for name, (attribute, read) in _FIELDS.items() if name in given
    }
    if reader.faults:
        raise InvalidCalendar(tuple(reader.faults))
    return CalendarRules(**values)


def _zone(reader: Reader, given: object, path: str) -> str | None:
    return None if given is None else reader.value(given, path, as_zone)


def _weekdays(reader: Reader, given: object, path: str) -> frozenset[int]:
    return frozenset(reader.items(given, path, MAX_WEEKDAYS, lambda item, at: reader.value(item, at, as_weekday)))


def _dates(reader: Reader, given: object, path: str) -> tuple[DateRange, ...]:
    def read(item: object, at: str) -> DateRange | None:
        return _day_or_range(reader, item, at, as_date, _refuse_backwards)

    return tuple(reader.items(given, path, MAX_DATES, read))


def _recurring_dates(reader: Reader, given: object, path: str) -> tuple[tuple[YearDay, YearDay], ...]:
    def read(item: object, at: str) -> tuple[YearDay, YearDay] | None:
        return _day_or_range(reader, item, at, as_year_day, lambda _: None)

    return tuple(reader.items(given, path, MAX_RECURRING_DATES, read))


def _times(reader: Reader, given: object, path: str) -> tuple[TimeRange, ...]:
    def read(item: object, at: str) -> TimeRange | None:
        return _range(reader, item, at, as_time, _refuse_empty)

    return tuple(reader.items(given, path, MAX_TIMES, read))


def _holidays(reader: Reader, given: object, path: str) -> tuple[HolidayRule, ...]:
    return tuple(reader.items(given, path, MAX_HOLIDAYS, lambda item, at: _holiday(reader, item, at)))


def _holiday(reader: Reader, given: object, path: str) -> HolidayRule | None:
    parts = reader.mapping(given, path, known=("country", "region"), required=("country",))
    country = reader.value(parts["country"], f"{path}.country", as_country) if "country" in parts else None
    region = parts.get("region")
    if country is None or region is None:
        return None if country is None else HolidayRule(country)

    def as_region(value: object) -> str:
        if fault := unknown_region(country, as_text(value)):
            raise BadValue(fault)
        return as_text(value)

    known = reader.value(region, f"{path}.region", as_region)
    return None if known is None else HolidayRule(country, known)


def _day_or_range(
    reader: Reader, given: object, path: str, convert: Callable[[object], Day], check: Callable[[tuple[Day, Day]], None]
) -> tuple[Day, Day] | None:
    if isinstance(given, Mapping):
        return _range(reader, given, path, convert, check)
    day = reader.value(given, path, convert)
    return None if day is None else (day, day)


def _range(
    reader: Reader, given: object, path: str, convert: Callable[[object], Day], check: Callable[[tuple[Day, Day]], None]
) -> tuple[Day, Day] | None:
    parts = reader.mapping(given, path, known=_ENDS, required=_ENDS)
    ends = [reader.value(parts[name], f"{path}.{name}", convert) for name in _ENDS if name in parts]
    found = [end for end in ends if end is not None]
    if len(found) < len(_ENDS):
        return None
    both = (found[0], found[1])
    return both if reader.holds(check, both, path) else None


def _refuse_backwards(both: DateRange) -> None:
    if both[1] < both[0]:
        raise BadValue(f"The range runs backwards; write from {both[1]} to {both[0]}.")


def _refuse_empty(both: TimeRange) -> None:
    if both[0] == both[1]:
        raise BadValue("The range is empty; write from 00:00 to 24:00 for the whole day.")


_FIELDS: Final[dict[str, tuple[str, Callable[[Reader, object, str], Any]]]] = {
    "timeZone": ("time_zone", _zone),
    "dates": ("dates", _dates),
    "recurringDates": ("recurring_dates", _recurring_dates),
    "weekdays": ("weekdays", _weekdays),
    "holidays": ("holidays", _holidays),
    "excludedTimes": ("excluded_times", _times),
    "allowedTimes": ("allowed_times", _times),
}
