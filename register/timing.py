"""When a new or changed definition fires first, and what that makes of the task's status."""

from datetime import datetime, timedelta

from scheduler import schedules
from scheduler.engine.schedules import NeverSchedule
from scheduler.engine.states import TaskStatus
from scheduler.firing import first_slot
from scheduler.models import Task

KINDS = {"cron_expression": "cronExpression", "interval_seconds": "intervalSeconds", "run_at": "runAt"}
SCHEDULE_COLUMNS = frozenset({*KINDS, "time_zone", "start_at", "end_at"})
TIMING_COLUMNS = ("anchor_at", "next_slot_for", "next_execution_time", "claim_at", "status")

_TICK = timedelta(microseconds=1)


def anchor(task: Task) -> None:
    """Set where an interval counts from: startAt, or creation; never the last run, nor the latest change."""
    task.anchor_at = (task.start_at or task.created_at) if task.interval_seconds is not None else None


def first_slot_of(task: Task, *, now: datetime) -> datetime | None:
    """Return the first slot of a new definition: after `now` and after the last slot recorded.

    Two instants that somebody wrote down count even when they are not after `now`: a startAt that is now, and a
    runAt inside the grace, which fires at once (contract §4).
    """
    after = now
    if task.run_at is not None:
        after = now - timedelta(seconds=task.misfire_grace_seconds) - _TICK
    elif task.start_at is not None and task.start_at >= now:
        after = now - _TICK
    return first_slot(schedules.of(task), after=after, last_slot=task.last_slot_for)


def set_first_slot(task: Task, *, now: datetime) -> None:
    """Set the slot columns and the status that follows from them; a paused task stays paused.

    A task without a schedule is ACTIVE: it waits for requests. One whose schedule has no slot left is COMPLETED.
    """
    slot = first_slot_of(task, now=now)
    task.next_slot_for = slot
    if task.status != TaskStatus.PAUSED:
        waits_for_requests = isinstance(schedules.of(task), NeverSchedule)
        task.status = TaskStatus.ACTIVE if slot is not None or waits_for_requests else TaskStatus.COMPLETED
    fires = task.status == TaskStatus.ACTIVE
    task.claim_at = slot if fires else None
    task.next_execution_time = schedules.shown(task, slot) if fires else None
