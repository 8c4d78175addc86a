"""A schedule in plain words."""

from datetime import datetime
from functools import lru_cache, singledispatch
from zoneinfo import ZoneInfo

from scheduler.engine.schedules.cron import CronSchedule
from scheduler.engine.schedules.daywords import date_words
from scheduler.engine.schedules.phrases import joined
from scheduler.engine.schedules.protocol import Schedule
from scheduler.engine.schedules.simple import IntervalSchedule, NeverSchedule, OneTimeSchedule
from scheduler.engine.schedules.timewords import time_words
from scheduler.engine.schedules.window import Window

_CACHED_WORDS = 4096
_UNITS = (("week", 604800), ("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


@singledispatch
def describe(schedule: Schedule, time_zone: str = "UTC") -> str:
    """Return when a schedule fires, as one sentence without a full stop.

    Instants are shown in `time_zone`; a cron text names its own zone.
    """
    raise TypeError(f"{type(schedule).__name__} has no words")


@describe.register
def _cron(schedule: CronSchedule, time_zone: str = "UTC") -> str:
    return _cron_words(schedule)


@describe.register
def _interval(schedule: IntervalSchedule, time_zone: str = "UTC") -> str:
    length = duration_words(schedule.seconds)
    every = length if " and " in length else length.removeprefix("1 ")
    first = "" if schedule.includes_anchor else f", for the first time {length} later"
    return f"Every {every}, counted from {instant_words(schedule.anchor, time_zone)}{first}"


@describe.register
def _once(schedule: OneTimeSchedule, time_zone: str = "UTC") -> str:
    return f"Once, at {instant_words(schedule.run_at, time_zone)}"


@describe.register
def _never(schedule: NeverSchedule, time_zone: str = "UTC") -> str:
    return "Only on request, by an event or after another task"


@describe.register
def _window(schedule: Window, time_zone: str = "UTC") -> str:
    return describe(schedule.schedule, time_zone) + window_words(schedule.start_at, schedule.end_at, time_zone)


def describe_fixed_delay(seconds: int) -> str:
    """Return the words for FIXED_DELAY, which no schedule can know: it counts from the end of each slot."""
    return f"{duration_words(seconds)} after the end of the slot before"


def window_words(start_at: datetime | None, end_at: datetime | None, time_zone: str) -> str:
    """Return what follows a description: ", from 2026-03-01 02:00 Europe/Berlin time on, before …"."""
    start = "" if start_at is None else f", from {instant_words(start_at, time_zone)} on"
    return start if end_at is None else f"{start}, before {instant_words(end_at, time_zone)}"


def duration_words(seconds: int) -> str:
    """Return a duration as people say it: "15 minutes", "1 hour and 30 minutes"; 0 seconds is none of them."""
    words = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            words.append(f"{count} {unit}{'s' if count > 1 else ''}")
    return joined(words)


def instant_words(instant: datetime, time_zone: str) -> str:
    """Return an instant as the clock of a zone shows it: "2026-03-01 02:00 Europe/Berlin time"."""
    local = instant.astimezone(ZoneInfo(time_zone)).replace(tzinfo=None)
    shown = local.isoformat(sep=" ", timespec="seconds" if local.second else "minutes")
    return f"{shown} {_zone_words(time_zone)}"


@lru_cache(maxsize=_CACHED_WORDS)
def _cron_words(schedule: CronSchedule) -> str:
    time = time_words(schedule.walls.times)
    days = date_words(schedule.walls.dates, daily="every day" if time.startswith("At ") else "")
    return ", ".join([time, *days, _zone_words(schedule.time_zone)])


def _zone_words(time_zone: str) -> str:
    return time_zone if time_zone == "UTC" else f"{time_zone} time"
