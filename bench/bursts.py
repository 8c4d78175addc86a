"""A burst: so many tasks due in one instant, from that instant until all of their messages wait in the queue."""

from dataclasses import dataclass
from datetime import datetime

from bench import tasks
from bench.arena import Arena
from bench.failures import MeasurementFailed
from platform_scheduler.embedded.waiting import wait_until

SECONDS_TO_QUEUE = 120
# Preparing ends well before the instant, or the burst would be measured on a busy machine.
LEAD_SECONDS = 3.0
LEAD_SECONDS_PER_1000 = 0.2
CALM_SECONDS = 0.5
TRIES = 4


@dataclass(frozen=True, slots=True)
class Burst:
    """What one burst took: seconds until the last message was queued, and CPU by class."""

    count: int
    seconds: float
    cpu: dict[str, float]


def fire(arena: Arena, *, first: int, count: int, step: int = 1) -> Burst:
    """Make tasks due in one instant some seconds ahead and watch them fire; every slot is checked to have one row.

    Raises MeasurementFailed: too slow, or a firing is missing or doubled.
    """
    lead = LEAD_SECONDS + count / 1000 * LEAD_SECONDS_PER_1000
    for _ in range(TRIES):
        instant = tasks.next_second(arena, ahead=lead)
        if _is_prepared(arena, first=first, count=count, step=step, at=instant):
            arena.meter.start()
            return _watch(arena, count=count, since=instant)
        # They fire unwatched, and leave nothing for the next to count; on a busy machine that gets more time.
        arena.queue.wait_for_depth(count, seconds=SECONDS_TO_QUEUE)
        lead *= 2
    raise MeasurementFailed(f"No burst could be prepared within {lead / 2:.0f} s: the machine is too busy.")


def _is_prepared(arena: Arena, *, first: int, count: int, step: int, at: datetime) -> bool:
    """Make the tasks due and wait until just before the instant; False where that came too soon."""
    arena.queue.clear()
    arena.connection.execute("TRUNCATE task_execution_history")
    tasks.make_due(arena, first=first, count=count, step=step, at=at)
    tasks.settle(arena)
    calm = arena.timeline.seconds_until(at)
    if calm < CALM_SECONDS:
        return False
    wait_until(lambda: arena.timeline.seconds_until(at) < CALM_SECONDS / 2, seconds=calm)
    return True


def drain(arena: Arena, *, first: int, count: int, spread_seconds: int) -> Burst:
    """Make tasks due in the past, all at one commit, and watch them fire."""
    arena.queue.clear()
    arena.connection.execute("TRUNCATE task_execution_history")
    tasks.settle(arena)
    with arena.connection.transaction():
        tasks.make_due(
            arena,
            first=first,
            count=count,
            at=arena.timeline.now().replace(microsecond=0),
            spread_seconds=spread_seconds,
        )
        arena.meter.start()
    return _watch(arena, count=count, since=arena.timeline.now())


def _watch(arena: Arena, *, count: int, since: datetime) -> Burst:
    second = arena.queue.wait_for_depth(count, seconds=SECONDS_TO_QUEUE)
    seconds = (arena.timeline.at(second) - since).total_seconds()
    # The note that a message was taken is part of the work.
    arena.wait_for_count(count, "published_at IS NOT NULL", seconds=SECONDS_TO_QUEUE)
    cpu = arena.meter.per_thousand(count)
    _check(arena, count)
    return Burst(count, seconds, cpu)


def _check(arena: Arena, count: int) -> None:
    executions = [execution for execution, _ in arena.queue.take_all().executions()]
    rows = arena.scalar("SELECT count(*) FROM task_execution_history")
    if not len(set(executions)) == len(executions) == rows == count:
        raise MeasurementFailed(
            f"{count} due, {rows:.0f} rows, {len(executions)} messages, {len(set(executions))} distinct."
        )
