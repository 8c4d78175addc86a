"""`backlog`: whether firing is slower where very many tasks of mixed priorities wait."""

from collections.abc import Iterator

from bench import bursts, tasks
from bench.figures import Case, Sample, at_least
from bench.stage import Stage

HOUR_SECONDS = 3_600


def measure(stage: Stage) -> Iterator[Sample]:
    """Fire a burst and drain a backlog of the past hour, in turns, at the same table."""
    registered, backlog, due = stage.size((200_000, 100_000, 10_000), (2_000, 1_000, 200))
    step = registered // due
    with stage.arena() as arena:
        tasks.register(arena, count=registered)
        with arena.schedulers():
            for number in range(stage.repeat):
                burst = bursts.fire(arena, first=1 + number % step, count=due, step=step)
                drained = bursts.drain(arena, first=1, count=backlog, spread_seconds=HOUR_SECONDS)
                yield {
                    "rate with / without": (backlog / drained.seconds) / (due / burst.seconds),
                    "with a backlog: firings per s": backlog / drained.seconds,
                    "without: firings per s": due / burst.seconds,
                    "with a backlog: all CPU ms per 1,000": drained.cpu["all CPU ms per 1,000"],
                    "without: all CPU ms per 1,000": burst.cpu["all CPU ms per 1,000"],
                }


CASE = Case(
    name="backlog",
    summary="100,000 due within the past hour, priorities mixed, against 10,000 due in one instant",
    measure=measure,
    aims={"rate with / without": at_least(0.8)},
    repeat=3,
)
