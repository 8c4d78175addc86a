"""What a change of a calendar would do to the tasks that use it; nothing is written."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from register.calendars import selectors, services
from register.given import Given
from scheduler import reschedule, schedules
from scheduler.engine.calendars import InvalidCalendar
from scheduler.engine.schedules import InvalidSchedule
from scheduler.engine.states import TaskStatus
from scheduler.models import Calendar, Task

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Move:
    """A task's next fire as it is, and as it would be; None where there is none."""

    task: Task
    before: datetime | None
    after: datetime | None


@dataclass(frozen=True, slots=True)
class Effect:
    """How many tasks use a calendar, whether its rules would change, and what that does to those that fire next."""

    calendar: Calendar
    changes_rules: bool
    task_count: int
    moves: list[Move]


def effect_of_change(
    calendar_id: UUID,
    given: Given,
    *,
    namespace: str | None,
    now: datetime,
    versions: frozenset[int] | None = None,
) -> Effect:
    """Return what `services.change_calendar` would do with the same arguments, and raise what it would raise."""
    calendar = services.writable(calendar_id, namespace=namespace, versions=versions)
    services.refuse_faults(calendar, given)
    changed = Calendar(name=calendar.name, rules=given.values.get("rules", calendar.rules))
    moves = [
        Move(task, task.next_execution_time, _fires_next(task, changed, now=now))
        for task in selectors.soonest(calendar, count=SHOWN)
    ]
    return Effect(calendar, services.differs(calendar, given, "rules"), selectors.using(calendar).count(), moves)


def _fires_next(task: Task, calendar: Calendar, *, now: datetime) -> datetime | None:
    """Return when a task would be due next under other rules; None where that cannot be worked out."""
    if task.status != TaskStatus.ACTIVE:
        return None
    task.calendar = calendar
    try:
        return schedules.shown_at(task, reschedule.moved(task, now=now)[1])
    except (InvalidSchedule, InvalidCalendar):
        return None
