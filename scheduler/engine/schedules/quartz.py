"""The reader of Quartz cron: six or seven fields, seconds first, the optional year last.

The meaning is that of the Quartz 2.3 CronTrigger manual; where the code of Quartz 2.3.2 differs from it
by accident, the manual decides or the text is refused (docs/schedules.md).
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from scheduler.engine.schedules import fields
from scheduler.engine.schedules.crontext import CronText
from scheduler.engine.schedules.days import (
    DayRule,
    LastDay,
    LastWeekday,
    MonthDays,
    NearestWeekday,
    NthWeekday,
    Weekdays,
)
from scheduler.engine.schedules.errors import malformed_cron
from scheduler.engine.schedules.fields import FieldReader, parse_number, parse_values
from scheduler.engine.schedules.walltimes import Dates, TimesOfDay, WallTimes

_NO_DAYS: Final[DayRule] = MonthDays(0)
_GREATEST_LAST_OFFSET: Final = 30

_LAST_DAY: Final = re.compile(r"L(?:-(?P<before>[0-9]+))?(?P<nearest>W)?")
_NEAREST: Final = re.compile(r"(?P<day>[0-9]+)W")
_LAST_WEEKDAY: Final = re.compile(r"(?P<weekday>[0-9]+|[A-Z]+)L")
_NTH_WEEKDAY: Final = re.compile(r"(?P<weekday>[0-9]+|[A-Z]+)#(?P<nth>[0-9]+)")


def parse_quartz(texts: Sequence[str]) -> CronText:
    """Return what six or seven fields, in capitals, say; raises InvalidSchedule with every fault found."""
    second, minute, hour, month_day, month, week_day, *year = texts
    reader = FieldReader()
    seconds = reader.values(second, fields.SECOND)
    minutes = reader.values(minute, fields.MINUTE)
    hours = reader.values(hour, fields.HOUR)
    rule = reader.read(lambda text: _day_rule(text, week_day), month_day, _NO_DAYS)
    months = reader.values(month, fields.MONTH)
    years = reader.values(year[0], fields.YEAR) if year else fields.YEARS
    reader.finish()
    dates, times = Dates(years, months, rule), TimesOfDay(hours, minutes, seconds)
    return CronText(WallTimes(dates, times), fields.is_open(hour))


@lru_cache(maxsize=4096)
def _day_rule(month_day: str, week_day: str) -> DayRule:
    for text, field in ((month_day, fields.DAY_OF_MONTH), (week_day, fields.DAY_OF_WEEK)):
        if "?" in text and text != "?":
            raise malformed_cron(f"{field.label}: {text} is not understood; write ? alone.")
    if (month_day == "?") == (week_day == "?"):
        state = "are both ?; write * in one of them" if week_day == "?" else "are both set; write ? in one of them"
        raise malformed_cron(f"Day-of-month and day-of-week {state}.")
    return _month_days(month_day) if week_day == "?" else _week_days(week_day)


def _month_days(text: str) -> DayRule:
    """Read day-of-month: values, L, L-n, LW, L-nW or nW."""
    if "L" not in text and "W" not in text:
        return MonthDays.of(parse_values(text, fields.DAY_OF_MONTH))
    _refuse_list(text, fields.DAY_OF_MONTH, "L and W")
    if match := _LAST_DAY.fullmatch(text):
        before = int(match["before"] or 0)
        if before > _GREATEST_LAST_OFFSET:
            raise malformed_cron(f"Day-of-month: {text} is out of range; use L-0 to L-{_GREATEST_LAST_OFFSET}.")
        return LastDay(before, to_weekday=match["nearest"] is not None)
    if match := _NEAREST.fullmatch(text):
        return NearestWeekday(parse_number(match["day"], fields.DAY_OF_MONTH))
    raise malformed_cron(
        f"Day-of-month: {text} is not understood; with L or W write L, L-3, LW, L-3W or 15W and nothing else."
    )


def _week_days(text: str) -> DayRule:
    """Read day-of-week: values, nL or n#k; L alone is Saturday, every week."""
    if text == "L":
        return Weekdays.of({_from_quartz(fields.DAY_OF_WEEK.high)})
    if "#" in text or "L" in text:
        _refuse_list(text, fields.DAY_OF_WEEK, "L and #")
        return _one_weekday(text)
    return Weekdays.of({_from_quartz(number) for number in parse_values(text, fields.DAY_OF_WEEK)})


def _one_weekday(text: str) -> DayRule:
    if match := _LAST_WEEKDAY.fullmatch(text):
        return LastWeekday(_from_quartz(parse_number(match["weekday"], fields.DAY_OF_WEEK)))
    if match := _NTH_WEEKDAY.fullmatch(text):
        nth = int(match["nth"])
        if not 1 <= nth <= 5:
            raise malformed_cron(f"Day-of-week: {text} is out of range; use #1 to #5.")
        return NthWeekday(_from_quartz(parse_number(match["weekday"], fields.DAY_OF_WEEK)), nth)
    raise malformed_cron(
        f"Day-of-week: {text} is not understood; write 6L or FRIL for the last Friday, FRI#2 for the second."
    )


def _refuse_list(text: str, field: fields.Field, what: str) -> None:
    if "," in text:
        raise malformed_cron(
            f"{field.label}: {what} cannot be part of a list such as {text}; register one task for each."
        )


def _from_quartz(number: int) -> int:
    """Return Monday = 0 for Quartz's Sunday = 1."""
    return (number + 5) % 7
