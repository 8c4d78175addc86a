"""`endurance`: whether the claim is as fast after millions of firings as at first."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from time import process_time

from bench import tasks
from bench.arena import Arena
from bench.failures import MeasurementFailed
from bench.figures import Case, Sample, at_least
from bench.stage import Stage
from scheduler import clock, firing, partitions

REGISTERED = 50_000
PERIOD = timedelta(hours=1)
# The share of all rounds that is "the start" and "the end".
EDGE = 0.1
# Of the node's patience for one: rounds are faster than hours, and vacuums of their table as long.
TRIES = 100
GIBIBYTE = 2**30

# What workers would have done with a round's executions meanwhile; not part of what is measured.
_END = b"""
UPDATE task_execution_history SET status = 'SUCCESS', published_at = %(now)s, start_time = %(now)s, end_time = %(now)s,
    fence = 1, execution_time_ms = 1
WHERE status = 'QUEUED'
"""
_TREE = "SELECT sum({}) FROM pg_partition_tree('task_execution_history')"
_DEAD = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'scheduler_tasks'"


def measure(stage: Stage) -> Iterator[Sample]:
    """Claim round after round, each an hour later by the claim's own clock; autovacuum works as it always does."""
    firings = stage.wishes.firings or stage.size(5_000_000, 5_000)
    registered = stage.size(REGISTERED, 500)
    rounds = max(firings // registered, 2)
    for _ in range(stage.repeat):
        with stage.arena() as arena:
            begin = tasks.next_second(arena, ahead=0)
            tasks.register_steady(
                arena, count=registered, period_seconds=int(PERIOD.total_seconds()), at=begin - PERIOD, grain_ms=1
            )
            tasks.settle(arena)
            yield _run(stage, arena, begin=begin, rounds=rounds, registered=registered)


def _run(stage: Stage, arena: Arena, *, begin: datetime, rounds: int, registered: int) -> Sample:
    taken: list[tuple[float, float]] = []
    for number in range(rounds):
        now = begin + number * PERIOD
        if not partitions.ensure_patiently(arena.connection, now=now, tries=TRIES):
            raise MeasurementFailed("No partition could be made: a vacuum of the tasks' table was in the way.")
        taken.append(_round(arena, now=now, count=registered))
        arena.connection.execute(_END, {"now": now})
        if number % 10 == 0:
            stage.say(f"endurance: {(number + 1) * registered:,} firings, {registered / taken[-1][0]:,.0f} a second")
    edge = max(int(rounds * EDGE), 1)
    return _figures(arena, first=taken[:edge], last=taken[-edge:], registered=registered) | {
        "firings": float(rounds * registered)
    }


def _round(arena: Arena, *, now: datetime, count: int) -> tuple[float, float]:
    """Claim what is due at `now`; return the seconds that it took, and this process's CPU."""
    began, own = clock.monotonic(), process_time()
    claimed = 0
    while claimed < count:
        claimed += firing.claim(arena.connection, now=now).task_count
    return clock.monotonic() - began, process_time() - own


def _figures(
    arena: Arena, *, first: list[tuple[float, float]], last: list[tuple[float, float]], registered: int
) -> dict[str, float]:
    start, end = (len(part) * registered / sum(seconds for seconds, _ in part) for part in (first, last))
    own_start, own_end = (sum(own for _, own in part) / len(part) / registered * 1e6 for part in (first, last))
    return {
        "end / start": end / start,
        "at the start: firings per s": start,
        "at the end: firings per s": end,
        "at the start: claimer CPU ms per 1,000": own_start,
        "at the end: claimer CPU ms per 1,000": own_end,
        "tasks: table MiB": arena.scalar("SELECT pg_table_size('scheduler_tasks')") / 2**20,
        "tasks: indexes MiB": arena.scalar("SELECT pg_indexes_size('scheduler_tasks')") / 2**20,
        "tasks: dead rows": arena.scalar(_DEAD),
        "history: tables GiB": arena.scalar(_TREE.format("pg_table_size(relid)")) / GIBIBYTE,
        "history: indexes GiB": arena.scalar(_TREE.format("pg_indexes_size(relid)")) / GIBIBYTE,
    }


CASE = Case(
    name="endurance",
    summary="5,000,000 firings in a row through the claim, 50,000 tasks",
    measure=measure,
    aims={"end / start": at_least(0.9)},
    repeat=1,
)
