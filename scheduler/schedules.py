"""From a task's stored columns to its Schedule: the one place where claim, API and admin build it."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from scheduler.engine.schedules import (
    IntervalSchedule,
    NeverSchedule,
    OneTimeSchedule,
    Schedule,
    bounded,
    parse_cron,
)
from scheduler.records import DueTask

CACHED_SCHEDULES = 20_000
CACHED_SLOTS = 65_536


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

    An interval counts from `anchor_at`: a start is its first slot, a creation is not. Raises InvalidSchedule, which
    names the field and the remedy.
    """
    schedule: Schedule
    if cron_expression is not None:
        schedule = parse_cron(cron_expression, time_zone)
    elif interval_seconds is not None and anchor_at is not None:
        schedule = IntervalSchedule(anchor_at, interval_seconds, includes_anchor=start_at is not None)
    elif run_at is not None:
        return OneTimeSchedule(run_at)
    else:
        return NeverSchedule()
    return bounded(schedule, start_at=start_at, end_at=end_at)


@dataclass(frozen=True, slots=True)
class Remembered:
    """A schedule whose next slots are remembered: thousands of tasks share an expression, a zone and a slot."""

    schedule: Schedule

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the least slot strictly after an instant, or None."""
        key: Any = self.schedule  # every schedule is hashable; its protocol does not say so
        return _next_after(key, instant)

    def latest_at(self, instant: datetime) -> datetime | None:
        """Return the greatest slot that is not after an instant, or None."""
        return self.schedule.latest_at(instant)


def of(task: Any) -> Schedule:
    """Return the schedule of a task: of a row of the model, or of a locked one. Raises InvalidSchedule."""
    return build(
        cron_expression=task.cron_expression,
        time_zone=task.time_zone,
        interval_seconds=task.interval_seconds,
        anchor_at=task.anchor_at,
        run_at=task.run_at,
        start_at=task.start_at,
        end_at=task.end_at,
    )


def remembered(task: DueTask) -> Remembered:
    """Return the schedule of a locked task. Raises InvalidSchedule."""
    return Remembered(of(task))


def shown(task: Any, slot: datetime | None) -> datetime | None:
    """Return the first slot from `slot` on that will run: those left out on request are not shown."""
    while slot is not None and slot in (task.skip_slots or ()):
        slot = of(task).next_after(slot)
    return slot


def coming(task: Any, *, after: datetime, count: int) -> list[datetime]:
    """Return up to `count` slots after an instant that will run, the next first. Raises InvalidSchedule."""
    schedule, slots = of(task), list[datetime]()
    slot = shown(task, schedule.next_after(after))
    while slot is not None and len(slots) < count:
        slots.append(slot)
        slot = shown(task, schedule.next_after(slot))
    return slots


@lru_cache(maxsize=CACHED_SLOTS)
def _next_after(schedule: Any, instant: datetime) -> datetime | None:
    found: datetime | None = schedule.next_after(instant)
    return found
