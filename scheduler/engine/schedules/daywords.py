"""Plain words for the days, months and years of a cron text."""

from calendar import monthrange
from collections.abc import Sequence
from typing import Final

from scheduler.engine.schedules.days import (
    BothDays,
    DayRule,
    EitherDay,
    LastDay,
    LastWeekday,
    MonthDays,
    NearestWeekday,
    NthWeekday,
    Weekdays,
)
from scheduler.engine.schedules.descriptor import (
    described_day_of_month,
    described_day_of_week,
    described_month,
    row_or_list,
)
from scheduler.engine.schedules.fields import YEARS
from scheduler.engine.schedules.phrases import joined, ordinal, spans, step_of
from scheduler.engine.schedules.walltimes import Dates

_COMMON_YEAR: Final = 2001
_LISTED: Final = 8
_WHERE_THEY_EXIST: Final = " (those that it has)"
_WORKING_DAY: Final = "(Monday to Friday)"


def date_words(dates: Dates, *, daily: str = "") -> list[str]:
    """Return the parts of a sentence that say on which dates; `daily` is what it says of all days of a month."""
    parts = [_days(dates.rule, dates.months) or daily, _months(dates.months), _years(dates.years)]
    return [part for part in parts if part]


def _days(rule: DayRule, months: Sequence[int]) -> str:
    match rule:
        case EitherDay(MonthDays(chosen), Weekdays(of_week)):
            either = [_month_days(chosen, months), _weekdays(of_week).removeprefix("only ")]
            return " or ".join(either) if all(either) else ""
        case BothDays(MonthDays(chosen), Weekdays(of_week)):
            on, of = _month_days(chosen, months), _weekdays(of_week)
            return f"{on}, but only {of.removeprefix('only ')}" if on and of else on or of
        case MonthDays(chosen):
            return _month_days(chosen, months)
        case Weekdays(chosen):
            return _weekdays(chosen)
        case NearestWeekday(day):
            return f"on the weekday {_WORKING_DAY} nearest to day {day} of the month{_where_it_exists(day, months)}"
        case _:
            return _special_day(rule)


def _special_day(rule: DayRule) -> str:
    match rule:
        case LastDay(0, to_weekday=False):
            return described_day_of_month("L")
        case LastDay(before, to_weekday=False):
            return f"{_counted(before)} before the last day of the month"
        case LastDay(0, to_weekday=True):
            return f"{described_day_of_month('LW')} {_WORKING_DAY}"
        case LastDay(before, to_weekday=True):
            return f"on the weekday {_WORKING_DAY} nearest to {_counted(before)} before the last day of the month"
        case LastWeekday(weekday):
            return described_day_of_week(f"{_in_quartz(weekday)}L")
        case NthWeekday(weekday, nth):
            where = " (in months that have one)" if nth == len(_ORDINALS) else ""
            return f"on the {_ORDINALS[nth - 1]} {_NAMES[weekday]} of the month{where}"
        case _:
            raise TypeError(rule)


def _month_days(chosen: int, months: Sequence[int]) -> str:
    days = [day for day in range(1, 32) if chosen >> day & 1]
    if len(days) == 31:
        return ""
    if len(days) == 1:
        return f"{described_day_of_month(str(days[0]))}{_where_it_exists(days[0], months)}"
    step = step_of(days)
    if step and step > 1 and len(days) > _LISTED:
        return f"on every {ordinal(step)} day of the month from day {days[0]} to {days[-1]}"
    return f"on days {joined(spans(days, str))} of the month{_where_it_exists(days[-1], months) and _WHERE_THEY_EXIST}"


def _where_it_exists(day: int, months: Sequence[int]) -> str:
    if all(day <= monthrange(_COMMON_YEAR, month)[1] for month in months):
        return ""
    return " (in leap years)" if (day, list(months)) == (29, [2]) else " (in months that have it)"


def _weekdays(chosen: int) -> str:
    weekdays = [weekday for weekday in range(7) if chosen >> weekday & 1]
    if len(weekdays) == 7:
        return ""
    if weekdays[-1] - weekdays[0] == len(weekdays) - 1 > 1:
        # From Monday, as people count: Saturday and Sunday are no row in Quartz's numbers.
        return joined(spans(weekdays, lambda weekday: _NAMES[weekday])).replace(" to ", " through ")
    return described_day_of_week(",".join(str(_in_quartz(weekday)) for weekday in weekdays))


def _months(months: Sequence[int]) -> str:
    return "" if len(months) == 12 else described_month(row_or_list(months))


def _years(years: Sequence[int]) -> str:
    if tuple(years) == YEARS:
        return ""
    step = step_of(years)
    if step and step > 1:
        return f"in every {ordinal(step)} year from {years[0]} to {years[-1]}"
    if step == 1:
        return f"from {years[0]} on" if years[-1] == YEARS[-1] else f"only from {years[0]} to {years[-1]}"
    return f"only in {joined(spans(years, str))}"


def _counted(days: int) -> str:
    return f"{days} day{'s' if days > 1 else ''}"


def _in_quartz(weekday: int) -> int:
    """Return Sunday = 1 for Monday = 0."""
    return (weekday + 1) % 7 + 1


_ORDINALS: Final = ("first", "second", "third", "fourth", "fifth")
_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
