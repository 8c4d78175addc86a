"""When a new or changed definition fires first, and what that makes of the task's status."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from scheduler import schedules
from scheduler.engine.calendars import CalendarPolicy
from scheduler.engine.flex import DayLoad
from scheduler.engine.schedules import NeverSchedule
from scheduler.engine.states import OPEN, TaskStatus
from scheduler.models import Execution, Task
from scheduler.models.choices import IntervalMode, OverlapPolicy

KINDS = {"cron_expression": "cronExpression", "interval_seconds": "intervalSeconds", "run_at": "runAt"}
SCHEDULE_COLUMNS = frozenset({
    *KINDS, "time_zone", "interval_mode", "start_at", "end_at", "jitter_seconds", "flex_seconds", "calendar_id",
    "calendar_policy",
})  # fmt: skip
TIMING_COLUMNS = (
    "anchor_at", "next_slot_for", "next_execution_time", "claim_at", "status", "calendar_version", "overlap_policy",
    "flex_for", "flex_ms",
)  # fmt: skip

_TICK = timedelta(microseconds=1)


def settle(task: Task, *, given: Collection[str]) -> None:
    """Set what follows from the columns `given`: where an interval counts from, which rules its calendar has now.

    An interval counts from startAt, or from creation; never from the last run, nor from the latest change. What runs
    with a fixed delay does not overlap with itself, and what has no interval or no calendar has no rules for one.
    """
    task.anchor_at = (task.start_at or task.created_at) if task.interval_seconds is not None else None
    calendar = task.calendar if task.calendar_id is not None else None
    task.calendar_version = calendar.version if calendar is not None else None
    if task.interval_seconds is None and "interval_mode" not in given:
        task.interval_mode = IntervalMode.FIXED_RATE
    if calendar is None and "calendar_policy" not in given:
        task.calendar_policy = CalendarPolicy.SKIP
    if schedules.is_fixed_delay(task) and "overlap_policy" not in given:
        task.overlap_policy = OverlapPolicy.SKIP


def first_slot_of(task: Task, *, now: datetime) -> datetime | None:
    """Return the first slot of a new definition: after `now` and after the last slot recorded.

    Two instants that somebody wrote down count even when they are not after `now`: a startAt that is now, and a
    runAt inside the grace, which fires at once.
    """
    after = now
    if task.run_at is not None:
        after = now - timedelta(seconds=task.misfire_grace_seconds) - _TICK
    elif task.start_at is not None and task.start_at >= now:
        after = now - _TICK
    if schedules.is_fixed_delay(task) and task.last_slot_for is not None:
        return schedules.after_end(task, now)
    return schedules.first_after(task, max(after, task.last_slot_for) if task.last_slot_for else after)


def set_first_slot(task: Task, *, loads: Mapping[str, DayLoad], now: datetime, runs_a_slot: bool = False) -> None:
    """Set the slot columns and the status that follows from them; a paused task stays paused.

    A task without a schedule is ACTIVE: it waits for requests. One whose schedule has no slot left is COMPLETED. One
    with a fixed delay that runs is ACTIVE too: its next slot waits for the end. `loads` are what is forecast of queues.
    """
    is_waiting = schedules.is_fixed_delay(task) and runs_a_slot
    task.next_slot_for = slot = None if is_waiting else first_slot_of(task, now=now)
    if task.status != TaskStatus.PAUSED:
        goes_on = slot is not None or is_waiting or isinstance(schedules.grid(task), NeverSchedule)
        task.status = TaskStatus.ACTIVE if goes_on else TaskStatus.COMPLETED
    fires = task.status == TaskStatus.ACTIVE
    place = schedules.place(task, slot, loads=loads)
    task.claim_at = place.claim_at if fires else None
    task.next_execution_time = place.shown_at if fires else None
    task.flex_for, task.flex_ms = place.flex_for, place.flex_ms


def running(tasks: Collection[Task]) -> set[UUID]:
    """Return which of these tasks run one of their own slots with a fixed delay, not one by hand."""
    delayed = [task.id for task in tasks if schedules.is_fixed_delay(task) and task.last_slot_for is not None]
    if not delayed:
        return set()
    mine = Execution.objects.filter(task_id__in=delayed, status__in=sorted(OPEN), cause__startswith="slot:")
    return set(mine.values_list("task_id", flat=True))
