"""`edit`: how soon a changed task is claimed among a million, and that nothing is read anew for it."""

import random
from collections.abc import Iterator
from datetime import datetime

from bench import tasks
from bench.arena import Arena
from bench.figures import Case, Sample, at_most
from bench.stage import Stage
from bench.statistics import percentiles
from platform_scheduler.embedded.waiting import wait_until

SEED = 20_260_101
# Longer than a tick, and random, so that edits meet it at every phase.
LONGEST_PAUSE_SECONDS = 0.2
SECONDS_TO_QUEUE = 10

# What register writes where a changed schedule is due at once.
_EDIT = b"""
UPDATE scheduler_tasks SET version = version + 1, updated_at = %(at)s, cron_expression = NULL, interval_seconds = 86400,
    anchor_at = %(at)s - interval '1 day', next_slot_for = %(at)s, next_execution_time = %(at)s, claim_at = %(at)s
WHERE id = md5('bench ' || %(number)s)::uuid
"""
# Since the last row of the statistics was written: each session writes its own within a second.
_SCANS = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'scheduler_tasks'"
SECONDS_TO_COUNT = 1.5


def measure(stage: Stage) -> Iterator[Sample]:
    """Edit one task after the other so that it is due at once, and see when it was claimed and queued."""
    registered, edits = stage.size((1_000_000, 200), (1_000, 20))
    pauses = random.Random(SEED)  # noqa: S311 - the same in every run
    with stage.arena() as arena:
        tasks.register(arena, count=registered)
        tasks.settle(arena)
        with arena.schedulers():
            for repetition in range(stage.repeat):
                scans = _scans(arena)
                numbers = range(1 + repetition * edits, 1 + (repetition + 1) * edits)
                waits = [_edit(arena, number, pause=pauses.uniform(0, LONGEST_PAUSE_SECONDS)) for number in numbers]
                yield {
                    **percentiles([claimed for claimed, _ in waits], prefix="edit to claim ms"),
                    **percentiles([queued for _, queued in waits], prefix="edit to queue ms"),
                    "scans of the table": _scans(arena) - scans,
                }


def _edit(arena: Arena, number: int, *, pause: float) -> tuple[float, float]:
    """Return the milliseconds from the edit's commit to the claim's clock, and to the message in the queue."""
    wait_until(lambda: False, seconds=pause, every=pause)
    arena.connection.execute(_EDIT, {"at": arena.timeline.now(), "number": number})
    committed = arena.timeline.now()
    queued = arena.timeline.at(arena.queue.wait_for_depth(1, seconds=SECONDS_TO_QUEUE))
    ((execution, _),) = arena.queue.take_all().executions()
    row = arena.connection.execute("SELECT queued_at FROM task_execution_history WHERE id = %s", [execution]).fetchone()
    claimed: datetime = row[0] if row else queued
    return (claimed - committed).total_seconds() * 1000, (queued - committed).total_seconds() * 1000


def _scans(arena: Arena) -> float:
    wait_until(lambda: False, seconds=SECONDS_TO_COUNT)
    return arena.scalar(_SCANS)


CASE = Case(
    name="edit",
    summary="one task among 1,000,000 changed so that it is due at once, 200 times",
    measure=measure,
    aims={"edit to claim ms p99": at_most(50), "scans of the table": at_most(0)},
    repeat=3,
)
