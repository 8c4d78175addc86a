"""When a task fires, in plain words."""

from scheduler import schedules
from scheduler.engine.calendars import CALENDAR_WORDS, CalendarPolicy
from scheduler.engine.schedules import Schedule, describe, describe_fixed_delay, window_words
from scheduler.models import Task


def words_of(task: Task, schedule: Schedule | None = None) -> str:
    """Return when a task fires, as one sentence without a full stop; `schedule` where the caller has built it.

    Raises InvalidSchedule.
    """
    if task.interval_seconds is None or not schedules.is_fixed_delay(task):
        return describe(schedule or schedules.running(task), task.time_zone)
    under = f", {CALENDAR_WORDS[CalendarPolicy(task.calendar_policy)]}" if task.calendar is not None else ""
    window = window_words(task.start_at, task.end_at, task.time_zone)
    return f"{describe_fixed_delay(task.interval_seconds)}{under}{window}"
