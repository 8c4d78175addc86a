"""What a task's definition of today says of one instant, and what its history holds of it."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from query import flow, selectors
from query.explaining import closed_because, explain
from scheduler import schedules, wording
from scheduler.engine.calendars import InvalidCalendar
from scheduler.engine.explanations import Explanation, SlotFacts, Step, explain_slot
from scheduler.engine.explanations.steps import with_steps
from scheduler.engine.schedules import InvalidSchedule, Schedule, clock_change_at, require_zone
from scheduler.engine.schedules.instants import TICK
from scheduler.models import Execution, Task


class Explained(NamedTuple):
    """An instant of a task: why it ran or did not, its row if there is one, and the slots around it."""

    explanation: Explanation
    execution: Execution | None
    slot: datetime | None
    before: datetime | None
    after: datetime | None


def explain_at(task: Task, at: datetime, *, now: datetime) -> Explained:
    """Tell what became of a task at an instant, or will: by its row, the range it lies in, or its definition."""
    facts = _facts(task, at, now=now)
    execution = selectors.recorded_at(task, at) or _range_over(task, facts)
    if execution is None:
        held = flow.of_slot(task, due_at=facts.due_at, now=now) if facts.due_at is not None else None
        explanation = explain_slot(replace(facts, flow=held), task)
    else:
        execution.task = task
        explanation = explain(execution, now=now, at=at)
    backfills = [one for one in selectors.backfills_of(task, at) if execution is None or one.id != execution.id]
    explanation = with_steps(explanation, [_of_backfill(one) for one in backfills])
    slot = at if execution is not None or facts.is_slot else None
    return Explained(explanation, execution, slot, facts.before, facts.after)


def _range_over(task: Task, facts: SlotFacts) -> Execution | None:
    """Return the range row of a slot; between two slots of a range there is none, unless the definition has changed."""
    row = selectors.range_over(task, facts.at)
    if row is None or facts.is_slot or row.end_time is None or task.updated_at > row.end_time:
        return row
    return row if facts.at == row.scheduled_until else None


def _of_backfill(execution: Execution) -> Step:
    message = f"A backfill's execution {execution.id} of the slot is {execution.status}."
    data = {"executionId": str(execution.id), "status": execution.status}
    return Step(execution.end_time or execution.start_time or execution.queued_at, "backfill", message, data)


def _facts(task: Task, at: datetime, *, now: datetime) -> SlotFacts:
    try:
        return _worked_out(task, at, now=now)
    except (InvalidSchedule, InvalidCalendar) as refusal:
        return SlotFacts(at, now, "", refusal=str(refusal))


def _worked_out(task: Task, at: datetime, *, now: datetime) -> SlotFacts:
    require_zone(task.time_zone)
    slots, every = schedules.slots_of(task), schedules.of(task)
    is_slot = _has(every, at)
    is_fixed_delay = schedules.is_fixed_delay(task)
    plain = schedules.without_calendar(task)
    closed = closed_because(task, at)
    return SlotFacts(
        at,
        now,
        wording.words_of(task),
        has_schedule=bool(task.cron_expression or task.interval_seconds or task.run_at),
        is_slot=is_slot,
        due_at=slots.due_at(at) if is_slot else None,
        before=every.latest_at(at - TICK),
        after=every.next_after(at),
        closed_because=closed,
        is_moved=is_slot and not is_fixed_delay and not _has(plain, at),
        moved_to=_moved_to(task, at) if not is_slot and closed is not None and _has(plain, at) else None,
        clock_change=clock_change_at(plain, at),
        is_fixed_delay=is_fixed_delay,
        awaited=_awaited(task) if is_fixed_delay and task.next_slot_for is None else None,
    )


def _has(schedule: Schedule, at: datetime) -> bool:
    return schedule.latest_at(at) == at


def _moved_to(task: Task, at: datetime) -> datetime | None:
    if task.calendar_rules is None:
        return None
    calendar = schedules.calendar(task.calendar_rules, task.time_zone)
    return calendar.next_open(at) if task.calendar_policy == "NEXT_OPEN" else calendar.previous_open(at)


def _awaited(task: Task) -> Execution | None:
    return next(iter(selectors.open_now(task.id)), None)
