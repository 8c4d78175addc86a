"""`steady`: so many due every second, one real scheduler, lateness as a worker would see it on the queue."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bench import tasks
from bench.arena import Arena
from bench.figures import Case, Sample, at_least, at_most
from bench.queue import slot_of
from bench.stage import Stage
from bench.statistics import percentiles
from scheduler import clock

REGISTERED = 100_000
# Each task comes again after so long.
PERIOD_SECONDS = 10
# Before the part that counts, and after it for what is late.
WARM_UP = timedelta(seconds=3)
PATIENCE_SECONDS = 5
WHOLE_SECOND_MS = 1_000


def measure(stage: Stage) -> Iterator[Sample]:
    """Measure 1,000 and 5,000 a second spread evenly, and 1,000 that all come at the whole second, as crons do."""
    slow, fast = stage.size((1_000, 5_000), (50, 100))
    seconds = stage.size(30, 3)
    for _ in range(stage.repeat):
        yield {
            **_run(stage, rate=slow, seconds=seconds, label="1,000/s"),
            **_run(stage, rate=fast, seconds=seconds, label="5,000/s"),
            **_run(stage, rate=slow, seconds=seconds, label="1,000/s at whole seconds", grain_ms=WHOLE_SECOND_MS),
        }


def _run(stage: Stage, *, rate: int, seconds: int, label: str, grain_ms: int = 1) -> dict[str, float]:
    firing = rate * PERIOD_SECONDS
    with stage.arena() as arena, arena.schedulers():
        tasks.register(arena, count=max(stage.size(REGISTERED, 1_000) - firing, 1))
        begin = tasks.next_second(arena, ahead=3 + firing / 10_000)
        tasks.register_steady(arena, count=firing, period_seconds=PERIOD_SECONDS, at=begin, grain_ms=grain_ms)
        tasks.settle(arena)
        arena.meter.start()
        lateness = _lateness(arena, begin=begin + WARM_UP, seconds=seconds)
        used = arena.meter.per_thousand(rate * (seconds + PATIENCE_SECONDS + WARM_UP.seconds))
    expected = rate * seconds
    figures = {"queued share": len(lateness) / expected, **percentiles(lateness, prefix="lateness ms"), **used}
    return {f"{label}: {name}": value for name, value in figures.items()}


def _lateness(arena: Arena, *, begin: datetime, seconds: int) -> list[float]:
    """Return the milliseconds from slot to queue of each message whose slot lies in the part that counts."""
    end = begin + timedelta(seconds=seconds)
    until = clock.monotonic() + arena.timeline.seconds_until(end) + PATIENCE_SECONDS
    arrivals = arena.queue.take_until(until)
    slots = ((slot_of(execution), second) for execution, second in arrivals.executions())
    return [(arena.timeline.at(second) - slot).total_seconds() * 1000 for slot, second in slots if begin <= slot < end]


CASE = Case(
    name="steady",
    summary="1,000 and 5,000 due a second for 30 s, one scheduler; lateness from slot to queue",
    measure=measure,
    aims={
        "1,000/s: queued share": at_least(1),
        "1,000/s: lateness ms p99": at_most(80),
        "5,000/s: queued share": at_least(1),
        "5,000/s: lateness ms p99": at_most(150),
    },
)
