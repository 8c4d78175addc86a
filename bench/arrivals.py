"""When so many tasks fire within one hour: drawn from an assumed mix of schedules, the same for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from random import Random

HOUR = 3600
MINUTE = 60
# Up to here a split is drawn one by one, above by the normal distribution that it comes close to.
DRAWN_ONE_BY_ONE = 32


@dataclass(frozen=True, slots=True)
class Kind:
    """Some of the tasks: how often they fire, and how many of them at the clock's own multiple of that."""

    share: float
    period_seconds: int
    # None: as many as the load's `herd` says.
    aligned: float | None


# Assumed, not measured (docs/scaling.md says why); what is missing to 1 is weekly, monthly, paused or over.
# A "*/5" cron is aligned, an interval counts from when it was made: three of four tasks have a cron.
MIX = (
    Kind(0.01, 60, 0.75),
    Kind(0.05, 300, 0.75),
    Kind(0.07, 900, 0.75),
    Kind(0.05, 1800, 0.75),
    Kind(0.30, HOUR, None),
    # Of the 40 % that are daily, a quarter in this hour, the busiest: people write midnight.
    Kind(0.10, HOUR, None),
)
# Other minutes that people like, as parts of the herd at the full hour; the rest is at any minute alike.
ROUND_MINUTES = {30: 0.4, 15: 0.2, 45: 0.2, 5: 0.1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is to fire: `herd` is the share of the hourly tasks at the full hour, jitter as on a task."""

    tasks: int = 10_000_000
    herd: float = 0.2
    jitter_seconds: int = 0
    seconds: int = HOUR
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that fire every `period_seconds` from `first` on, together; None: each at a phase of its own."""

    count: int
    period_seconds: int
    first: int | None


def groups(load: Load, random: Random) -> list[Group]:
    """Divide the tasks into those that fire together."""
    found = []
    for kind in MIX:
        count = round(load.tasks * kind.share)
        aligned = round(count * (load.herd if kind.aligned is None else kind.aligned))
        found.append(Group(aligned, kind.period_seconds, 0))
        if kind.period_seconds < HOUR:
            found.append(Group(count - aligned, kind.period_seconds, None))
        else:
            found.extend(_through_the_hour(count - aligned, aligned, random))
    return [group for group in found if group.count]


def by_tick(load: Load, *, ticks_per_second: int) -> list[int]:
    """Count what becomes due in each tick; with jitter the last slots become due after the end of the time."""
    random = Random(load.seed)  # noqa: S311 - a simulation
    end = load.seconds * ticks_per_second
    counts = [0] * (end + load.jitter_seconds * ticks_per_second)
    for group in groups(load, random):
        if group.first is None:
            _add_scattered(counts, group, random, end=end, ticks_per_second=ticks_per_second)
        else:
            width = max(load.jitter_seconds * ticks_per_second, 1)
            for slot in range(group.first, load.seconds, group.period_seconds):
                _add(counts, split(group.count, width, random), at=slot * ticks_per_second)
    return counts


def one_by_one(load: Load) -> list[float]:
    """Draw each firing by itself; return the seconds at which they become due, ascending."""
    random = Random(load.seed)  # noqa: S311 - a simulation
    return sorted(due for group in groups(load, random) for due in _drawn(group, load, random))


def split(count: int, parts: int, random: Random) -> list[int]:
    """Throw `count` into so many parts alike; what each gets adds up to `count`."""
    if parts == 1:
        return [count]
    if count == 0:
        return [0] * parts
    left = parts // 2
    there = _binomial(count, left / parts, random)
    return split(there, left, random) + split(count - there, parts - left, random)


def _through_the_hour(count: int, herd: int, random: Random) -> Iterator[Group]:
    rest = count
    for minute, share in ROUND_MINUTES.items():
        there = min(round(herd * share), rest)
        rest -= there
        yield Group(there, HOUR, minute * MINUTE)
    for minute, there in enumerate(split(rest, 60, random)):
        yield Group(there, HOUR, minute * MINUTE)


def _add_scattered(counts: list[int], group: Group, random: Random, *, end: int, ticks_per_second: int) -> None:
    """Jitter moves nothing here: phases that lie anywhere lie anywhere afterwards."""
    period = group.period_seconds * ticks_per_second
    phases = split(group.count, period, random)
    for begin in range(0, end, period):
        _add(counts, phases[: end - begin], at=begin)


def _add(counts: list[int], some: list[int], *, at: int) -> None:
    counts[at : at + len(some)] = map(int.__add__, counts[at : at + len(some)], some)


def _drawn(group: Group, load: Load, random: Random) -> Iterator[float]:
    for _ in range(group.count):
        is_scattered = group.first is None
        slot = random.random() * group.period_seconds if group.first is None else float(group.first)
        while slot < load.seconds:
            yield slot if is_scattered else slot + random.random() * load.jitter_seconds
            slot += group.period_seconds


def _binomial(count: int, share: float, random: Random) -> int:
    if count <= DRAWN_ONE_BY_ONE:
        return sum(random.random() < share for _ in range(count))
    drawn = round(random.gauss(count * share, sqrt(count * share * (1 - share))))
    return min(max(drawn, 0), count)
