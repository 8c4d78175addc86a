"""The window of a task: startAt <= slot < endAt."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from scheduler.engine.schedules.errors import InvalidSchedule
from scheduler.engine.schedules.instants import TICK
from scheduler.engine.schedules.protocol import Schedule

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)


def bounded(schedule: Schedule, start_at: datetime | None = None, end_at: datetime | None = None) -> Schedule:
    """Return a schedule's slots with start_at <= slot < end_at; either may be None.

    Raises InvalidSchedule for endAt where no instant lies between the two.
    """
    if start_at is None and end_at is None:
        return schedule
    if start_at is not None and end_at is not None and end_at <= start_at:
        raise InvalidSchedule("endAt", "impossible", "endAt is not after startAt; choose a later endAt.")
    return Window(schedule, start_at, end_at)


@dataclass(frozen=True, slots=True)
class Window:
    """A schedule cut to start_at <= slot < end_at."""

    schedule: Schedule
    start_at: datetime | None
    end_at: datetime | None

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the least slot of the window strictly after an instant."""
        if self.start_at is not None and instant < self.start_at:
            instant = self.start_at - TICK
        slot = self.schedule.next_after(instant)
        return None if slot is None or (self.end_at is not None and slot >= self.end_at) else slot

    def latest_at(self, instant: datetime) -> datetime | None:
        """Return the greatest slot of the window that is not after an instant."""
        if self.end_at is not None and instant >= self.end_at:
            if self.end_at == _BEGINNING:
                return None
            instant = self.end_at - TICK
        slot = self.schedule.latest_at(instant)
        return None if slot is None or (self.start_at is not None and slot < self.start_at) else slot

    def between(self, start: datetime, end: datetime, *, limit: int | None = None) -> Iterator[datetime]:
        """Yield the slots of the window with start <= slot < end, ascending, at most `limit` of them."""
        start = start if self.start_at is None else max(start, self.start_at)
        end = end if self.end_at is None else min(end, self.end_at)
        return self.schedule.between(start, end, limit=limit)
