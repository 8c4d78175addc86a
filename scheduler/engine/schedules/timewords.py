"""Plain words for the times of day of a cron text."""

from collections.abc import Sequence
from itertools import product
from typing import Final

from scheduler.engine.schedules.descriptor import described_time
from scheduler.engine.schedules.phrases import joined, numbers, step_of
from scheduler.engine.schedules.walltimes import TimesOfDay

_LISTED: Final = 6
_BETTER_LISTED: Final = 3
_ALL_MINUTES: Final = tuple(range(60))
_ALL_HOURS: Final = tuple(range(24))


def time_words(times: TimesOfDay) -> str:
    """Return when a day's slots are: "At 02:30", "Every 15 minutes from 09:00 to 17:45"."""
    count = len(times.hours) * len(times.minutes) * len(times.seconds)
    if count <= _BETTER_LISTED:
        return _listed(times)
    return _rhythm(times) or (_listed(times) if count <= _LISTED else _spelt_out(times))


def _listed(times: TimesOfDay) -> str:
    if len(times.seconds) == len(times.minutes) == 1:
        return described_time(times)
    each = product(times.hours, times.minutes, times.seconds)
    with_seconds = times.seconds != (0,)
    return f"At {joined([_clock(hour, minute, second if with_seconds else None) for hour, minute, second in each])}"


def _rhythm(times: TimesOfDay) -> str | None:
    """Return a steady rhythm in words, or None if there is none."""
    step = _seconds_step(times)
    if step is None:
        return None
    unit, count = ("second", step) if step < 60 else ("minute", step // 60) if step < 3600 else ("hour", step // 3600)
    every = f"Every {unit}" if count == 1 else f"Every {count} {unit}s"
    first = (times.hours[0], times.minutes[0], times.seconds[0])
    last = (times.hours[-1], times.minutes[-1], times.seconds[-1])
    seconds = [hour * 3600 + minute * 60 + second for hour, minute, second in (first, last)]
    if 86400 - seconds[1] + seconds[0] == step:
        return every + _offset(unit, first)
    with_seconds = times.seconds != (0,)
    ends = [_clock(hour, minute, second if with_seconds else None) for hour, minute, second in (first, last)]
    return f"{every} from {ends[0]} to {ends[1]}"


def _offset(unit: str, first: tuple[int, int, int]) -> str:
    """Return where a rhythm that runs through the day begins, unless it begins at midnight."""
    hour, minute, second = first
    if first == (0, 0, 0):
        return ""
    if unit == "minute" and (hour, minute) == (0, 0):
        return f" at second {second}"
    if unit == "hour" and (hour, second) == (0, 0):
        return f" at {minute} minute{'s' if minute != 1 else ''} past"
    return f", beginning at {_clock(hour, minute, second or None)}"


def _seconds_step(times: TimesOfDay) -> int | None:
    """Return the distance of neighbouring times of day, in seconds, if it is always the same."""
    hours, minutes, seconds = times.hours, times.minutes, times.seconds
    if len(seconds) > 1:
        step = _even(seconds, 60)
        whole_minutes = minutes == _ALL_MINUTES and _in_a_row(hours)
        return step if step and (whole_minutes or (len(hours) == 1 and _in_a_row(minutes))) else None
    if len(minutes) > 1:
        if len(hours) == 1:
            step = step_of(minutes)
        else:
            step = _even(minutes, 60) if _in_a_row(hours) else None
        return step * 60 if step else None
    step = 1 if _in_a_row(hours) else step_of(hours)
    return step * 3600 if step else None


def _even(values: Sequence[int], size: int) -> int | None:
    """Return the step of values that go on evenly from one hour or minute into the next."""
    step = values[1] - values[0]
    return step if tuple(range(values[0] % step, size, step)) == tuple(values) and size % step == 0 else None


def _in_a_row(values: Sequence[int]) -> bool:
    return values[-1] - values[0] == len(values) - 1


def _spelt_out(times: TimesOfDay) -> str:
    minutes = "every minute" if times.minutes == _ALL_MINUTES else numbers("minute", times.minutes)
    hours = "every hour" if times.hours == _ALL_HOURS else numbers("hour", times.hours)
    if times.seconds != (0,):
        return f"{_leading('second', times.seconds)} {minutes} of {hours}"
    return f"{_leading('minute', times.minutes)} {hours}"


def _leading(unit: str, values: Sequence[int]) -> str:
    """Return how a sentence begins: "Every 5 minutes in", "At minutes 0 to 5 and 30 of"."""
    step = _even(values, 60) if len(values) > _BETTER_LISTED else None
    if step and values[0] == 0:
        return f"Every {unit} of" if step == 1 else f"Every {step} {unit}s in"
    words = numbers(unit, values)
    return f"{words.capitalize() if words.startswith('every') else f'At {words}'} of"


def _clock(hour: int, minute: int, second: int | None) -> str:
    return f"{hour:02d}:{minute:02d}" + ("" if second is None else f":{second:02d}")
