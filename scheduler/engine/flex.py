"""Flex: where in its free window a slot is due, so that what comes at full minutes spreads by forecast load.

A herd is poured into its window as water into a vessel: where the forecast is low it fills up, what stands out of it
stays as it is. Each task takes the place that its hash has in what was poured, so that nobody has to agree on it.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import Final, NamedTuple
from uuid import UUID

from scheduler.engine.schedules.instants import EPOCH, written

MINUTES_OF_DAY: Final = 1_440
# Of what has never run nobody knows how long it takes; and to begin and end one takes its time as well.
UNKNOWN_MS: Final = 100.0
LEAST_MS: Final = 10.0

_MINUTE_MS: Final = 60_000
_DAY_MS: Final = MINUTES_OF_DAY * _MINUTE_MS
_MILLISECOND: Final = timedelta(milliseconds=1)
_HASH_BYTES: Final = 8
# What is poured at least, as a share of what lies in the window already: a herd that was registered just now is in no
# forecast, and would fall into the one minute that is the emptiest.
_LEAST_SHARE: Final = 0.25
_LEAST: Final = 1e-6
_CACHED_WINDOWS: Final = 8_192


@dataclass(frozen=True, slots=True, eq=False)
class DayLoad:
    """What each minute of a day (UTC) brings to a queue, in ms of work.

    `level` has all of it, with what has a window spread evenly over it; `moving` what may move, at its slots' minutes.
    """

    level: Sequence[float]
    moving: Sequence[float]


class Fixed(NamedTuple):
    """How much later than `slot` it is due by its flex, as it was once decided."""

    slot: datetime
    shift: timedelta


def shift(task_id: UUID, slot: datetime, flex_seconds: int, load: DayLoad | None) -> timedelta:
    """Return how much later a slot is due: 0 <= shift < flex_seconds, in whole milliseconds.

    Without `load` the window is used evenly. The same arguments give the same shift, but `load` changes with each
    forecast: who shows or stores the shift of a slot keeps it (`Fixed`).
    """
    if flex_seconds <= 0:
        return timedelta()
    window_ms = flex_seconds * 1000
    digest = hashlib.sha256(f"flex|{task_id}|{written(slot)}".encode()).digest()
    share = int.from_bytes(digest[:_HASH_BYTES], "big") / (1 << 8 * _HASH_BYTES)
    if load is None:
        return int(share * window_ms) * _MILLISECOND
    begin_ms = (slot - EPOCH) // _MILLISECOND % _DAY_MS
    poured = _poured(load, begin_ms, window_ms)
    return min(int(poured.at(share)), window_ms - 1) * _MILLISECOND


class _Poured(NamedTuple):
    """How a herd fills its window: the parts' beginnings in ms, and how much lies in all before each and at the end."""

    begins: tuple[float, ...]
    before: tuple[float, ...]

    def at(self, share: float) -> float:
        """Return the ms into the window before which this share of the herd lies."""
        wanted = share * self.before[-1]
        part = min(bisect_right(self.before, wanted), len(self.before) - 1) - 1
        within = (wanted - self.before[part]) / (self.before[part + 1] - self.before[part])
        return self.begins[part] + within * (self.begins[part + 1] - self.begins[part])


@lru_cache(maxsize=_CACHED_WINDOWS)
def _poured(load: DayLoad, begin_ms: int, window_ms: int) -> _Poured:
    """Return how what may move at `begin_ms` of the day fills the window behind it; thousands of tasks share one."""
    edges = [begin_ms, *range((begin_ms // _MINUTE_MS + 1) * _MINUTE_MS, begin_ms + window_ms, _MINUTE_MS)]
    ends = [*edges[1:], begin_ms + window_ms]
    minutes = [edge // _MINUTE_MS % MINUTES_OF_DAY for edge in edges]
    lengths = [(end - edge) / _MINUTE_MS for edge, end in zip(edges, ends, strict=True)]
    levels = [load.level[minute] for minute in minutes]
    there = sum(level * length for level, length in zip(levels, lengths, strict=True))
    surface = _surface(levels, lengths, max(load.moving[minutes[0]], _LEAST_SHARE * there, _LEAST))
    filled = [max(surface - level, 0.0) * length for level, length in zip(levels, lengths, strict=True)]
    return _Poured(tuple(float(edge - begin_ms) for edge in [*edges, ends[-1]]), (0.0, *accumulate(filled)))


def _surface(levels: Sequence[float], lengths: Sequence[float], amount: float) -> float:
    """Return how high it stands once `amount` has been poured on grounds of these levels and lengths."""
    volume = length = surface = 0.0
    for level, width in sorted(zip(levels, lengths, strict=True)):
        if length and surface <= level:
            break
        volume, length = volume + level * width, length + width
        surface = (amount + volume) / length
    return surface


class DayLoadSum:
    """Adds up what tasks bring to the minutes of a day."""

    def __init__(self) -> None:
        self._steps = [0.0] * (2 * MINUTES_OF_DAY + 1)
        self._moving = [0.0] * MINUTES_OF_DAY

    def add(self, minutes: Iterable[int], *, cost_ms: float, window_seconds: int, moves: bool) -> None:
        """Add slots at these minutes, each of this cost, which its window spreads evenly; `moves` where it is flex."""
        span = min(max(1, -(-window_seconds // 60)), MINUTES_OF_DAY)
        part = cost_ms / span
        for minute in minutes:
            self._steps[minute] += part
            self._steps[minute + span] -= part
            if moves:
                self._moving[minute] += cost_ms

    def add_evenly(self, cost_ms: float) -> None:
        """Add what comes all day long."""
        self._steps[0] += cost_ms / MINUTES_OF_DAY
        self._steps[MINUTES_OF_DAY] -= cost_ms / MINUTES_OF_DAY

    def total(self) -> DayLoad:
        """Return what has been added up."""
        running = list(accumulate(self._steps))
        level = [running[minute] + running[minute + MINUTES_OF_DAY] for minute in range(MINUTES_OF_DAY)]
        return DayLoad(level, list(self._moving))
