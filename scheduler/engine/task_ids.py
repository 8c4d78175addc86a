"""Ids of new tasks: they ascend, so that thousands go to one end of each index, and not all over it."""

from dataclasses import dataclass, field
from datetime import datetime
from secrets import randbits
from threading import Lock
from uuid import UUID

from scheduler.engine.identity import milliseconds, seventh


@dataclass(slots=True)
class Ascending:
    """Draws UUIDs of version 7, each greater than the one before (RFC 9562 §6.2, method 2); of any thread."""

    _at: int = 0
    _bits: int = 0
    _lock: Lock = field(default_factory=Lock)

    def draw(self, now: datetime) -> UUID:
        """Return the id of what is made at `now`; where the clock has stood still or gone back, the next one."""
        at = milliseconds(now)
        with self._lock:
            if at > self._at:
                # From the lower half: no run of one millisecond gets through the upper one.
                self._at, self._bits = at, randbits(73)
            else:
                self._bits += 1
            return seventh(self._at, self._bits)
