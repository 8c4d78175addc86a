"""Which slots of one task are due now, what becomes of each, and which slot comes next."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from itertools import takewhile
from typing import NamedTuple

from scheduler.engine.slots import Slots
from scheduler.engine.states import Reason, Trigger

SLOTS_PER_CLAIM = 100

_MICROSECOND = timedelta(microseconds=1)


class Misfire(NamedTuple):
    """A task's rule for slots older than `grace`: FIRE_ONCE, FIRE_ALL (the newest `limit`) or SKIP."""

    policy: str
    grace: timedelta
    limit: int


class Fire(NamedTuple):
    """A slot that runs, on time, late within its grace (SCHEDULE) or missed (CATCH_UP)."""

    slot: datetime
    trigger: Trigger


class Pass(NamedTuple):
    """Slots from `slot` to `until`, both included, that do not run and share one range row."""

    slot: datetime
    until: datetime
    reason: Reason


class Plan(NamedTuple):
    """What one claim records of one task, oldest first, and the slot after them (None: none will ever come)."""

    records: tuple[Fire | Pass, ...]
    last_slot: datetime | None
    next_slot: datetime | None


def plan(slots: Slots, *, due: datetime, now: datetime, misfire: Misfire, skipped: Collection[datetime] = ()) -> Plan:
    """Work out what becomes of the slots from `due` (the task's next slot) up to `now`.

    At most 100 slots run; where more are due, `next_slot` is still due and another claim goes on. A slot is missed
    when it was due, jitter and all, before `now` minus the grace; late inside the grace is no misfire, each such slot
    runs (misfirePolicy). One in `skipped` is passed over, as somebody has asked, and so is one that the
    calendar closes, with its neighbours. Nothing here counts missed slots: only next-after and latest-before are asked.
    """
    records: list[Fire | Pass] = []
    slot: datetime | None = due
    cutoff = now - misfire.grace
    if slots.due_at(due) < cutoff:
        first_kept = _first_kept(slots, due=due, cutoff=cutoff, misfire=misfire)
        if first_kept != due:
            missed = _missed(slots, due=due, first_kept=first_kept, cutoff=cutoff)
            records.append(missed)
            slot = first_kept or slots.next_after(missed.until)
    while slot is not None and slots.due_at(slot) <= now and len(records) < SLOTS_PER_CLAIM:
        record = _due(slots, slot, skipped=skipped, now=now, cutoff=cutoff)
        records.append(record)
        slot = slots.next_after(_end_of(record))
    return Plan(tuple(records), _end_of(records[-1]) if records else None, slot)


def _due(
    slots: Slots, slot: datetime, *, skipped: Collection[datetime], now: datetime, cutoff: datetime
) -> Fire | Pass:
    if not slots.runs(slot):
        opens = slots.next_running_after(slot)
        last = now if opens is None else min(opens - _MICROSECOND, now)
        return Pass(slot, max(slots.latest_at(last) or slot, slot), Reason.CALENDAR)
    if slot in skipped:
        return Pass(slot, slot, Reason.REQUESTED)
    return Fire(slot, Trigger.CATCH_UP if slots.due_at(slot) < cutoff else Trigger.SCHEDULE)


def _missed(slots: Slots, *, due: datetime, first_kept: datetime | None, cutoff: datetime) -> Pass:
    """Return the range of what is missed and not kept; where none of it would have run, the calendar is the reason."""
    last = slots.latest_at(first_kept - _MICROSECOND) if first_kept else slots.latest_due_before(cutoff)
    # `due` itself need not be a slot any more: a new release of the zone data moves slots.
    until = max(last or due, due)
    running = due if slots.runs(due) else slots.next_running_after(due)
    return Pass(due, until, Reason.MISFIRE if running is not None and running <= until else Reason.CALENDAR)


def _first_kept(slots: Slots, *, due: datetime, cutoff: datetime, misfire: Misfire) -> datetime | None:
    """Return the oldest missed slot that still runs, or None where none does."""
    limit = {"SKIP": 0, "FIRE_ONCE": 1}.get(misfire.policy, misfire.limit)
    if limit < 1:
        return None
    newest = list(takewhile(lambda slot: slot > due, _backwards(slots, before=cutoff, limit=limit)))
    return newest[-1] if len(newest) == limit else due


def _backwards(slots: Slots, *, before: datetime, limit: int) -> Iterator[datetime]:
    slot = slots.latest_running_due_before(before)
    for _ in range(limit):
        if slot is None:
            return
        yield slot
        slot = slots.latest_running_at(slot - _MICROSECOND)


def _end_of(record: Fire | Pass) -> datetime:
    return record.until if isinstance(record, Pass) else record.slot
