"""Which slots a definition has, worked out without the scheduler's engine: croniter, arithmetic, a small calendar."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from croniter import croniter

from drill.definitions import DAY_SECONDS, Closed, Registered

_TICK = timedelta(microseconds=1)


def slots(task: Registered, closed: Closed) -> list[datetime]:
    """Return every slot of a task, ascending; of a fixed delay only the first, for the others follow from ends."""
    definition = task.definition
    moves = definition.calendar_policy == "NEXT_OPEN"
    found = {opening(slot, closed) if moves else slot for slot in _written_down(task)}
    return sorted(slot for slot in found if _counts(task, slot))


def matches(cron: str, time_zone: str, *, after: datetime) -> Iterator[datetime]:
    """Yield what a Quartz or Unix expression matches after an instant, for ever; of those that croniter reads right."""
    fields = cron.replace("?", "*").split()[:6]  # the year, where there is one, is any
    found = croniter(" ".join(fields), after.astimezone(ZoneInfo(time_zone)), second_at_beginning=len(fields) == 6)
    while True:
        yield found.get_next(datetime).astimezone(UTC)


def after_end(task: Registered, ended_at: datetime) -> datetime | None:
    """Return the slot of a fixed delay that follows an end, None beyond the task's own end."""
    definition = task.definition
    slot = ended_at + timedelta(seconds=definition.interval_seconds or 0)
    return slot if definition.end_at is None or slot < definition.end_at else None


def is_open(instant: datetime, closed: Closed) -> bool:
    """Tell whether the calendar lets an instant run."""
    return _stretch_of(instant, closed) is None


def opening(instant: datetime, closed: Closed) -> datetime:
    """Return the instant itself where it is open, else the first one after its stretch."""
    while (end := _stretch_of(instant, closed)) is not None:
        instant = end
    return instant


def _written_down(task: Registered) -> Iterator[datetime]:
    definition = task.definition
    if definition.run_at is not None:
        yield definition.run_at
    elif definition.end_at is None:
        raise ValueError(f"{definition.name} never ends: nobody could say when it is complete.")
    elif definition.cron is not None:
        yield from _of_cron(task, definition.cron, definition.end_at)
    elif definition.interval_seconds is not None:
        yield from _of_interval(task, definition.interval_seconds, definition.end_at)


def _of_cron(task: Registered, cron: str, end: datetime) -> Iterator[datetime]:
    # A calendar moves slots from before the registration to after it, by less than an hour here.
    begin = task.created_at - timedelta(hours=1 if task.definition.calendar_policy else 0)
    return takewhile(lambda slot: slot < end, matches(cron, task.definition.time_zone, after=begin))


def _of_interval(task: Registered, seconds: int, end: datetime) -> Iterator[datetime]:
    step = timedelta(seconds=seconds)
    start = task.definition.start_at
    slot = start if start is not None else task.created_at + step
    while slot < end:
        yield slot
        if task.definition.is_fixed_delay:
            return
        slot += step


def _counts(task: Registered, slot: datetime) -> bool:
    start, end = task.definition.start_at, task.definition.end_at
    first = task.created_at + _TICK if start is None else max(start, task.created_at)
    return first <= slot and (end is None or slot < end)


def _stretch_of(instant: datetime, closed: Closed) -> datetime | None:
    """Return the end of the closed stretch that holds an instant."""
    midnight = instant.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    second = (instant - midnight) / timedelta(seconds=1)
    for begin, end in closed.stretches:
        for day in (0, DAY_SECONDS):  # one that passes midnight holds the next morning as well
            if begin <= second + day < end:
                return midnight + timedelta(seconds=end - day)
    return None
