"""Which slots of one task are due now, what becomes of each, and which slot comes next."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Protocol

from scheduler.engine.states import Reason, Trigger

SLOTS_PER_CLAIM = 100

_MICROSECOND = timedelta(microseconds=1)


class Slots(Protocol):
    """What firing asks of a schedule (`scheduler.engine.schedules.Schedule`)."""

    def next_after(self, instant: datetime) -> datetime | None: ...

    def latest_at(self, instant: datetime) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Misfire:
    """A task's rule for slots older than `grace`: FIRE_ONCE, FIRE_ALL (the newest `limit`) or SKIP."""

    policy: str
    grace: timedelta
    limit: int


@dataclass(frozen=True, slots=True)
class Fire:
    """A slot that runs, on time, late within its grace (SCHEDULE) or missed (CATCH_UP)."""

    slot: datetime
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Pass:
    """Slots from `slot` to `until`, both included, that do not run and share one range row."""

    slot: datetime
    until: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Plan:
    """What one claim records of one task, oldest first, and the slot after them (None: none will ever come)."""

    records: tuple[Fire | Pass, ...]
    last_slot: datetime | None
    next_slot: datetime | None


def plan(
    schedule: Slots, *, due: datetime, now: datetime, misfire: Misfire, skipped: Collection[datetime] = ()
) -> Plan:
    """Work out what becomes of the slots from `due` (the task's next slot) up to `now`.

    At most 100 slots run; where more are due, `next_slot` is still due and another claim goes on. A slot is missed
    when it is older than `now` minus the grace; late inside the grace is no misfire, each such slot runs (contract
    §4, misfirePolicy). One in `skipped` is passed over, as somebody has asked. Nothing here counts missed slots: only
    next-after and latest-before are asked.
    """
    records: list[Fire | Pass] = []
    slot: datetime | None = due
    cutoff = now - misfire.grace
    if due < cutoff:
        first_kept = _first_kept(schedule, due=due, cutoff=cutoff, misfire=misfire)
        if first_kept != due:
            # `due` itself need not be a slot any more: a new release of the zone data moves slots.
            until = max(schedule.latest_at((first_kept or cutoff) - _MICROSECOND) or due, due)
            records.append(Pass(due, until, Reason.MISFIRE))
            slot = first_kept or schedule.next_after(until)
    while slot is not None and slot <= now and len(records) < SLOTS_PER_CLAIM:
        records.append(_due(slot, skipped=skipped, cutoff=cutoff))
        slot = schedule.next_after(slot)
    return Plan(tuple(records), _last_slot(records), slot)


def _due(slot: datetime, *, skipped: Collection[datetime], cutoff: datetime) -> Fire | Pass:
    if slot in skipped:
        return Pass(slot, slot, Reason.REQUESTED)
    return Fire(slot, Trigger.CATCH_UP if slot < cutoff else Trigger.SCHEDULE)


def _first_kept(schedule: Slots, *, due: datetime, cutoff: datetime, misfire: Misfire) -> datetime | None:
    """Return the oldest missed slot that still runs, or None where none does."""
    limit = {"SKIP": 0, "FIRE_ONCE": 1}.get(misfire.policy, misfire.limit)
    if limit < 1:
        return None
    newest = list(takewhile(lambda slot: slot > due, _backwards(schedule, before=cutoff, limit=limit)))
    return newest[-1] if len(newest) == limit else due


def _backwards(schedule: Slots, *, before: datetime, limit: int) -> Iterator[datetime]:
    slot = schedule.latest_at(before - _MICROSECOND)
    for _ in range(limit):
        if slot is None:
            return
        yield slot
        slot = schedule.latest_at(slot - _MICROSECOND)


def _last_slot(records: list[Fire | Pass]) -> datetime | None:
    if not records:
        return None
    last = records[-1]
    return last.until if isinstance(last, Pass) else last.slot
