"""A herd at a full hour: how many are due in the busiest second, how long the last waits, with windows and without."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from scheduler.engine.flex import DayLoadSum, shift

SLOT: Final = datetime(2026, 3, 1, 2, tzinfo=UTC)
FIVE_MINUTES: Final = 300
COST_MS: Final = 100

_SECOND: Final = timedelta(seconds=1)
_HOUR: Final = 3_600
_TWO_OCLOCK: Final = 120


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of executions: how many are due in its busiest second, and how long the one waits that waits longest."""

    peak: int
    longest_wait: float


def hours(*, tasks: int, herd: int, flexible: int, per_second: float) -> tuple[Hour, Hour]:
    """Return an hour without windows and with them: of `tasks` so many fire at its beginning, the others evenly.

    Of the herd `flexible` allow five minutes. The forecast is what the chore makes of what is registered; workers carry
    out `per_second`, first come, first served.
    """
    steady = [number * _HOUR / (tasks - herd) for number in range(tasks - herd)]
    day = DayLoadSum()
    day.add((_TWO_OCLOCK + int(at) // 60 for at in steady), cost_ms=COST_MS, window_seconds=0, moves=False)
    day.add([_TWO_OCLOCK] * (herd - flexible), cost_ms=COST_MS, window_seconds=0, moves=False)
    day.add([_TWO_OCLOCK] * flexible, cost_ms=COST_MS, window_seconds=FIVE_MINUTES, moves=True)
    load = day.total()
    moved = (shift(UUID(int=number), SLOT, FIVE_MINUTES, load) / _SECOND for number in range(flexible))
    rigid = [0.0] * (herd - flexible)
    return _hour([*steady, *rigid, *[0.0] * flexible], per_second), _hour([*steady, *rigid, *moved], per_second)


def _hour(due: Iterable[float], per_second: float) -> Hour:
    due = sorted(due)
    free = longest = 0.0
    for at in due:
        begins = max(free, at)
        longest, free = max(longest, begins - at), begins + 1 / per_second
    return Hour(max(Counter(map(int, due)).values()), longest)
