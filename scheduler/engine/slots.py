"""The slots of one task: which there are, which of them run, and when each is due."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

from scheduler.engine.flex import DayLoad, Fixed, shift
from scheduler.engine.jitter import jitter

# A slot that a calendar closes is recorded with the next one that runs, so that neighbours share a row, or after this.
CLOSED_WAITS = timedelta(days=1)

_TICK = timedelta(microseconds=1)
_NOBODY = UUID(int=0)
_MILLISECOND = timedelta(milliseconds=1)


class Searched(Protocol):
    """What is asked of a schedule here (`scheduler.engine.schedules.Schedule`)."""

    def next_after(self, instant: datetime) -> datetime | None: ...

    def latest_at(self, instant: datetime) -> datetime | None: ...


class Opened(Protocol):
    """What is asked of a calendar here (`scheduler.engine.calendars.Calendar`)."""

    def is_open(self, instant: datetime) -> bool: ...

    def next_open(self, instant: datetime) -> datetime | None: ...


class Place(NamedTuple):
    """Where a task goes on: when the claim looks at it, when it is shown to be due, and the flex of that slot.

    `flex_for` and `flex_ms` are None where the task allows none, or no slot follows.
    """

    claim_at: datetime | None = None
    shown_at: datetime | None = None
    flex_for: datetime | None = None
    flex_ms: int | None = None


_NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Slots:
    """`every` has all slots, `running` those that the calendar leaves open; it is None where there is no calendar.

    Jitter and flex together are shorter than the least gap between slots, so slots are due in their own
    order. `fixed` is the slot whose flex has been decided; that of any other spreads evenly.
    """

    every: Searched
    running: Searched | None = None
    calendar: Opened | None = None
    task_id: UUID = _NOBODY
    jitter_seconds: int = 0
    flex_seconds: int = 0
    fixed: Fixed | None = None

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the least slot strictly after an instant, or None."""
        return self.every.next_after(instant)

    def latest_at(self, instant: datetime) -> datetime | None:
        """Return the greatest slot that is not after an instant, or None."""
        return self.every.latest_at(instant)

    def runs(self, slot: datetime) -> bool:
        """Tell whether the calendar lets a slot run."""
        return self.calendar is None or self.calendar.is_open(slot)

    def next_running_after(self, instant: datetime) -> datetime | None:
        """Return the least slot strictly after an instant that runs, or None."""
        return (self.running or self.every).next_after(instant)

    def latest_running_at(self, instant: datetime) -> datetime | None:
        """Return the greatest slot that is not after an instant and runs, or None."""
        return (self.running or self.every).latest_at(instant)

    def due_at(self, slot: datetime) -> datetime:
        """Return when a slot is due: later by its jitter and by its flex."""
        due_at = slot + jitter(self.task_id, slot, self.jitter_seconds) if self.jitter_seconds else slot
        return due_at + self._flex(slot) if self.flex_seconds else due_at

    def latest_due_before(self, instant: datetime) -> datetime | None:
        """Return the greatest slot that is due before an instant, or None."""
        return self._due_before(instant, self.every)

    def latest_running_due_before(self, instant: datetime) -> datetime | None:
        """Return the greatest slot that runs and is due before an instant, or None."""
        return self._due_before(instant, self.running or self.every)

    def first_shown(self, slot: datetime | None, *, skipped: Collection[datetime]) -> datetime | None:
        """Return the first slot from `slot` on that will run: neither closed nor in `skipped`."""
        while slot is not None and (not self.runs(slot) or slot in skipped):
            slot = self.next_running_after(slot)
        return slot

    def looked_at(self, slot: datetime) -> datetime:
        """Return when the claim is to look at a task whose next slot this is."""
        if self.calendar is None or self.calendar.is_open(slot):
            return self.due_at(slot)
        running, latest = self.next_running_after(slot), slot + CLOSED_WAITS
        opens = self.calendar.next_open(slot) if running is None else self.due_at(running)
        return latest if opens is None else min(opens, latest)

    def place(self, slot: datetime | None, *, skipped: Collection[datetime] = (), load: DayLoad | None = None) -> Place:
        """Return where a task goes on whose next slot this is.

        The flex of the first slot that will run is decided by `load`, what is forecast of its queue; what has been
        decided stays.
        """
        if slot is None:
            return _NOWHERE
        if self.calendar is None and not skipped and not self.flex_seconds:  # of a thousand tasks nearly all
            due_at = self.due_at(slot)
            return Place(due_at, due_at)
        shown = self.first_shown(slot, skipped=skipped)
        if not self.flex_seconds or shown is None:
            return Place(self.looked_at(slot), self.due_at(shown) if shown is not None else None)
        fixed = self._fixed(shown) or Fixed(shown, shift(self.task_id, shown, self.flex_seconds, load))
        decided = replace(self, fixed=fixed)
        return Place(decided.looked_at(slot), decided.due_at(shown), shown, fixed.shift // _MILLISECOND)

    def _fixed(self, slot: datetime) -> Fixed | None:
        """Return how much later a slot is due, where that has been decided and lies in the window of today."""
        if self.fixed is None or self.fixed.slot != slot or self.fixed.shift >= timedelta(seconds=self.flex_seconds):
            return None
        return self.fixed

    def _flex(self, slot: datetime) -> timedelta:
        fixed = self._fixed(slot)
        return fixed.shift if fixed is not None else shift(self.task_id, slot, self.flex_seconds, None)

    def _due_before(self, instant: datetime, searched: Searched) -> datetime | None:
        slot = searched.latest_at(instant - _TICK)
        while slot is not None and self.due_at(slot) >= instant:
            slot = searched.latest_at(slot - _TICK)
        return slot
