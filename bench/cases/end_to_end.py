"""`end-to-end`: slots through scheduler, queue and two workers, one execution a message, until they have ended."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from bench import tasks
from bench.arena import Arena
from bench.failures import MeasurementFailed
from bench.figures import Case, Sample, at_least, at_most
from bench.stage import Stage
from bench.statistics import percentiles
from platform_scheduler.embedded.waiting import wait_until

WORKERS = 2
CHILDREN = 4
PERIOD_SECONDS = 10
WARM_UP = timedelta(seconds=3)
SECONDS_TO_END = 300
# To write what is to be due, and to clean up behind it: what fired meanwhile would be left out of what is measured.
LEADS_SECONDS = (7, 15, 30)

_TAKEN = """
SELECT extract(epoch FROM max(end_time) - min(scheduled_for)) FROM task_execution_history WHERE status = 'SUCCESS'
"""
_LATENESS = "SELECT extract(epoch FROM start_time - due_at)::float8 * 1000 FROM task_execution_history WHERE {}"


def measure(stage: Stage) -> Iterator[Sample]:
    """Run one burst as fast as it goes, then a steady load."""
    for _ in range(stage.repeat):
        yield {**burst(stage), **_steady(stage)}


def burst(stage: Stage, *, prepare: Callable[[Arena], None] = lambda _: None) -> Sample:
    """Have tasks due at one instant and wait until all have ended; `prepare` is called once they are registered."""
    due = stage.size(20_000, 200)
    with ready(stage, due=due, prepare=prepare) as arena:
        arena.meter.start()
        arena.wait_for_count(due, "status = 'SUCCESS'", seconds=SECONDS_TO_END)
        return {"executions per s": due / arena.scalar(_TAKEN), **arena.meter.per_thousand(due)}


@contextmanager
def ready(stage: Stage, *, due: int, prepare: Callable[[Arena], None]) -> Iterator[Arena]:
    """Lend an arena at the instant at which all its tasks come due. Raises MeasurementFailed on a machine too busy."""
    for lead in LEADS_SECONDS:
        with stage.arena() as arena, arena.schedulers(), arena.workers(WORKERS, children=CHILDREN):
            tasks.register(arena, count=due)
            prepare(arena)
            instant = tasks.next_second(arena, ahead=lead)
            tasks.make_due(arena, first=1, count=due, at=instant)
            tasks.settle(arena)
            if arena.timeline.seconds_until(instant) > 0:
                wait_until(partial(_has_come, arena, instant), seconds=60, every=0.01)
                yield arena
                return
    raise MeasurementFailed(f"No burst could be prepared within {LEADS_SECONDS[-1]} s: the machine is too busy.")


def _has_come(arena: Arena, instant: datetime) -> bool:
    return arena.timeline.seconds_until(instant) < 0


def _steady(stage: Stage) -> Sample:
    rate, seconds = stage.size((500, 20), (20, 3))
    with stage.arena() as arena, arena.schedulers(), arena.workers(WORKERS, children=CHILDREN):
        begin = tasks.next_second(arena, ahead=3)
        tasks.register_steady(arena, count=rate * PERIOD_SECONDS, period_seconds=PERIOD_SECONDS, at=begin)
        tasks.settle(arena)
        lateness = _lateness(arena, begin=begin + WARM_UP, seconds=seconds, rate=rate)
    return {f"500/s: {name}": value for name, value in percentiles(lateness, prefix="start lateness ms").items()}


def _lateness(arena: Arena, *, begin: datetime, seconds: int, rate: int) -> list[float]:
    end = begin + timedelta(seconds=seconds)
    wait_until(lambda: arena.timeline.seconds_until(end) < 0, seconds=seconds + 60, every=0.1)
    ended = f"status = 'SUCCESS' AND scheduled_for >= '{begin}' AND scheduled_for < '{end}'"
    # All of them: a machine that does not hold the rate is told by how late the last are.
    arena.wait_for_count(rate * seconds, ended, seconds=SECONDS_TO_END)
    return [float(row[0]) for row in arena.connection.execute(_LATENESS.format(ended).encode()).fetchall()]


CASE = Case(
    name="end-to-end",
    summary="platform.noop through two workers of four children: 20,000 at once, then 500 a second for 20 s",
    measure=measure,
    aims={"executions per s": at_least(1_200), "500/s: start lateness ms p99": at_most(250)},
    repeat=3,
)
