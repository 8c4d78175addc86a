"""`two-schedulers`: what a second scheduler adds, and that none fires what the other has fired."""

from collections.abc import Iterator

import psutil

from bench import bursts, tasks
from bench.arena import Arena
from bench.bursts import Burst
from bench.figures import Case, Sample, at_least
from bench.stage import Stage


def measure(stage: Stage) -> Iterator[Sample]:
    """Fire bursts with one scheduler and with two, in turns; a burst whose rows or messages are doubled fails."""
    registered, due = stage.size((100_000, 20_000), (2_000, 400))
    with stage.arena() as arena:
        tasks.register(arena, count=registered)
        for _ in range(stage.repeat):
            one, two = (_fire(arena, schedulers=count, registered=registered, due=due) for count in (1, 2))
            yield {
                "rate of two / of one": one.seconds / two.seconds,
                "one: firings per s": due / one.seconds,
                "two: firings per s": due / two.seconds,
                "one: all CPU ms per 1,000": one.cpu["all CPU ms per 1,000"],
                "two: all CPU ms per 1,000": two.cpu["all CPU ms per 1,000"],
                "cores busy with one": one.cpu["all CPU ms per 1,000"] / 1e6 * due / one.seconds,
                "cores": float(psutil.cpu_count() or 1),
            }


def _fire(arena: Arena, *, schedulers: int, registered: int, due: int) -> Burst:
    with arena.schedulers(schedulers):
        return bursts.fire(arena, first=1, count=due, step=registered // due)


CASE = Case(
    name="two-schedulers",
    summary="20,000 due in one instant with two schedulers against one, each slot checked to fire once",
    measure=measure,
    aims={"rate of two / of one": at_least(1.2)},
)
