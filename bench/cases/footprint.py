"""`footprint`: what a firing costs and leaves behind, its claim and its run apart: CPU, WAL, bytes of history."""

from collections.abc import Iterator

from bench import tasks
from bench.arena import Arena
from bench.failures import MeasurementFailed
from bench.figures import Case, Sample
from bench.stage import Stage
from platform_scheduler.embedded.waiting import wait_until
from scheduler import clock

CHILDREN = 2
SECONDS_TO_QUEUE = 120
SECONDS_TO_END = 300

_WAL = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')"
_HEAP = "SELECT sum(pg_table_size(relid)) FROM pg_partition_tree('task_execution_history') WHERE isleaf"
_INDEXES = "SELECT sum(pg_indexes_size(relid)) FROM pg_partition_tree('task_execution_history') WHERE isleaf"
_TASKS = "SELECT pg_total_relation_size('scheduler_tasks')"
_ENDED = "SELECT count(*) FROM task_execution_history WHERE status = 'SUCCESS'"
# Counting rows of history more often would be part of the figure.
LOOK_SECONDS = 2


def measure(stage: Stage) -> Iterator[Sample]:
    """Fire tasks just after a checkpoint, fire them again without one, and have a worker run that second lot."""
    registered, due = stage.size((100_000, 10_000), (2_000, 200))
    for _ in range(stage.repeat):
        with stage.arena() as arena:
            tasks.register(arena, count=registered)
            tasks.settle(arena)
            sample = {"bytes of a registered task": arena.scalar(_TASKS) / registered}
            with arena.schedulers():
                sample |= _claim(arena, step=registered // due, due=due, when="after a checkpoint")
                heap, indexes = arena.scalar(_HEAP), arena.scalar(_INDEXES)
                sample |= _claim(arena, step=registered // due, due=due, when="later")
            sample |= _run(arena, due=due)
            sample["history: bytes of a row"] = (arena.scalar(_HEAP) - heap) / due
            sample["history: bytes of its indexes"] = (arena.scalar(_INDEXES) - indexes) / due
            yield sample


def _claim(arena: Arena, *, step: int, due: int, when: str) -> Sample:
    """Have tasks fire in one instant; WAL holds an image of each page already, unless a checkpoint came between."""
    arena.queue.clear()
    instant = tasks.next_second(arena, ahead=3 + due / 2_000)
    tasks.make_due(arena, first=1, count=due, step=step, at=instant)
    if when != "later":
        tasks.settle(arena)
    before = arena.scalar(_WAL)
    arena.meter.start()
    arena.wait_for_count(
        due, f"published_at IS NOT NULL AND scheduled_for = '{instant.isoformat()}'", seconds=SECONDS_TO_QUEUE
    )
    arena.queue.wait_for_depth(due, seconds=SECONDS_TO_QUEUE)
    cpu = arena.meter.per_thousand(due)
    return {
        f"claim, {when}: WAL bytes": (arena.scalar(_WAL) - before) / due,
        f"claim, {when}: postgres CPU ms per 1,000": cpu.get("postgres CPU ms per 1,000", 0.0),
    }


def _run(arena: Arena, *, due: int) -> Sample:
    before = arena.scalar(_WAL)
    with arena.workers(1, children=CHILDREN):
        arena.meter.start()
        since, began = clock.monotonic(), arena.scalar(_ENDED)
        if not wait_until(lambda: arena.scalar(_ENDED) >= due, seconds=SECONDS_TO_END, every=LOOK_SECONDS):
            raise MeasurementFailed(f"{arena.scalar(_ENDED):.0f} of {due} had ended after {SECONDS_TO_END} s.")
        seconds = clock.monotonic() - since
        cpu = arena.meter.per_thousand(int(due - began))
    return {
        "run: executions per s": (due - began) / seconds,
        "run: WAL bytes": (arena.scalar(_WAL) - before) / due,
    } | {f"run: {name}": value for name, value in cpu.items() if not name.startswith(("scheduler", "peer"))}


CASE = Case(
    name="footprint",
    summary="10,000 of 100,000 claimed, then run by a worker of two children: WAL, CPU and bytes a firing",
    measure=measure,
    aims={},
    repeat=1,
)
