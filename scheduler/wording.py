"""When a task fires, in plain words."""

from scheduler import schedules
from scheduler.engine.calendars import CALENDAR_WORDS, CalendarPolicy
from scheduler.engine.schedules import Schedule, describe, describe_fixed_delay, window_words
from scheduler.models import Task


def words_of(task: Task, schedule: Schedule | None = None) -> str:
    """Return when a task fires, as one sentence without a full stop; `schedule` where the caller has built it.

    Raises InvalidSchedule.
    """
    if not task.has_dependencies:
        return _of_schedule(task, schedule)
    if task.cron_expression is None and task.interval_seconds is None and task.run_at is None:
        return "After the tasks that it depends on, once for each slot of the slowest"
    return f"{_of_schedule(task, schedule)}, once the tasks that it depends on have ended"


def _of_schedule(task: Task, schedule: Schedule | None) -> str:
    if task.interval_seconds is None or not schedules.is_fixed_delay(task):
        return describe(schedule or schedules.running(task), task.time_zone)
    under = f", {CALENDAR_WORDS[CalendarPolicy(task.calendar_policy)]}" if task.calendar is not None else ""
    window = window_words(task.start_at, task.end_at, task.time_zone)
    return f"{describe_fixed_delay(task.interval_seconds)}{under}{window}"
