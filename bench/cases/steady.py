"""`steady`: so many due every second, one real scheduler, lateness as a worker would see it on the queue."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from bench import tasks
from bench.arena import Arena
from bench.failures import MeasurementFailed
from bench.figures import Case, Sample, at_least, at_most
from bench.queue import Arrivals, slot_of
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
        arrivals = _watch(arena, until=begin + WARM_UP + timedelta(seconds=seconds))
        queued = [(slot_of(execution), arena.timeline.at(second)) for execution, second in arrivals.executions()]
        used = arena.meter.per_thousand(max(len(queued), 1))
    lateness = _lateness(queued, begin=begin + WARM_UP, end=begin + WARM_UP + timedelta(seconds=seconds))
    if not lateness:
        raise MeasurementFailed(f"None of {rate * seconds} messages was queued.")
    figures = {"queued share": len(lateness) / rate / seconds, **percentiles(lateness, prefix="lateness ms"), **used}
    return {f"{label}: {name}": value for name, value in figures.items()}


def _watch(arena: Arena, *, until: datetime) -> Arrivals:
    return arena.queue.take_until(clock.monotonic() + arena.timeline.seconds_until(until) + PATIENCE_SECONDS)


def _lateness(queued: Sequence[tuple[datetime, datetime]], *, begin: datetime, end: datetime) -> list[float]:
    """Return the milliseconds from slot to queue of each message whose slot lies in the part that counts."""
    return [(at - slot).total_seconds() * 1000 for slot, at in queued if begin <= slot < end]


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
