"""The reader of Unix cron: five fields as crontab(5) of Debian reads them, and its macros."""

from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from typing import Final

from scheduler.engine.schedules import fields
from scheduler.engine.schedules.crontext import CronText
from scheduler.engine.schedules.days import BothDays, DayRule, EitherDay, MonthDays, Weekdays
from scheduler.engine.schedules.errors import malformed_cron
from scheduler.engine.schedules.fields import Field, FieldReader, Values, parse_values
from scheduler.engine.schedules.walltimes import Dates, TimesOfDay, WallTimes

MACROS: Final = {
    "@HOURLY": "0 * * * *",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@WEEKLY": "0 0 * * 0",
    "@MONTHLY": "0 0 1 * *",
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
}

_MINUTE: Final = replace(fields.MINUTE, bare_step=False)
_HOUR: Final = replace(fields.HOUR, bare_step=False)
_DAY_OF_MONTH: Final = replace(fields.DAY_OF_MONTH, bare_step=False)
_MONTH: Final = replace(fields.MONTH, bare_step=False)
_DAY_OF_WEEK: Final = Field("Day-of-week", 0, 6, 7, fields.DAY_NAMES, greatest=7, note=", or 7 for Sunday")

_NO_VALUES: Final[Values] = ()


def parse_macro(text: str) -> CronText:
    """Return what a macro, in capitals, stands for; raises InvalidSchedule for an unknown one."""
    if text in MACROS:
        return parse_unix(MACROS[text].split(" "))
    if text == "@REBOOT":
        raise malformed_cron("@reboot has no times to plan; let the task listen to an event instead.")
    meant = get_close_matches(text, MACROS, 1)
    remedy = f"did you mean {meant[0].lower()}?" if meant else f"use one of {', '.join(MACROS).lower()}."
    raise malformed_cron(f"Unknown macro {text.lower()}; {remedy}")


def parse_unix(texts: Sequence[str]) -> CronText:
    """Return what five fields, in capitals, say; raises InvalidSchedule with every fault found."""
    minute, hour, month_day, month, week_day = texts
    reader = FieldReader()
    minutes = reader.values(minute, _MINUTE)
    hours = reader.values(hour, _HOUR)
    month_days = reader.read(lambda text: _day_values(text, _DAY_OF_MONTH, "?LW"), month_day, _NO_VALUES)
    months = reader.values(month, _MONTH)
    week_days = reader.read(lambda text: _day_values(text, _DAY_OF_WEEK, "?L#"), week_day, _NO_VALUES)
    reader.finish()
    # crontab(5): a field that begins with * leaves the day to the other one, */2 included.
    leaves_day = month_day.startswith("*") or week_day.startswith("*")
    rule = _day_rule(month_days, week_days, either=not leaves_day)
    return CronText(
        WallTimes(Dates(fields.YEARS, months, rule), TimesOfDay(hours, minutes, (0,))), fields.is_open(hour)
    )


def _day_rule(month_days: Values, week_days: Values, *, either: bool) -> DayRule:
    of_month = MonthDays.of(month_days)
    of_week = Weekdays.of({(number + 6) % 7 for number in week_days})
    return EitherDay(of_month, of_week) if either else BothDays(of_month, of_week)


def _day_values(text: str, field: Field, of_quartz: str) -> Values:
    if any(sign in text for sign in of_quartz):
        raise malformed_cron(
            f"{field.label}: {text} is Quartz, but five fields are Unix cron; put a field for seconds first."
        )
    return parse_values(text, field)
