"""`registered`: whether a firing costs more where a hundred times as many tasks are registered."""

from collections.abc import Iterator

from bench import bursts, tasks
from bench.arena import Arena
from bench.bursts import Burst
from bench.figures import Case, Sample, at_most
from bench.stage import Stage


def measure(stage: Stage) -> Iterator[Sample]:
    """Fire equal bursts among few and among many tasks, in turns."""
    few, many, due = stage.size((10_000, 1_000_000, 5_000), (1_000, 10_000, 200))
    with stage.arena() as small, stage.arena() as large:
        tasks.register(small, count=few)
        tasks.register(large, count=many)
        for number in range(stage.repeat):
            among_few = _fire(small, number=number, registered=few, due=due)
            among_many = _fire(large, number=number, registered=many, due=due)
            yield {
                "growth of CPU a firing": among_many.cpu["all CPU ms per 1,000"]
                / among_few.cpu["all CPU ms per 1,000"],
                "growth of time": among_many.seconds / among_few.seconds,
                "among few: all CPU ms per 1,000": among_few.cpu["all CPU ms per 1,000"],
                "among many: all CPU ms per 1,000": among_many.cpu["all CPU ms per 1,000"],
                "among few: all queued s": among_few.seconds,
                "among many: all queued s": among_many.seconds,
            }


def _fire(arena: Arena, *, number: int, registered: int, due: int) -> Burst:
    """Run a scheduler for one burst alone: idle, the other arena's would be counted in."""
    step = registered // due
    with arena.schedulers():
        return bursts.fire(arena, first=1 + number % step, count=due, step=step)


CASE = Case(
    name="registered",
    summary="5,000 due in one instant among 10,000 and among 1,000,000 registered",
    measure=measure,
    aims={"growth of CPU a firing": at_most(1.2)},
)
