"""`bundles`: the way of `end-to-end` for tasks that are known to be short, alone and with a long one among them."""

from collections.abc import Iterator

from bench.arena import Arena
from bench.cases.end_to_end import SECONDS_TO_END, burst, ready
from bench.figures import Case, Sample, at_least, at_most
from bench.stage import Stage

_KNOWN = b"UPDATE scheduler_tasks SET run_count = 100, expected_ms = 1"

# Number 1 has waited as long as the others, and takes long now.
_ONE_LONG = b"""
UPDATE scheduler_tasks SET task_class = 'platform.sleep', task_data = '{"seconds": 5}' WHERE name = 'task 1'
"""

# Those behind it in its bundle were handed back, and have begun since.
_HELD_UP = """
SELECT coalesce(extract(epoch FROM max(h.start_time) - long.start_time) * 1000, 0), count(*)
FROM task_execution_history h, (
    SELECT start_time FROM task_execution_history h JOIN scheduler_tasks t ON t.id = h.task_id WHERE t.name = 'task 1'
) long
WHERE h.handed_back_count > 0 GROUP BY long.start_time
"""


def measure(stage: Stage) -> Iterator[Sample]:
    """Run both."""
    for _ in range(stage.repeat):
        yield {**burst(stage, prepare=_know), **_with_a_long_one(stage)}


def _know(arena: Arena) -> None:
    arena.connection.execute(_KNOWN)


def _have_a_long_one(arena: Arena) -> None:
    _know(arena)
    arena.connection.execute(_ONE_LONG)


def _with_a_long_one(stage: Stage) -> Sample:
    due = stage.size(10_000, 200)
    with ready(stage, due=due, prepare=_have_a_long_one) as arena:
        arena.wait_for_count(due, "status = 'SUCCESS'", seconds=SECONDS_TO_END)
        delay, count = arena.connection.execute(_HELD_UP.encode()).fetchone() or (0, 0)
        return {"behind a long one: handed back": float(count), "behind a long one: delay ms max": float(delay)}


CASE = Case(
    name="bundles",
    summary="20,000 platform.noop at once that are known to be short; then 10,000 with one of 5 s among them",
    measure=measure,
    aims={
        "executions per s": at_least(10_000),
        # Of none there is nothing to be held up.
        "behind a long one: handed back": at_least(1),
        "behind a long one: delay ms max": at_most(300),
    },
    repeat=3,
)
