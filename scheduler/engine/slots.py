"""The slots of one task: which there are, which of them run, and when each is due."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from scheduler.engine.jitter import jitter

# A slot that a calendar closes is recorded with the next one that runs, so that neighbours share a row, or after this.
CLOSED_WAITS = timedelta(days=1)

_TICK = timedelta(microseconds=1)
_NOBODY = UUID(int=0)


class Searched(Protocol):
    """What is asked of a schedule here (`scheduler.engine.schedules.Schedule`)."""

    def next_after(self, instant: datetime) -> datetime | None: ...

    def latest_at(self, instant: datetime) -> datetime | None: ...


class Opened(Protocol):
    """What is asked of a calendar here (`scheduler.engine.calendars.Calendar`)."""

    def is_open(self, instant: datetime) -> bool: ...

    def next_open(self, instant: datetime) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Slots:
    """`every` has all slots, `running` those that the calendar leaves open; it is None where there is no calendar.

    Jitter is shorter than the least gap between slots (contract §7), so slots are due in their own order.
    """

    every: Searched
    running: Searched | None = None
    calendar: Opened | None = None
    task_id: UUID = _NOBODY
    jitter_seconds: int = 0

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
        """Return when a slot is due: later by its jitter."""
        return slot + jitter(self.task_id, slot, self.jitter_seconds) if self.jitter_seconds else slot

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

    def _due_before(self, instant: datetime, searched: Searched) -> datetime | None:
        slot = searched.latest_at(instant - _TICK)
        while slot is not None and self.due_at(slot) >= instant:
            slot = searched.latest_at(slot - _TICK)
        return slot
