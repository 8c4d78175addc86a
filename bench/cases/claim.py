"""`claim`: the claim alone, in this process, nothing published."""

from collections.abc import Iterator
from datetime import datetime
from time import process_time

from bench import tasks
from bench.arena import Arena
from bench.figures import Case, Sample
from bench.stage import Stage
from platform_scheduler.embedded.waiting import wait_until
from scheduler import clock, firing


def measure(stage: Stage) -> Iterator[Sample]:
    """Claim what is due in one instant, batch after batch, other tasks each time."""
    registered, due = stage.size((100_000, 10_000), (5_000, 500))
    with stage.arena() as arena:
        tasks.register(arena, count=registered)
        for number in range(stage.repeat):
            arena.connection.execute("TRUNCATE task_execution_history")
            now = tasks.next_second(arena, ahead=0)
            tasks.make_due(arena, first=1 + number % (registered // due), count=due, step=registered // due, at=now)
            tasks.settle(arena)
            wait_until(lambda: arena.timeline.seconds_until(now) < 0, seconds=10)  # noqa: B023 - called at once
            yield _claim_all(arena, now=now, due=due)


def _claim_all(arena: Arena, *, now: datetime, due: int) -> Sample:
    arena.meter.start()
    own = process_time()
    began = clock.monotonic()
    claimed, longest = 0, 0.0
    while claimed < due:
        batch_began = clock.monotonic()
        claimed += firing.claim(arena.connection, now=now).task_count
        longest = max(longest, clock.monotonic() - batch_began)
    seconds = clock.monotonic() - began
    return {
        "seconds": seconds,
        "firings per s": due / seconds,
        "longest batch ms": longest * 1000,
        "claimer CPU ms per 1,000": (process_time() - own) * 1e6 / due,
    } | {name: value for name, value in arena.meter.per_thousand(due).items() if name.startswith("postgres")}


CASE = Case(
    name="claim",
    summary="10,000 due of 100,000 registered through the claim alone, in batches of 500",
    measure=measure,
    aims={},
)
