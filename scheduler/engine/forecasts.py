"""Forecasts: how many slots of a task lie in each of the hours to come, and how much work they are."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

HOUR: Final = timedelta(hours=1)
# Of a task so many slots are counted one by one; what fires more often goes on as it has begun.
MOST_COUNTED: Final = 2_500


def slots_by_hour(slots: Iterable[datetime], *, begin: datetime, hours: int) -> Counter[int]:
    """Return how many slots lie in each hour, by its number from `begin` on; `slots` ascend and lie within.

    Behind the last of MOST_COUNTED they go on at the rate up to there.
    """
    counts: Counter[int] = Counter()
    first, last, counted = None, begin, 0
    for slot in slots:
        first = first or slot
        last = slot
        counts[(slot - begin) // HOUR] += 1
        counted += 1
        if counted == MOST_COUNTED:
            break
    if first is not None and counted == MOST_COUNTED:
        counts.update(spread(last, every=(last - first) / (counted - 1), begin=begin, hours=hours))
    return counts


def spread(after: datetime, *, every: timedelta, begin: datetime, hours: int) -> Counter[int]:
    """Return how many instants lie in each hour that follow `after` at equal distances."""
    counts: Counter[int] = Counter()
    if every <= timedelta():
        return counts
    # How many lie before the beginning of each hour: ⌈distance / every⌉ - 1.
    until = [-((after - begin - number * HOUR) // every) - 1 for number in range(hours + 1)]
    for number in range(hours):
        if (count := max(until[number + 1], 0) - max(until[number], 0)) > 0:
            counts[number] = count
    return counts


def peak(busy_by_hour: Mapping[datetime, float], *, hours: int, least_times: float) -> tuple[datetime, float] | None:
    """Return the busiest hour and how many times the mean of `hours` it is; None where it is less than `least_times`.

    Of equal ones it is the first.
    """
    mean = sum(busy_by_hour.values()) / hours
    if not mean:
        return None
    hour = min(busy_by_hour, key=lambda one: (-busy_by_hour[one], one))
    times = busy_by_hour[hour] / mean
    return (hour, times) if times >= least_times else None
