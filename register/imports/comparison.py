"""Holds the slots of a job there against those of its task here, and puts the differences into words."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from register.imports.item import Was
from register.imports.slots import changes, horizon
from scheduler import schedules
from scheduler.engine.schedules import InvalidSchedule, Schedule

CACHED = 20_000
DAYS_SHOWN = 3
TIMES_SHOWN = 4

_TICK = timedelta(microseconds=1)
_AROUND = timedelta(hours=6)
_AROUND_CHANGE = timedelta(hours=30)
# A second of each of those hours.
_MOST_AROUND = 36 * 3_600
_CLOCK = "the clock changes then"
_READING = "the two read the expression differently"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of it: how many slots were held against each other, and those that only one side has."""

    was: Was
    count: int
    only_there: tuple[datetime, ...] = ()
    only_here: tuple[datetime, ...] = ()

    @property
    def is_same(self) -> bool:
        """Tell whether both sides fire at the same instants."""
        return not (self.only_there or self.only_here)

    def lines(self) -> Iterator[str]:
        """Yield what differs: how much and why, then the first days of it in local time."""
        zone = ZoneInfo(self.was.time_zone)
        differing = sorted({*self.only_there, *self.only_here})
        reason = _CLOCK if all(_is_near_change(instant, zone) for instant in differing) else _READING
        yield f"{_slots(len(differing))} differ{'s' if len(differing) == 1 else ''}: {reason}"
        days = [
            (day, set(instants)) for day, instants in groupby(differing, key=lambda each: each.astimezone(zone).date())
        ]
        for day, instants in days[:DAYS_SHOWN]:
            there = _times([each for each in self.only_there if each in instants], zone)
            here = _times([each for each in self.only_here if each in instants], zone)
            yield f"{day:%a} {day}  {self.was.system}: {there}   here: {here}"
        if len(days) > DAYS_SHOWN:
            yield f"and on {len(days) - DAYS_SHOWN} more days"


def compare(was: Was, fields: dict[str, Any], *, after: datetime, count: int) -> Comparison | None:
    """Compare up to `count` slots after an instant; None where the task has no cron schedule that can be read."""
    schedule = _schedule(fields)
    if schedule is None:
        return None
    there: Any = was  # both are hashable; their protocols do not say so
    here: Any = schedule
    return _compared(there, here, after, count)


@lru_cache(maxsize=CACHED)
def _compared(was: Was, schedule: Schedule, after: datetime, count: int) -> Comparison:
    end = horizon(after)
    there = was.slots(after=after, until=end, count=count)
    here = _here(schedule, after, end, count)
    # Where both lists are cut, nothing can be said of what follows the earlier end.
    until = min([slots[-1] for slots in (there, here) if len(slots) == count], default=end)
    left, right = (set(slots[: bisect_right(slots, until)]) for slots in (there, here))
    compared = max(len(left), len(right))
    # A thousand slots of a busy task end before the clock changes, where most differences lie.
    for midnight in changes(ZoneInfo(was.time_zone), after=after.date()):
        begin, stop = (midnight.astimezone(UTC) + delta for delta in (-_AROUND, _AROUND_CHANGE))
        if stop > until:
            left.update(was.slots(after=begin, until=stop, count=_MOST_AROUND))
            right.update(slot for slot in _here(schedule, begin, stop, _MOST_AROUND))
    return Comparison(was, compared, tuple(sorted(left - right)), tuple(sorted(right - left)))


def _here(schedule: Schedule, after: datetime, end: datetime, count: int) -> list[datetime]:
    return list(schedule.between(after + _TICK, end + _TICK, limit=count))


def _schedule(fields: dict[str, Any]) -> Schedule | None:
    if "cronExpression" not in fields:
        return None
    try:
        return schedules.build(
            cron_expression=fields["cronExpression"],
            time_zone=fields.get("timeZone", "UTC"),
            start_at=_instant(fields.get("startAt")),
            end_at=_instant(fields.get("endAt")),
        )
    except (InvalidSchedule, ValueError):
        return None  # registering it tells why


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _slots(count: int) -> str:
    return "1 slot" if count == 1 else f"{count:,} slots"


def _times(instants: list[datetime], zone: ZoneInfo) -> str:
    shown = [f"{each.astimezone(zone):%H:%M:%S %z}".replace(":00 ", " ") for each in instants[:TIMES_SHOWN]]
    return (", ".join(shown) or "nothing") + (" …" if len(instants) > TIMES_SHOWN else "")


def _is_near_change(instant: datetime, zone: ZoneInfo) -> bool:
    before, later = (instant - _AROUND).astimezone(zone), (instant + _AROUND).astimezone(zone)
    return before.utcoffset() != later.utcoffset()
