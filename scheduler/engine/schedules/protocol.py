"""What every schedule answers."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from scheduler.engine.schedules.errors import CRON_FIELD, InvalidSchedule
from scheduler.engine.schedules.instants import told


class Schedule(Protocol):
    """A rule that yields slots. Instants go in aware and come out in UTC; a naive one raises TypeError."""

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the least slot strictly after an instant, or None if there is none."""
        ...

    def latest_at(self, instant: datetime) -> datetime | None:
        """Return the greatest slot that is not after an instant, or None if there is none."""
        ...

    def between(self, start: datetime, end: datetime, *, limit: int | None = None) -> Iterator[datetime]:
        """Yield the slots with start <= slot < end, ascending, at most `limit` of them."""
        ...


def require_slot_after(schedule: Schedule, instant: datetime, *, field: str = CRON_FIELD) -> datetime:
    """Return the first slot after an instant; raises InvalidSchedule ("impossible") if none is left."""
    slot = schedule.next_after(instant)
    if slot is not None:
        return slot
    last = schedule.latest_at(instant)
    if last is None:
        message = "This schedule never fires: no date up to 2199 matches; change its days, months, years or window."
    else:
        message = f"This schedule never fires again: its last slot was {told(last)}; choose a later one."
    raise InvalidSchedule(field, "impossible", message)
