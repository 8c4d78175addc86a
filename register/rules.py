"""What must hold between the fields of a definition; what one field must be by itself stands with the field."""

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from register import timing
from scheduler import schedules
from scheduler.engine.calendars import CalendarPolicy
from scheduler.engine.retry import RetryPolicy
from scheduler.engine.schedules import InvalidSchedule, Schedule, least_gap
from scheduler.errors import Fault
from scheduler.models import Task
from scheduler.models.choices import IntervalMode, OverlapPolicy

# Open executions are looked for in the ids of the last 8 days; a slot's last attempt must end within them.
LONGEST_SLOT = timedelta(days=8)

_TICK = timedelta(microseconds=1)
_A_YEAR = timedelta(days=366)


def broken(task: Task, *, changed: frozenset[str], faulty: frozenset[str], now: datetime) -> list[Fault]:
    """Return the faults of the rules that read a changed column; those that read a faulty one are left out.

    `task` carries the definition as it would be. What was accepted once is not held against a change elsewhere.
    """
    faults = contradictions(task, changed=changed, faulty=faulty)
    contradicts_itself = any(fault.field in _SCHEDULE_FIELDS for fault in faults)
    if timing.SCHEDULE_COLUMNS & changed and not timing.SCHEDULE_COLUMNS & faulty and not contradicts_itself:
        faults += _never_fires(task, changed=changed, now=now)
    return faults


def contradictions(task: Task, *, changed: frozenset[str], faulty: frozenset[str]) -> list[Fault]:
    """Return the faults of the rules that read a changed column and no faulty one; whether it fires is not asked."""
    faults: list[Fault] = []
    for columns, rule in _RULES:
        if not columns.isdisjoint(changed) and columns.isdisjoint(faulty):
            faults += rule(task)
    return faults


_SCHEDULE_FIELDS = frozenset({*timing.KINDS.values(), "startAt", "endAt"})


def _one_schedule(task: Task) -> Iterable[Fault]:
    given = [name for column, name in timing.KINDS.items() if getattr(task, column) is not None]
    if len(given) > 1:
        for name in given:
            yield _impossible(name, f"A task has one schedule at most: choose one of {', '.join(given)}.")


def _window(task: Task) -> Iterable[Fault]:
    if task.start_at and task.end_at and task.start_at >= task.end_at:
        yield _impossible("endAt", "This must be later than startAt.")


def _run_at_in_window(task: Task) -> Iterable[Fault]:
    if task.run_at is None:
        return
    if task.start_at and task.run_at < task.start_at:
        yield _impossible("runAt", "This is before startAt.")
    if task.end_at and task.run_at >= task.end_at:
        yield _impossible("runAt", "This is not before endAt.")


def _delays(task: Task) -> Iterable[Fault]:
    policy = _retry_policy(tuple(task.retry_policy.items()))
    if policy.delay_seconds > policy.max_delay_seconds:
        yield _impossible("retryPolicy.delaySeconds", "This is more than maxDelaySeconds.")


def _attempts_end_in_time(task: Task) -> Iterable[Fault]:
    policy = _retry_policy(tuple(task.retry_policy.items()))
    longest = _longest_slot(policy, task.max_retry_count, task.timeout_seconds)
    if longest > LONGEST_SLOT:
        yield _impossible(
            "maxRetryCount",
            f"All attempts of one slot must end within 8 days; with timeoutSeconds and the delays of retryPolicy "
            f"these could take {longest}. Lower one of the three.",
        )


# Thousands of tasks share a policy.
@lru_cache(maxsize=4096)
def _retry_policy(items: tuple[tuple[str, Any], ...]) -> RetryPolicy:
    return RetryPolicy.from_json(dict(items))


@lru_cache(maxsize=4096)
def _longest_slot(policy: RetryPolicy, max_retry_count: int, timeout_seconds: int) -> timedelta:
    """Return how long all attempts of one slot may take together."""
    steady = replace(policy, jitter=False)
    longest = timedelta(seconds=timeout_seconds)
    for attempt in range(1, max_retry_count + 1):
        longest += steady.delay(attempt=attempt, execution=UUID(int=0)) + timedelta(seconds=timeout_seconds)
    return longest


def _fixed_delay(task: Task) -> Iterable[Fault]:
    if task.interval_mode != IntervalMode.FIXED_DELAY:
        return
    if task.interval_seconds is None:
        yield _impossible("intervalMode", "FIXED_DELAY counts intervalSeconds from the end of each run: set them.")
        return
    if task.overlap_policy != OverlapPolicy.SKIP:
        yield _impossible("overlapPolicy", "With FIXED_DELAY this is always SKIP: leave it out.")
    if task.calendar is not None and task.calendar_policy == CalendarPolicy.PREVIOUS_OPEN:
        message = "With FIXED_DELAY a slot cannot move before the end that it counts from: use SKIP or NEXT_OPEN."
        yield _impossible("calendarPolicy", message)


def _calendar(task: Task) -> Iterable[Fault]:
    if task.calendar_id is None:
        if task.calendar_policy != CalendarPolicy.SKIP:
            yield _impossible("calendarPolicy", "This task has no calendar: set calendar, or leave this out.")
    elif task.calendar is not None and task.calendar.namespace not in (None, task.namespace):
        yield _impossible("calendar", f"{task.calendar.name!r} belongs to another namespace.")


_Rule = Callable[[Task], Iterable[Fault]]

_RULES: tuple[tuple[frozenset[str], _Rule], ...] = (
    (frozenset(timing.KINDS), _one_schedule),
    (frozenset({"start_at", "end_at"}), _window),
    (frozenset({"run_at", "start_at", "end_at"}), _run_at_in_window),
    (
        frozenset({"interval_seconds", "interval_mode", "overlap_policy", "calendar_id", "calendar_policy"}),
        _fixed_delay,
    ),
    (frozenset({"calendar_id", "calendar_policy", "namespace"}), _calendar),
    (frozenset({"retry_policy"}), _delays),
    (frozenset({"retry_policy", "max_retry_count", "timeout_seconds"}), _attempts_end_in_time),
)


def _never_fires(task: Task, *, changed: frozenset[str], now: datetime) -> Iterable[Fault]:
    """Refuse a schedule without a slot to come, except where nothing but its end was moved: that ends the task."""
    kind = next((name for column, name in timing.KINDS.items() if getattr(task, column) is not None), None)
    if kind is None:
        return
    try:
        slot = timing.first_slot_of(task, now=now)
    except InvalidSchedule as refusal:
        yield Fault(refusal.field, refusal.code, str(refusal), is_impossible=refusal.code == "impossible")
        return
    if slot is None and changed & timing.SCHEDULE_COLUMNS != {"end_at"}:
        yield _impossible(kind, _no_slot(task, kind, now))
    elif slot is not None and not schedules.is_fixed_delay(task):
        if task.calendar_id is not None:
            yield from _closed_always(task, slot)
        if task.jitter_seconds or task.flex_seconds:
            yield from spread_faults(schedules.of(task), task, now=now)
    elif task.jitter_seconds + task.flex_seconds >= (task.interval_seconds or math.inf):
        yield _impossible(*_too_long(task, "intervalSeconds"))


def _closed_always(task: Task, slot: datetime) -> Iterable[Fault]:
    if schedules.running(task).next_after(slot - _TICK) is None:
        yield _impossible("calendar", f"{task.calendar_name!r} is closed at every slot that is left.")


def spread_faults(schedule: Schedule, task: Task, *, now: datetime) -> Iterable[Fault]:
    """Refuse jitter and flex that could carry a slot beyond the next one: slots are due in their own order."""
    spread = timedelta(seconds=task.jitter_seconds + task.flex_seconds)
    if not spread:
        return
    gap = least_gap(schedule, now, now + _A_YEAR)
    if gap is not None and gap <= spread:
        field, _ = _too_long(task, "")
        both = " for jitterSeconds and flexSeconds together" if task.jitter_seconds and task.flex_seconds else ""
        shortest = int(gap.total_seconds())
        yield _impossible(field, f"Two slots of the next year lie {shortest} s apart: use less than that{both}.")


def _too_long(task: Task, limit: str) -> tuple[str, str]:
    """Return which field spreads slots too far, and that it does."""
    if task.jitter_seconds and task.flex_seconds:
        return "flexSeconds", f"This and jitterSeconds together must be shorter than {limit}."
    return "flexSeconds" if task.flex_seconds else "jitterSeconds", f"This must be shorter than {limit}."


def _no_slot(task: Task, kind: str, now: datetime) -> str:
    if kind != "runAt":
        return "This never fires: no slot is left between startAt, or now, and endAt."
    if task.last_slot_for is not None and task.run_at is not None and task.run_at <= task.last_slot_for:
        return "This is not after the last slot of this task that was recorded."
    return f"This has passed, by more than the {task.misfire_grace_seconds} s of misfireGraceSeconds."


def _impossible(field: str, message: str) -> Fault:
    return Fault(field, "impossible", message, is_impossible=True)
