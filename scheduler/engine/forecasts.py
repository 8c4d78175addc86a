"""Forecasts: how many slots of a task lie in each of the hours to come, and how much work they are."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice, pairwise
from typing import Final, NamedTuple

from scheduler.engine.schedules.instants import EPOCH, TICK
from scheduler.engine.schedules.protocol import Schedule
from scheduler.engine.schedules.simple import IntervalSchedule
from scheduler.engine.schedules.window import Window

HOUR: Final = timedelta(hours=1)
DAY: Final = 24 * HOUR
MINUTE: Final = timedelta(minutes=1)
# Of a task so many slots are counted one by one.
MOST_COUNTED: Final = 2_500


def slots_by_hour(slots: Iterable[datetime], *, begin: datetime) -> Counter[int]:
    """Return how many slots lie in each hour, by its number from `begin` on."""
    return Counter((slot - begin) // HOUR for slot in slots)


def schedule_by_hour(schedule: Schedule, first: datetime, *, begin: datetime, hours: int) -> Counter[int]:
    """Return how many slots from `first` on a schedule has in each hour, by its number from `begin` on.

    Behind MOST_COUNTED each hour has its own first and last slot, and between them others at the mean distance within
    the hours before.
    """
    counted = list(islice(schedule.between(first, begin + hours * HOUR), MOST_COUNTED))
    counts = slots_by_hour(counted, begin=begin)
    if len(counted) < MOST_COUNTED:
        return counts
    if isinstance(schedule.schedule if isinstance(schedule, Window) else schedule, IntervalSchedule):
        return counts + _of_interval(schedule, counted, begin=begin, hours=hours)
    gaps = [b - a for a, b in pairwise(counted) if (a - begin) // HOUR == (b - begin) // HOUR]
    gap = sum(gaps, timedelta()) / len(gaps)
    for number in range((counted[-1] - begin) // HOUR, hours):
        start, end = max(begin + number * HOUR, counted[-1] + TICK), begin + (number + 1) * HOUR
        found = schedule.next_after(start - TICK)
        if found is None:
            break
        last = schedule.latest_at(end - TICK)
        if found < end and last is not None:
            counts[number] += round((last - found) / gap) + 1
    return counts


def _of_interval(schedule: Schedule, counted: Sequence[datetime], *, begin: datetime, hours: int) -> Counter[int]:
    """Return the slots behind those counted, up to the end of a window."""
    every, last = counted[-1] - counted[-2], schedule.latest_at(begin + hours * HOUR - TICK)
    following = spread(counted[-1], every=every, begin=begin, hours=hours)
    return following - spread(last or begin, every=every, begin=begin, hours=hours)


class DaySlots(NamedTuple):
    """The minutes of a day (UTC) at which slots lie, one each; or `often` so many that they come all day long."""

    minutes: "array[int]"
    often: float = 0.0


def slots_of_day(slots: Iterable[datetime]) -> DaySlots:
    """Return at which minutes of the day slots lie; they ascend and lie within 24 hours.

    More than MOST_COUNTED come at the rate of those up to there.
    """
    counted = list(islice(slots, MOST_COUNTED))
    if len(counted) < MOST_COUNTED:
        return DaySlots(array("H", (int((slot - EPOCH) % DAY / MINUTE) for slot in counted)))
    return DaySlots(array("H"), often=DAY / ((counted[-1] - counted[0]) / (MOST_COUNTED - 1)))


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
