"""Says what a schedule means before anything is stored: plain words, the next slots, warnings."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from register import cautions, rules, timing
from register.calendars import naming
from register.drafting import DEFAULT_NAMESPACE
from register.errors import NamespaceForbidden
from register.given import Given
from register.stored import Stored
from scheduler import schedules
from scheduler.engine.calendars import Calendar as Rules
from scheduler.engine.calendars import CalendarRules, InvalidCalendar, read_calendar
from scheduler.engine.schedules import Caution, InvalidSchedule, Schedule, parse_cron, require_slot_after
from scheduler.engine.states import TaskStatus
from scheduler.errors import Fault, InvalidInput
from scheduler.models import Calendar, Task
from scheduler.wording import words_of

DEFAULT_COUNT: Final = 10

_NOT_OF_A_TASK = frozenset({"calendar_rules", "after", "count"})
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(2200, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a schedule means; of a fixed delay one slot is known, and estimated."""

    description: str
    slots: list[datetime]
    time_zone: str
    cautions: list[Caution]
    is_estimated: bool


def preview(given: Given, *, namespace: str | None, now: datetime) -> Preview:
    """Return what a schedule means from an instant on, as if it were registered then; nothing is stored or kept.

    Raises InvalidInput, NamespaceForbidden.
    """
    values, faults = naming.resolved(given.values, namespace=_namespace(given, namespace), among=Stored())
    after: datetime = values.get("after") or now
    task = _task(values, at=after)
    under = _calendar(task, values.get("calendar_rules"))
    # Whoever names a calendar in vain need not hear that a policy is of no use without one.
    faulty = given.faulty | ({"calendar_id"} if faults or "calendar_rules" in given.faulty else frozenset())
    faults += [*given.faults, *_kind_faults(task, given), *_calendar_faults(given)]
    faults += rules.contradictions(task, changed=frozenset(values), faulty=faulty)
    if faults:
        raise InvalidInput(faults)
    every, running = (_schedule(task, under, runs_only=runs_only) for runs_only in (False, True))
    if faults := [*_never(task), *rules.spread_faults(every, task, now=after)]:
        raise InvalidInput(faults)
    is_estimated = schedules.is_fixed_delay(task)
    count = 1 if is_estimated else values.get("count", DEFAULT_COUNT)
    return Preview(
        words_of(task, running),
        list(running.between(after + _TICK, _END, limit=count)),
        task.time_zone,
        cautions.of_schedule(every, running, after=after, spread_seconds=task.jitter_seconds + task.flex_seconds),
        is_estimated,
    )


def of_task(task: Task, *, now: datetime) -> Preview:
    """Return what the schedule of a task means, paused or not; a stored one may have become unreadable since."""
    is_estimated = schedules.is_fixed_delay(task)
    try:
        after = coming_from(task, now=now) - _TICK
        slots = schedules.coming(task, after=after, count=DEFAULT_COUNT)
        return Preview(words_of(task), slots, task.time_zone, cautions.of_task(task, after=after), is_estimated)
    except (InvalidSchedule, InvalidCalendar) as refusal:
        unreadable = Caution("never_fires", f"No slot can be worked out: {refusal}")
        return Preview("Cannot be worked out", [], task.time_zone, [unreadable], is_estimated)


def coming_from(task: Task, *, now: datetime) -> datetime:
    """Return from when on slots come: a runAt inside its grace has passed, a startAt may be now; both fire at once."""
    if task.status == TaskStatus.ACTIVE and task.next_slot_for is not None:
        return min(task.next_slot_for, now + _TICK)
    return now + _TICK


def _namespace(given: Given, bound_to: str | None) -> str:
    namespace: str = given.values.get("namespace") or bound_to or DEFAULT_NAMESPACE
    if bound_to not in (None, namespace):
        raise NamespaceForbidden
    return namespace


def _task(values: dict[str, Any], *, at: datetime) -> Task:
    """Return a task with this schedule that is not stored."""
    task = Task(**{name: value for name, value in values.items() if name not in _NOT_OF_A_TASK}, created_at=at)
    timing.settle(task, given=values)
    return task


def _calendar(task: Task, inline: CalendarRules | None) -> Rules | None:
    """Return the calendar that the schedule is under, for whose rules the task stands in with a row of its own."""
    if inline is not None and task.calendar is None:
        task.calendar = Calendar(name="calendarRules")
        return Rules(inline, task.time_zone)
    return None if task.calendar is None else Rules(read_calendar(task.calendar.rules), task.time_zone)


def _schedule(task: Task, under: Rules | None, *, runs_only: bool) -> Schedule:
    return schedules.assemble(
        cron_expression=task.cron_expression,
        time_zone=task.time_zone,
        interval_seconds=task.interval_seconds,
        anchor_at=task.anchor_at,
        run_at=task.run_at,
        start_at=task.start_at,
        end_at=task.end_at,
        under=under,
        calendar_policy=task.calendar_policy,
        runs_only=runs_only,
    )


def _kind_faults(task: Task, given: Given) -> Iterator[Fault]:
    kinds = ", ".join(timing.KINDS.values())
    if not given.faulty & set(timing.KINDS) and all(getattr(task, column) is None for column in timing.KINDS):
        yield Fault("", "required", f"There is no schedule: give one of {kinds}.")


def _calendar_faults(given: Given) -> Iterator[Fault]:
    if given.values.get("calendar_name") is not None and given.values.get("calendar_rules") is not None:
        for field in ("calendar", "calendarRules"):
            yield Fault(field, "impossible", "Choose one of calendar, calendarRules.", is_impossible=True)


def _never(task: Task) -> Iterator[Fault]:
    """Refuse a cron text that matches no date at all; one whose last slot has passed is only warned of."""
    if task.cron_expression is None:
        return
    try:
        require_slot_after(parse_cron(task.cron_expression, task.time_zone), _BEGINNING - _TICK)
    except InvalidSchedule as refusal:
        yield Fault(refusal.field, refusal.code, refusal.message, is_impossible=True)
