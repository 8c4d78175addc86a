"""Which slots of a task will run next, as far as anybody can tell now."""

from datetime import datetime, timedelta

from scheduler import schedules
from scheduler.engine.calendars import InvalidCalendar
from scheduler.engine.schedules import InvalidSchedule
from scheduler.engine.states import TaskStatus
from scheduler.models import Task

_TICK = timedelta(microseconds=1)


def upcoming(task: Task, *, count: int) -> list[datetime]:
    """Return the next slots that will run: none of a task that is paused without an end, completed or deleted.

    Those left out on request are not among them, nor those of a pause that has an end. A slot that is due and not
    claimed yet comes first.
    """
    if task.next_slot_for is None or task.status not in (TaskStatus.ACTIVE, TaskStatus.PAUSED):
        return []
    first = task.next_slot_for
    if task.status == TaskStatus.PAUSED:
        if task.paused_until is None:
            return []
        first = max(first, task.paused_until)
    try:
        return schedules.coming(task, after=first - _TICK, count=count)
    except (InvalidSchedule, InvalidCalendar):
        return []  # its next claim pauses it, with the reason
