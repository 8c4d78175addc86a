"""`slots`: how long the next slot takes, and how many slots a second come in bulk."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

from bench.figures import Case, Sample, at_least, at_most
from bench.stage import Stage
from scheduler import clock
from scheduler.engine.schedules import Schedule, parse_cron

# What people write, and the zones in which clocks change.
EXPRESSIONS = (
    "0 0 0 * * ?", "0 30 2 * * ?", "0 */5 * * * ?", "0 0 8-18 ? * MON-FRI", "0 15 10 L * ?", "0 0 9 ? * 2#1",
    "0 0 6 LW * ?", "0 0 12 1W * ?", "0 0 0 29 2 ?", "*/10 * * * * ?", "0 0 4 ? * SUN", "30 4 1,15 * *",
)  # fmt: skip
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
START = datetime(2026, 1, 1, tzinfo=UTC)
CENTURY = timedelta(days=36_525)


def measure(stage: Stage) -> Iterator[Sample]:
    """Walk each schedule slot by slot, and in bulk."""
    steps, bulk = stage.size(400, 40), stage.size(5_000, 500)
    schedules = [parse_cron(text, zone) for text in EXPRESSIONS for zone in ZONES]
    for _ in range(stage.repeat):
        yield {"next µs": _next(schedules, steps) * 1e6, "bulk per s": _bulk(schedules, bulk)}


def _next(schedules: Sequence[Schedule], steps: int) -> float:
    """Return the mean seconds of one next_after over all schedules alike."""
    began, walked = clock.monotonic(), 0
    for schedule in schedules:
        slot: datetime | None = START
        for _ in range(steps):
            if slot is None or slot > START + CENTURY:
                break
            slot = schedule.next_after(slot)
            walked += 1
    return (clock.monotonic() - began) / walked


def _bulk(schedules: Sequence[Schedule], limit: int) -> float:
    began = clock.monotonic()
    count = sum(sum(1 for _ in islice(schedule.between(START, START + CENTURY), limit)) for schedule in schedules)
    return count / (clock.monotonic() - began)


CASE = Case(
    name="slots",
    summary="next slot of 12 expressions in 5 zones, one by one and in bulk",
    measure=measure,
    aims={"next µs": at_most(40), "bulk per s": at_least(100_000)},
)
