"""Scaling: how many executions a queue should be able to run at once, by Little's law, and how many workers that is.

What is in service on average is the arrival rate times the mean time in service (Little, 1961). The rate is what was
measured, or what the forecast brings within the time that a new worker needs, whichever is more: so the number rises
before a full hour, and not because of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from scheduler.engine.flex import MINUTES_OF_DAY, DayLoad
from scheduler.engine.schedules.instants import EPOCH

# Of the children that are suggested so many are to be busy: what comes unevenly finds a free one.
BUSY_SHARE: Final = 0.8
# What waits already is to be gone after so long.
DRAIN_SECONDS: Final = 60.0
# A queue of which nothing has ended lately: how long one takes nobody knows.
UNKNOWN_SECONDS: Final = 1.0

_MINUTE: Final = timedelta(minutes=1)
_MINUTE_MS: Final = 60_000.0
_TINY: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Demand:
    """What a queue is asked for: how much waits, what comes and goes each second, seconds that one takes.

    `mean_seconds` is None where nothing has ended lately. `forecast` is the work that comes, in seconds of work a
    second, of the minute that has begun and of those that follow.
    """

    depth: int = 0
    arrivals_per_second: float = 0.0
    mean_seconds: float | None = None
    forecast: Sequence[float] = ()


def concurrency(demand: Demand) -> int:
    """Return how many executions should be able to run at once; 0 where nothing waits, comes or is forecast."""
    mean = UNKNOWN_SECONDS if demand.mean_seconds is None else demand.mean_seconds
    measured = demand.arrivals_per_second * mean
    waiting = demand.depth * mean / DRAIN_SECONDS
    wanted = (max(measured, *demand.forecast, 0.0) + waiting) / BUSY_SHARE
    # What comes once an hour and takes a moment needs a worker all the same, once it is near.
    return max(ceil(wanted - _TINY), 1 if demand.depth or wanted > _TINY else 0)


def workers(wanted: int, *, concurrency_each: float) -> int:
    """Return how many workers of so many children are that many executions at once."""
    return ceil(wanted / max(concurrency_each, 1.0) - _TINY)


def forecast(day: DayLoad | None, *, now: datetime, lead_seconds: float) -> tuple[float, ...]:
    """Return the work of the minute that has begun and of all that begin within the lead, in seconds a second."""
    if day is None:
        return ()
    first = (now - EPOCH) // _MINUTE
    count = (now + timedelta(seconds=lead_seconds) - EPOCH) // _MINUTE - first + 1
    return tuple(day.level[(first + number) % MINUTES_OF_DAY] / _MINUTE_MS for number in range(count))
