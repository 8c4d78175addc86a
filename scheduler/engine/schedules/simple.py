"""Schedules without a calendar: fixed intervals, one instant, and none at all."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from scheduler.engine.schedules.errors import InvalidSchedule
from scheduler.engine.schedules.instants import in_utc

# The largest number of seconds that a 32-bit column holds, about 68 years.
MAX_INTERVAL_SECONDS: Final = 2**31 - 1


@dataclass(frozen=True, slots=True)
class IntervalSchedule:
    """Slots at anchor + k * seconds, k from 0, or from 1 without the anchor itself."""

    anchor: datetime
    seconds: int
    includes_anchor: bool = True

    def __post_init__(self) -> None:
        is_whole = isinstance(self.seconds, int) and not isinstance(self.seconds, bool)
        if not is_whole or not 1 <= self.seconds <= MAX_INTERVAL_SECONDS:
            raise InvalidSchedule(
                "intervalSeconds",
                "invalid",
                f"{self.seconds!r} is out of range; use 1 to {MAX_INTERVAL_SECONDS} whole seconds.",
            )
        object.__setattr__(self, "anchor", in_utc(self.anchor))

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the least slot strictly after an instant, or None beyond the year 9999."""
        return self._slot(max((instant - self.anchor) // self._step + 1, self._first))

    def latest_at(self, instant: datetime) -> datetime | None:
        """Return the greatest slot that is not after an instant, or None before the first one."""
        number = (instant - self.anchor) // self._step
        return self._slot(number) if number >= self._first else None

    def between(self, start: datetime, end: datetime, *, limit: int | None = None) -> Iterator[datetime]:
        """Yield the slots with start <= slot < end, ascending, at most `limit` of them."""
        return islice(self._between(start, end), limit)

    def _between(self, start: datetime, end: datetime) -> Iterator[datetime]:
        step = self._step
        number = max(-((self.anchor - start) // step), self._first)
        for ahead in range(number, -((self.anchor - end) // step)):
            yield self.anchor + ahead * step

    def _slot(self, number: int) -> datetime | None:
        try:
            return self.anchor + number * self._step
        except OverflowError:
            return None

    @property
    def _step(self) -> timedelta:
        return timedelta(seconds=self.seconds)

    @property
    def _first(self) -> int:
        return 0 if self.includes_anchor else 1


@dataclass(frozen=True, slots=True)
class OneTimeSchedule:
    """The single slot of runAt."""

    run_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "run_at", in_utc(self.run_at))

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the slot if it lies strictly after an instant."""
        return self.run_at if self.run_at > instant else None

    def latest_at(self, instant: datetime) -> datetime | None:
        """Return the slot if it does not lie after an instant."""
        return self.run_at if self.run_at <= instant else None

    def between(self, start: datetime, end: datetime, *, limit: int | None = None) -> Iterator[datetime]:
        """Yield the slot if start <= slot < end."""
        return islice([self.run_at] if start <= self.run_at < end else [], limit)


@dataclass(frozen=True, slots=True)
class NeverSchedule:
    """No slot: the task runs on request, by event or by dependency only."""

    def next_after(self, instant: datetime) -> datetime | None:
        """Return None."""
        return None

    def latest_at(self, instant: datetime) -> datetime | None:
        """Return None."""
        return None

    def between(self, start: datetime, end: datetime, *, limit: int | None = None) -> Iterator[datetime]:
        """Yield nothing."""
        return iter(())
