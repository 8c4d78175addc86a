"""`bundles`: the way of `end-to-end` for tasks that are known to be short, alone and with a long one among them."""

from collections.abc import Iterator

from bench import tasks
from bench.arena import Arena
from bench.cases.end_to_end import CHILDREN, SECONDS_TO_END, WORKERS, burst
from bench.figures import Case, Sample, at_least, at_most
from bench.stage import Stage
from platform_scheduler.embedded.waiting import wait_until

_KNOWN = b"UPDATE scheduler_tasks SET run_count = 100, expected_ms = 1"

# Number 1 has waited as long as the others, and takes long now.
_ONE_LONG = b"""
UPDATE scheduler_tasks SET task_class = 'platform.sleep', task_data = '{"seconds": 5}' WHERE name = 'task 1'
"""

# Those behind it in its bundle were sent again.
_HELD_UP = """
SELECT extract(epoch FROM max(h.start_time) - long.start_time) * 1000
FROM task_execution_history h, (
    SELECT start_time FROM task_execution_history h JOIN scheduler_tasks t ON t.id = h.task_id WHERE t.name = 'task 1'
) long
WHERE h.publish_count > 1 GROUP BY long.start_time
"""


def measure(stage: Stage) -> Iterator[Sample]:
    """Run both."""
    for _ in range(stage.repeat):
        yield {**burst(stage, prepare=_know), **_with_a_long_one(stage)}


def _know(arena: Arena) -> None:
    arena.connection.execute(_KNOWN)


def _with_a_long_one(stage: Stage) -> Sample:
    due = stage.size(10_000, 200)
    with stage.arena() as arena, arena.schedulers(), arena.workers(WORKERS, children=CHILDREN):
        tasks.register(arena, count=due)
        _know(arena)
        arena.connection.execute(_ONE_LONG)
        instant = tasks.next_second(arena, ahead=3 + due / 5_000)
        tasks.make_due(arena, first=1, count=due, at=instant)
        tasks.settle(arena)
        wait_until(lambda: arena.timeline.seconds_until(instant) < 0, seconds=60, every=0.01)
        arena.wait_for_count(due, "status = 'SUCCESS'", seconds=SECONDS_TO_END)
        return {"behind a long one: delay ms max": arena.scalar(_HELD_UP)}


CASE = Case(
    name="bundles",
    summary="20,000 platform.noop at once that are known to be short; then 10,000 with one of 5 s among them",
    measure=measure,
    aims={"executions per s": at_least(10_000), "behind a long one: delay ms max": at_most(300)},
    repeat=3,
)
