"""From a task's stored columns to its Schedule: the one place where claim, API and admin build it."""

from datetime import datetime
from functools import lru_cache

from scheduler.engine.schedules import (
    IntervalSchedule,
    NeverSchedule,
    OneTimeSchedule,
    Schedule,
    bounded,
    parse_cron,
)

CACHED_SCHEDULES = 20_000


@lru_cache(maxsize=CACHED_SCHEDULES)
def build(
    *,
    cron_expression: str | None = None,
    time_zone: str = "UTC",
    interval_seconds: int | None = None,
    anchor_at: datetime | None = None,
    run_at: datetime | None = None,
    start_at: datetime | None = None,
    end_at: datetime | None = None,
) -> Schedule:
    """Return the schedule of a task with these columns, none of which may contradict another.

    An interval counts from `anchor_at`. Raises InvalidSchedule, which names the field and the remedy.
    """
    schedule: Schedule
    if cron_expression is not None:
        schedule = parse_cron(cron_expression, time_zone)
    elif interval_seconds is not None and anchor_at is not None:
        schedule = IntervalSchedule(anchor=anchor_at, seconds=interval_seconds)
    elif run_at is not None:
        return OneTimeSchedule(run_at)
    else:
        return NeverSchedule()
    return bounded(schedule, start_at=start_at, end_at=end_at)
