"""From a task's stored columns to its slots: the one place where claim, API and admin build them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Any, Final, Protocol
from uuid import UUID

from scheduler.engine.calendars import Calendar, build_calendar, running_slots, with_calendar
from scheduler.engine.flex import DayLoad, Fixed
from scheduler.engine.schedules import (
    IntervalSchedule,
    NeverSchedule,
    OneTimeSchedule,
    Schedule,
    bounded,
    parse_cron,
)
from scheduler.engine.slots import Place, Slots

FIXED_DELAY: Final = "FIXED_DELAY"

_TICK = timedelta(microseconds=1)
_END = datetime(2200, 1, 1, tzinfo=UTC)

CACHED_SCHEDULES: Final = 20_000
CACHED_CALENDARS: Final = 2_048
CACHED_SLOTS: Final = 65_536
CACHED_FIRST_SLOTS: Final = 1_024


class Timed(Protocol):
    """The columns that say when a task fires; a row of the model has them, and so has a locked one."""

    @property
    def id(self) -> UUID: ...
    @property
    def cron_expression(self) -> str | None: ...
    @property
    def time_zone(self) -> str: ...
    @property
    def interval_seconds(self) -> int | None: ...
    @property
    def interval_mode(self) -> str: ...
    @property
    def anchor_at(self) -> datetime | None: ...
    @property
    def run_at(self) -> datetime | None: ...
    @property
    def start_at(self) -> datetime | None: ...
    @property
    def end_at(self) -> datetime | None: ...
    @property
    def jitter_seconds(self) -> int: ...
    @property
    def flex_seconds(self) -> int: ...
    @property
    def flex_for(self) -> datetime | None: ...
    @property
    def flex_ms(self) -> int | None: ...
    @property
    def queue(self) -> str: ...
    @property
    def calendar_rules(self) -> str | None: ...
    @property
    def calendar_policy(self) -> str: ...
    @property
    def next_slot_for(self) -> datetime | None: ...
    @property
    def skip_slots(self) -> list[datetime] | None: ...


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
    calendar_rules: str | None = None,
    calendar_policy: str = "SKIP",
    runs_only: bool = False,
) -> Schedule:
    """Return the schedule of a task with these columns, none of which may contradict another.

    An interval counts from `anchor_at`: a start is its first slot, a creation is not. With `runs_only` it has the
    slots that the calendar leaves open, else all of them. Raises InvalidSchedule, which names the field and the
    remedy, and InvalidCalendar.
    """
    return assemble(
        cron_expression=cron_expression,
        time_zone=time_zone,
        interval_seconds=interval_seconds,
        anchor_at=anchor_at,
        run_at=run_at,
        start_at=start_at,
        end_at=end_at,
        under=None if calendar_rules is None else calendar(calendar_rules, time_zone),
        calendar_policy=calendar_policy,
        runs_only=runs_only,
    )


def assemble(
    *,
    cron_expression: str | None,
    time_zone: str,
    interval_seconds: int | None,
    anchor_at: datetime | None,
    run_at: datetime | None,
    start_at: datetime | None,
    end_at: datetime | None,
    under: Calendar | None,
    calendar_policy: str,
    runs_only: bool,
) -> Schedule:
    """Return what `build` does and keep nothing: for what somebody only asks about. Raises InvalidSchedule."""
    schedule: Schedule
    if cron_expression is not None:
        schedule = parse_cron(cron_expression, time_zone)
    elif interval_seconds is not None and anchor_at is not None:
        schedule = IntervalSchedule(anchor_at, interval_seconds, includes_anchor=start_at is not None)
    elif run_at is not None:
        schedule = OneTimeSchedule(run_at)
    else:
        return NeverSchedule()
    if under is not None:
        carried = running_slots if runs_only else with_calendar
        schedule = carried(schedule, under, calendar_policy)
    return bounded(schedule, start_at=start_at, end_at=end_at)


@lru_cache(maxsize=CACHED_CALENDARS)
def calendar(rules: str, time_zone: str) -> Calendar:
    """Return the calendar of stored rules for a task in a zone. Raises InvalidCalendar."""
    return build_calendar(json.loads(rules), time_zone)


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


def of(task: Timed) -> Schedule:
    """Return the schedule of a task, with the slots that its calendar closes. Raises InvalidSchedule."""
    return _built(task, runs_only=False)


def running(task: Timed) -> Schedule:
    """Return the schedule of a task without the slots that its calendar closes. Raises InvalidSchedule."""
    return _built(task, runs_only=True) if task.calendar_rules is not None else of(task)


def is_fixed_delay(task: Timed) -> bool:
    """Tell whether each slot counts from the end of the one before: then only one of them is known."""
    return task.interval_seconds is not None and task.interval_mode == FIXED_DELAY


def without_calendar(task: Timed) -> Schedule:
    """Return the schedule of a task as if it had no calendar; of a fixed delay, the interval."""
    return build(**{**_columns(task), "calendar_rules": None})


def grid(task: Timed) -> Schedule:
    """Return the schedule by which a task fires for the first time: of a fixed delay, an interval like any other."""
    return build(**_columns(task))


def first_after(task: Timed, instant: datetime) -> datetime | None:
    """Return the first slot after an instant of a task that has had none: asked twice of each, to check and to set."""
    every: Any = grid(task)
    return _first_after(every, instant)


def slots_of(task: Timed) -> Slots:
    """Return what the claim, and whoever does as it does, asks of a task's slots. Raises InvalidSchedule."""
    if task.calendar_rules is None and not (task.jitter_seconds or task.flex_seconds) and not is_fixed_delay(task):
        return _plain_slots(
            task.cron_expression, task.time_zone, task.interval_seconds, task.anchor_at, task.run_at, task.start_at,
            task.end_at,
        )  # fmt: skip
    every = Remembered(of(task))
    if task.calendar_rules is None:
        return Slots(every, **_spread_of(task))
    return Slots(
        every,
        running=Remembered(running(task)),
        calendar=calendar(task.calendar_rules, task.time_zone),
        **_spread_of(task),
    )


def _spread_of(task: Timed) -> dict[str, Any]:
    spread: dict[str, Any] = {"task_id": task.id, "jitter_seconds": task.jitter_seconds}
    if task.flex_seconds:
        spread["flex_seconds"] = task.flex_seconds
        if task.flex_for is not None and task.flex_ms is not None:
            spread["fixed"] = Fixed(task.flex_for, timedelta(milliseconds=task.flex_ms))
    return spread


@lru_cache(maxsize=CACHED_SCHEDULES)
def _plain_slots(
    cron_expression: str | None,
    time_zone: str,
    interval_seconds: int | None,
    anchor_at: datetime | None,
    run_at: datetime | None,
    start_at: datetime | None,
    end_at: datetime | None,
) -> Slots:
    """Return the slots of all tasks with these columns and no calendar, jitter or flex: one value for thousands."""
    schedule = build(
        cron_expression=cron_expression,
        time_zone=time_zone,
        interval_seconds=interval_seconds,
        anchor_at=anchor_at,
        run_at=run_at,
        start_at=start_at,
        end_at=end_at,
    )
    return Slots(Remembered(schedule))


def shown(task: Timed, slot: datetime | None) -> datetime | None:
    """Return the first slot from `slot` on that will run: neither closed nor left out on request."""
    return slots_of(task).first_shown(slot, skipped=task.skip_slots or ()) if slot is not None else None


def shown_at(task: Timed, slot: datetime | None) -> datetime | None:
    """Return when the first slot from `slot` on that will run is due: nextExecutionTime."""
    shown_slot = shown(task, slot)
    return slots_of(task).due_at(shown_slot) if shown_slot is not None else None


def looked_at(task: Timed, slot: datetime | None) -> datetime | None:
    """Return when the claim is to look at a task whose next slot this is: claim_at."""
    return slots_of(task).looked_at(slot) if slot is not None else None


def place(task: Timed, slot: datetime | None, *, loads: Mapping[str, DayLoad]) -> Place:
    """Return where a task goes on whose next slot this is; `loads` are what is forecast of queues (`dayloads.of`)."""
    if slot is None:
        return Place()
    return slots_of(task).place(slot, skipped=task.skip_slots or (), load=loads.get(task.queue))


def coming(task: Timed, *, after: datetime, count: int) -> list[datetime]:
    """Return up to `count` slots after an instant that will run, the next first. Raises InvalidSchedule.

    Of a fixed delay it is one at most, and an estimate where a run has not ended.
    """
    return list(islice(between(task, after + _TICK, _END), count))


def between(task: Timed, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the slots with start <= slot < end that will run, as far as they are known. Raises InvalidSchedule."""
    skipped = frozenset(task.skip_slots or ())
    return (slot for slot in running(task).between(start, end) if slot not in skipped)


def known_until(task: Timed, *, now: datetime) -> datetime | None:
    """Return before which instant all slots are known; None without end.

    A fixed delay's next slot counts from an end: it comes an interval after the one before or after now at least.
    """
    if task.interval_seconds is None or not is_fixed_delay(task):
        return None
    return max(task.next_slot_for or now, now) + timedelta(seconds=task.interval_seconds)


def kept(task: Timed) -> dict[str, Any]:
    """Return a task's schedule as JSON, for work that outlives a change of it."""
    columns = _columns(task).items()
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in columns}


def of_kept(columns: Mapping[str, Any]) -> Schedule:
    """Return the schedule that `kept` has written down, without the slots that its calendar closes.

    Raises InvalidSchedule, InvalidCalendar.
    """
    instants = {
        name: datetime.fromisoformat(value) for name, value in columns.items() if name.endswith("_at") and value
    }
    return build(**{**columns, **instants}, runs_only=columns["calendar_rules"] is not None)


def after_end(task: Timed, ended_at: datetime) -> datetime | None:
    """Return the slot of a fixed delay that follows one which ended at `ended_at`; None beyond its window.

    Under NEXT_OPEN it moves; under SKIP a closed one stays, and is recorded as such.
    """
    if task.interval_seconds is None:
        return None
    slot: datetime | None = ended_at + timedelta(seconds=task.interval_seconds)
    if task.start_at is not None and slot is not None:
        slot = max(slot, task.start_at)
    if task.calendar_rules is not None and task.calendar_policy == "NEXT_OPEN" and slot is not None:
        slot = calendar(task.calendar_rules, task.time_zone).next_open(slot) or slot
    return None if slot is None or (task.end_at is not None and slot >= task.end_at) else slot


def _built(task: Timed, *, runs_only: bool) -> Schedule:
    columns = _columns(task)
    if is_fixed_delay(task):
        # Nobody knows more than its next slot, and that one where no run has to end first.
        columns |= {"interval_seconds": None, "run_at": task.next_slot_for, "calendar_policy": "SKIP"}
    return build(**columns, runs_only=runs_only)


def _columns(task: Timed) -> dict[str, Any]:
    return {
        "cron_expression": task.cron_expression,
        "time_zone": task.time_zone,
        "interval_seconds": task.interval_seconds,
        "anchor_at": task.anchor_at,
        "run_at": task.run_at,
        "start_at": task.start_at,
        "end_at": task.end_at,
        "calendar_rules": task.calendar_rules,
        "calendar_policy": task.calendar_policy,
    }


@lru_cache(maxsize=CACHED_FIRST_SLOTS)
def _first_after(schedule: Any, instant: datetime) -> datetime | None:
    found: datetime | None = schedule.next_after(instant)
    return found


@lru_cache(maxsize=CACHED_SLOTS)
def _next_after(schedule: Any, instant: datetime) -> datetime | None:
    found: datetime | None = schedule.next_after(instant)
    return found
