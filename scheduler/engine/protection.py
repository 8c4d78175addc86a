"""Protection: how much is let go, by what the platform measures of itself.

NORMAL: everything goes. THROTTLED, above a soft limit: so many a second, the most urgent first; each look that finds a
limit exceeded takes a third off, each that finds all well below adds a twentieth of what went before. CRITICAL, above a
hard limit: only priority 10 goes. (Additive increase, multiplicative decrease: Chiu and Jain 1989; two thresholds, so
that noise does not switch it.)
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

CRITICAL_PRIORITY = 10
LOW_PRIORITY = 3
NORMAL_PRIORITY = 6
# What is left out begins with so many times the bound of what is held, by the highest priority that it is done to.
SHED_FROM = {LOW_PRIORITY: 1, NORMAL_PRIORITY: 2}
# And ends with so much of that, so that a few more or less do not switch it.
SHED_UNTIL = 0.8
LOOK_EVERY = timedelta(seconds=1)
DECREASE = 2 / 3
INCREASE = 1 / 20
LEAST_RATE = 1.0
# Unknown what went before, it begins here.
FIRST_RATE = 100.0
# A value counts as well below a limit from so far below it on: a tenth of the way from soft to hard, and a twentieth of
# the soft limit where those lie close together.
MARGIN_OF_RANGE = 0.1
MARGIN_OF_SOFT = 0.05
# Nor more than half of the soft limit, however far off the hard one is.
MOST_OF_SOFT = 0.5
# After it has come back to what went before, twice as much goes; then it ends.
ENDS_ABOVE = 2.0


# What is measured; only what does harm has a limit by itself: a CPU that is busy, or a queue that is long, does none.
SIGNALS = frozenset({
    "memoryPercent", "cpuPercent", "databaseConnectionsPercent", "databaseAnswerSeconds", "oldestTransactionSeconds",
    "deadRowsPercent", "replicationLagSeconds", "brokerMemoryPercent", "queued", "oldestQueuedSeconds",
})  # fmt: skip


class Level(StrEnum):
    """How much is let go."""

    NORMAL = "NORMAL"
    THROTTLED = "THROTTLED"
    CRITICAL = "CRITICAL"


class Limit(NamedTuple):
    """From which value of a signal on less goes, and from which only what is critical; both in the signal's unit."""

    soft: float
    hard: float

    @property
    def calm(self) -> float:
        """The value below which more may go again."""
        least, most = self.soft * MARGIN_OF_SOFT, self.soft * MOST_OF_SOFT
        return self.soft - min(max((self.hard - self.soft) * MARGIN_OF_RANGE, least), most)

    @property
    def bearable(self) -> float:
        """The value below which more than what is critical may go again."""
        return self.hard - (self.hard - self.soft) * MARGIN_OF_RANGE


DEFAULT_LIMITS = {
    "memoryPercent": Limit(90, 97),
    "databaseConnectionsPercent": Limit(85, 95),
    "databaseAnswerSeconds": Limit(2, 4),
    "brokerMemoryPercent": Limit(75, 90),
    "queued": Limit(250_000, 1_000_000),
}


class Reading(NamedTuple):
    """What was measured of a signal, and of whom: a node's host and role, or the database."""

    signal: str
    value: float
    of: str = ""


class Exceeded(NamedTuple):
    """A reading above its limit."""

    reading: Reading
    limit: Limit


class Pressure(StrEnum):
    """What the readings say together."""

    CALM = "calm"
    NEAR = "near"
    SOFT = "soft"
    BELOW_HARD = "below hard"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Protection:
    """What is decided: the level since when, and while it is THROTTLED the rate; `usual` is what went before it."""

    level: Level
    since: datetime
    rate: float | None = None
    usual: float | None = None
    decided_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Tell whether it is time to look again: nodes take turns."""
        return self.decided_at is None or now - self.decided_at >= LOOK_EVERY


def exceeded(readings: Iterable[Reading], limits: Mapping[str, Limit]) -> list[Exceeded]:
    """Return the readings above their soft limits, the worst first."""
    above = [
        Exceeded(reading, limits[reading.signal])
        for reading in readings
        if reading.signal in limits and reading.value >= limits[reading.signal].soft
    ]
    return sorted(above, key=lambda one: _depth(one.reading, one.limit), reverse=True)


def pressure(readings: Iterable[Reading], limits: Mapping[str, Limit]) -> Pressure:
    """Return what the readings say together: that of the worst."""
    return max((_pressure(one, limits[one.signal]) for one in readings if one.signal in limits), key=_ORDER.index,
               default=Pressure.CALM)  # fmt: skip


_ORDER = list(Pressure)
# Near a limit it rises as well, but slowly: what holds a signal there may have nothing to do with what goes.
NEAR_STEP = 0.25
_MAY_RISE = {Pressure.CALM: 1.0, Pressure.NEAR: NEAR_STEP}


def _pressure(reading: Reading, limit: Limit) -> Pressure:
    bounds = (limit.calm, limit.soft, limit.bearable, limit.hard)
    return _ORDER[sum(reading.value >= bound for bound in bounds)]


def _depth(reading: Reading, limit: Limit) -> float:
    return (reading.value - limit.soft) / max(limit.hard - limit.soft, 1e-9)


def decide(now_is: Protection, pressure: Pressure, *, going: float, is_waiting: bool, now: datetime) -> Protection:
    """Return what is decided after a look.

    `going` is how many executions a second went lately, `is_waiting` whether any are held. A level that has begun
    stays until the readings are below its limit by a margin.
    """
    looked = replace(now_is, decided_at=now)
    if pressure is Pressure.HARD or (now_is.level is Level.CRITICAL and pressure is Pressure.BELOW_HARD):
        return _to(looked, Level.CRITICAL, rate=None, going=going, now=now)
    if now_is.level is Level.NORMAL:
        if pressure not in (Pressure.SOFT, Pressure.BELOW_HARD):
            return looked
        begun = _to(looked, Level.THROTTLED, rate=None, going=going, now=now)
        return replace(begun, rate=_less(begun.usual or FIRST_RATE))
    usual = now_is.usual or FIRST_RATE
    rate = now_is.rate if now_is.rate is not None else max(LEAST_RATE, usual * INCREASE)
    throttled = _to(looked, Level.THROTTLED, rate=rate, going=going, now=now)
    if now_is.level is Level.CRITICAL:
        return throttled
    if pressure in _MAY_RISE:
        step = usual * INCREASE * _MAY_RISE[pressure]
        return _more(throttled, step, usual=usual, rate=rate, is_waiting=is_waiting, now=now)
    # What is not used cannot be the cause: the less counts from what really goes.
    return replace(throttled, rate=_less(min(rate, max(going, rate / 2))))


def sheds(held: int, *, most_held: int, was: Collection[int] = ()) -> set[int]:
    """Return up to which priorities fresh slots are left out while load holds so many executions; `was` until now."""
    return {
        priority
        for priority, times in SHED_FROM.items()
        if held >= most_held * times * (SHED_UNTIL if priority in was else 1)
    }


def _more(
    throttled: Protection, step: float, *, usual: float, rate: float, is_waiting: bool, now: datetime
) -> Protection:
    if rate >= usual * ENDS_ABOVE or (rate >= usual and not is_waiting):
        return Protection(Level.NORMAL, now, decided_at=now)
    return replace(throttled, rate=rate + max(LEAST_RATE * NEAR_STEP, step))


def _less(rate: float) -> float:
    return max(LEAST_RATE, rate * DECREASE)


def _to(was: Protection, level: Level, *, rate: float | None, going: float, now: datetime) -> Protection:
    usual = was.usual if was.level is not Level.NORMAL else max(going, LEAST_RATE) if going else FIRST_RATE
    return replace(was, level=level, rate=rate, usual=usual, since=was.since if was.level is level else now)
