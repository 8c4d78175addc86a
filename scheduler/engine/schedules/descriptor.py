"""What cron-descriptor says of a field, asked only where it is right and only with explicit Quartz numbers.

It takes 5-5 for the whole field, says "every 5 days" of days that begin anew each month, joins Unix's either-day
with "only", has no word for the fourth Sunday, drops the W of L-2W and fails on L as a day of the week. So it is given
single values, lists and rows that do not wrap.
"""

from collections.abc import Sequence

from cron_descriptor import ExpressionDescriptor, Options  # type: ignore[import-untyped]

from scheduler.engine.schedules.walltimes import TimesOfDay


def described_time(times: TimesOfDay) -> str:
    """Return the words for some hours at one minute and second: "At 02:30 and 14:30"."""
    hours = ",".join(map(str, times.hours))
    return str(_descriptor(f"{times.seconds[0]} {times.minutes[0]} {hours} * * ?").get_time_of_day_description())


def described_day_of_month(text: str) -> str:
    """Return the words for L, LW or one day."""
    return _part(_descriptor(f"0 0 0 {text} * ?").get_day_of_month_description())


def described_day_of_week(text: str) -> str:
    """Return the words for a list or row of weekdays, or nL, in Quartz numbers."""
    return _part(_descriptor(f"0 0 0 ? * {text}").get_day_of_week_description())


def described_month(text: str) -> str:
    """Return the words for a list or row of months."""
    return _part(_descriptor(f"0 0 0 1 {text} ?").get_month_description())


def row_or_list(values: Sequence[int]) -> str:
    """Return values as cron writes them: three and more in a row as a range, all others one by one."""
    if len(values) > 2 and values[-1] - values[0] == len(values) - 1:
        return f"{values[0]}-{values[-1]}"
    return ",".join(map(str, values))


def _part(words: str) -> str:
    return words.removeprefix(",").strip()


def _descriptor(expression: str) -> ExpressionDescriptor:
    options = Options()
    options.use_24hour_time_format = True
    options.day_of_week_start_index_zero = False
    options.locale_code = "en_US"
    return ExpressionDescriptor(expression, options)
