"""`burst`: 10,000 tasks due in one instant, with one real scheduler; beside it django-celery-beat's own, if asked."""

from collections.abc import Iterator

from bench import bursts, peers, tasks
from bench.figures import Case, Sample, at_least, at_most
from bench.stage import Stage


def measure(stage: Stage) -> Iterator[Sample]:
    """Fire bursts of other tasks each time; the peer sends as many messages, once, on the same servers."""
    registered, due = stage.size((100_000, 10_000), (2_000, 200))
    step = registered // due
    with stage.arena() as arena:
        peer_seconds = peers.beat_seconds(arena, count=due) if stage.wishes.peer == "beat" else None
        tasks.register(arena, count=registered)
        with arena.schedulers():
            for number in range(stage.repeat):
                burst = bursts.fire(arena, first=1 + number % step, count=due, step=step)
                sample = {"all queued s": burst.seconds, "firings per s": due / burst.seconds, **burst.cpu}
                if peer_seconds is not None:
                    sample |= {"peer s": peer_seconds, "times the peer": peer_seconds / burst.seconds}
                yield sample


CASE = Case(
    name="burst",
    summary="10,000 due in one instant of 100,000 registered, until all are recorded and queued, one scheduler",
    measure=measure,
    aims={"all queued s": at_most(0.8), "times the peer": at_least(100)},
)
