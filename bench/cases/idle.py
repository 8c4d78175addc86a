"""`idle`: what a scheduler uses while nothing is due among a million tasks."""

from collections.abc import Iterator

from bench import tasks
from bench.cpu import resident_mebibytes
from bench.figures import Case, Sample, at_most
from bench.stage import Stage
from platform_scheduler.embedded.waiting import wait_until
from scheduler import clock

# Past the first passes of its timers.
SECONDS_TO_SETTLE = 10


def measure(stage: Stage) -> Iterator[Sample]:
    """Watch a scheduler that has nothing to do."""
    registered, seconds = stage.size((1_000_000, 30), (1_000, 3))
    with stage.arena() as arena:
        tasks.register(arena, count=registered)
        tasks.settle(arena)
        with arena.schedulers() as (scheduler,):
            wait_until(lambda: False, seconds=stage.size(SECONDS_TO_SETTLE, 1))
            for _ in range(stage.repeat):
                arena.meter.start()
                began = clock.monotonic()
                wait_until(lambda: False, seconds=seconds, every=1)
                passed = clock.monotonic() - began
                spent = arena.meter.spent()
                yield {
                    **{f"{name} % of a core": used / passed * 100 for name, used in spent.items()},
                    "scheduler MiB resident": resident_mebibytes(scheduler),
                }


CASE = Case(
    name="idle",
    summary="one scheduler, 1,000,000 registered, none due",
    measure=measure,
    aims={"scheduler % of a core": at_most(1), "scheduler MiB resident": at_most(150)},
)
