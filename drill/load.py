"""A random load from a seed: tasks of every kind of schedule, policy and ending."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from drill import expected
from drill.definitions import DAY_SECONDS, RETRYABLE, Closed, Definition, Work

# Of the texts that croniter and Quartz read alike.
QUARTZ = (
    "*/2 * * * * ?",
    "0/5 * * * * ?",
    "1/3 * * * * ?",
    "5,17,29,41,53 * * * * ?",
    "10-40/4 * * * * ?",
    "0 * * * * ?",
    "*/4 * * ? * *",
    "0,15,30,45 */1 * * * ? *",
)
FREQUENT = "*/2 * * * * ?"
UNIX = ("* * * * *", "*/1 * * * *")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
MISFIRES = ("FIRE_ONCE", "FIRE_ALL", "SKIP")
OVERLAPS = ("ALLOW", "SKIP", "QUEUE", "CANCEL_RUNNING")
MOST_STRETCHES = 40
HERD_SECONDS = 4


def make(count: int, *, random: Random, begin: datetime, seconds: float) -> list[Definition]:
    """Return `count` definitions whose slots lie within `seconds` of `begin`; the kinds take turns."""
    end = (begin + timedelta(seconds=seconds)).replace(microsecond=0)
    kinds: Sequence[Callable[[Random, datetime, datetime], dict[str, Any]]] = (
        _quartz,
        _interval,
        _fixed_delay,
        _unix,
        _one_time,
        _window,
        _calendar,
        _jitter,
    )
    return [
        _definition(f"drill {number:04} {kind.__name__.strip('_')}", kind(random, begin, end), random, end)
        for number, kind in enumerate(kinds[number % len(kinds)] for number in range(count))
    ]


def herd(count: int, *, begin: datetime, seconds: float) -> list[Definition]:
    """Return `count` short tasks that are due at the same instants, so that they travel in bundles."""
    begin, end = (at.replace(microsecond=0) for at in (begin, begin + timedelta(seconds=seconds)))
    short = Work(seconds=0.01)
    return [
        Definition(
            name=f"drill {number:04} herd", interval_seconds=HERD_SECONDS, start_at=begin, end_at=end, work=short
        )
        for number in range(count)
    ]


def closed_stretches(*, random: Random, begin: datetime, seconds: float) -> Closed:
    """Return a calendar that closes and opens every few seconds of the drill."""
    midnight = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    second = int((begin - midnight).total_seconds()) + random.randint(4, 8)
    last = second + int(seconds)
    stretches: list[tuple[int, int]] = []
    while second < last and len(stretches) < MOST_STRETCHES:
        length = random.randint(2, 9)
        # A stretch that passes midnight would be one of the next day.
        if second // DAY_SECONDS == (second + length) // DAY_SECONDS:
            stretches.append((second % DAY_SECONDS, second % DAY_SECONDS + length))
        second += length + random.randint(3, 12)
    return Closed(tuple(stretches))


def _definition(name: str, schedule: dict[str, Any], random: Random, end: datetime) -> Definition:
    definition = Definition(
        name=name,
        end_at=end,
        misfire_policy=random.choice(MISFIRES),
        grace_seconds=random.choice((1, 2, 5, 60)),
        catch_up_limit=random.choice((2, 5, 100)),
        overlap_policy=random.choice(OVERLAPS),
        max_retry_count=random.choice((1, 2, 3)),
        retry_on=random.choice((RETRYABLE, RETRYABLE, RETRYABLE, ("LOST",), ("FAILED", "LOST"))),
        retry_delay_seconds=random.choice((0, 1, 2)),
        **_ending(random),
    )
    return replace(definition, **schedule)


def _ending(random: Random) -> dict[str, Any]:
    """Return how its runs end: most well and soon, some slowly, some by failing, some beyond their limit."""
    return random.choice(
        (
            {"work": Work(seconds=random.uniform(0, 0.2))},
            {"work": Work(seconds=random.uniform(0, 0.2))},
            {"work": Work(seconds=random.uniform(0.5, 1.5)), "timeout_seconds": 8},
            {"work": Work(fails_until=1)},
            {"work": Work(fails_until=9)},
            {"work": Work(seconds=4), "timeout_seconds": 1},
            {"work": Work(seconds=3, is_deaf=True), "timeout_seconds": 1},
        )
    )


def _quartz(random: Random, begin: datetime, end: datetime) -> dict[str, Any]:
    return _cron(QUARTZ, random, begin, end)


def _unix(random: Random, begin: datetime, end: datetime) -> dict[str, Any]:
    return _cron(UNIX, random, begin, end)


def _cron(texts: Sequence[str], random: Random, begin: datetime, end: datetime) -> dict[str, Any]:
    """Choose a text; a short drill may hold no whole minute, and what never fires is refused."""
    cron, zone = random.choice(texts), random.choice(ZONES)
    first = next(expected.matches(cron, zone, after=begin))
    return {"cron": cron if first < end - timedelta(seconds=1) else FREQUENT, "time_zone": zone}


def _interval(random: Random, _begin: datetime, _end: datetime) -> dict[str, Any]:
    return {"interval_seconds": random.choice((1, 2, 3, 5, 7))}


def _fixed_delay(random: Random, _begin: datetime, _end: datetime) -> dict[str, Any]:
    return {"interval_seconds": random.choice((1, 2, 4)), "is_fixed_delay": True}


def _one_time(random: Random, begin: datetime, end: datetime) -> dict[str, Any]:
    seconds = random.uniform(5, (end - begin).total_seconds() - 1)
    at = begin + timedelta(seconds=seconds)
    return {"run_at": at.replace(microsecond=at.microsecond // 1000 * 1000), "end_at": None}


def _window(random: Random, begin: datetime, end: datetime) -> dict[str, Any]:
    length = (end - begin).total_seconds()
    start = begin.replace(microsecond=0) + timedelta(seconds=random.randint(5, max(6, int(length / 2))))
    return {
        "interval_seconds": random.choice((1, 2, 3)),
        "start_at": start,
        "end_at": start + timedelta(seconds=random.randint(3, max(4, int(length / 2)))),
    }


def _calendar(random: Random, begin: datetime, end: datetime) -> dict[str, Any]:
    schedule = random.choice((_quartz, _interval))(random, begin, end)
    return schedule | {"calendar_policy": random.choice(("SKIP", "NEXT_OPEN"))}


def _jitter(random: Random, _begin: datetime, _end: datetime) -> dict[str, Any]:
    return {"interval_seconds": random.choice((4, 6, 8)), "jitter_seconds": random.randint(1, 3)}
