"""The way back from rules to their document: one text for equal rules, whichever way they were written."""

from collections.abc import Iterable
from typing import Any

from scheduler.engine.calendars.opentimes import open_times
from scheduler.engine.calendars.reading import WEEKDAY_NAMES
from scheduler.engine.calendars.rules import CalendarRules, HolidayRule, TimeRange, YearDay
from scheduler.engine.schedules.instants import HOUR, MINUTE

Json = dict[str, Any]


def as_document(rules: CalendarRules) -> Json:
    """Return the document that `read_calendar` reads as these rules: sorted, nothing twice, what is empty left out."""
    document: Json = {
        "timeZone": rules.time_zone,
        "dates": [_day_or_range(str(start), str(end)) for start, end in sorted(set(rules.dates))],
        "recurringDates": [_day_or_range(*map(year_day, both)) for both in sorted(set(rules.recurring_dates))],
        "weekdays": [WEEKDAY_NAMES[day] for day in sorted(rules.weekdays)],
        "holidays": [_holidays(rule) for rule in sorted(set(rules.holidays), key=str)],
        "excludedTimes": _times(rules.excluded_times),
        "allowedTimes": _times(rules.allowed_times),
    }
    return {name: value for name, value in document.items() if value}


def open_ranges(rules: CalendarRules) -> list[Json]:
    """Return the times of day that are open on an open day, ascending and without overlap."""
    return [_range(*map(time_of_day, both)) for both in open_times(rules).ranges]


def year_day(day: YearDay) -> str:
    """Return a day of the year as 12-24."""
    return f"{day[0]:02}-{day[1]:02}"


def time_of_day(second: int) -> str:
    """Return a time of day as 08:30, with seconds where there are some."""
    hour, rest = divmod(second, HOUR)
    minute, left = divmod(rest, MINUTE)
    return f"{hour:02}:{minute:02}:{left:02}" if left else f"{hour:02}:{minute:02}"


def _times(ranges: Iterable[TimeRange]) -> list[Json]:
    return [_range(*map(time_of_day, both)) for both in sorted(set(ranges))]


def _day_or_range(start: str, end: str) -> str | Json:
    return start if start == end else _range(start, end)


def _range(start: str, end: str) -> Json:
    return {"from": start, "to": end}


def _holidays(rule: HolidayRule) -> Json:
    return {"country": rule.country, "region": rule.region} if rule.region else {"country": rule.country}
