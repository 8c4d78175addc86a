"""One drill from beginning to end: start a platform, load it, strike it, leave it in peace, judge its history."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import psycopg

from drill import load
from drill.checker import judge
from drill.definitions import Closed, Definition, Registered
from drill.faults import Fault
from drill.findings import Evidence, Struck, Verdict
from drill.platform import Platform, Size, running
from drill.storm import PAUSES, Storm
from platform_scheduler.embedded.waiting import wait_until
from scheduler import clock

# A slot's registration to its first one takes a moment; the last one's end is not cut off by the end of the load.
LEAD_SECONDS = 3
HARD_LIMIT_GRACE_SECONDS = 10
# What fails slot after slot is tried again so many times later than its policy says, and than after a second.
SLOWED_TIMES = 32

_OPEN = """
SELECT (SELECT count(*) FROM scheduler_tasks WHERE id = ANY(%(ids)s) AND status = 'ACTIVE') + (
    SELECT count(*) FROM task_execution_history
    WHERE task_id = ANY(%(ids)s) AND (
        status IN ('SCHEDULED', 'QUEUED', 'RUNNING') OR (scheduled_until IS NOT NULL AND slot_count IS NULL)
    )
)
"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a drill is to be."""

    seconds: float
    seed: int
    faults: Sequence[type[Fault]]
    tasks: int = 40
    size: Size = field(default_factory=Size)
    keeps: bool = False
    pauses: tuple[float, float] = PAUSES


@dataclass(frozen=True, slots=True)
class Done:
    """What a drill has brought: the verdict, the faults, and how long it took until nothing was open."""

    verdict: Verdict
    faults: Sequence[Struck]
    calm_after: float | None


def drill(plan: Plan, *, say: Callable[[str], None]) -> Done:
    """Carry a drill out. Raises CannotDrill."""
    random = Random(plan.seed)  # noqa: S311 - to be repeated, not to be secret
    with running(plan.size, keeps=plan.keeps) as platform:
        say(f"The platform is up: {', '.join(platform.names())}; in {platform.folder}")
        tasks, closed = _load(platform, plan, random)
        say(f"{len(tasks)} tasks are registered.")
        storm = Storm(platform, plan.faults, random=random, say=say, pauses=plan.pauses)
        storm.rage(seconds=plan.seconds)
        say("The load and the faults have ended; what is open now has to end by itself.")
        platform.await_ready()
        calm_after = await_calm(platform, tasks)
        return Done(judge(evidence(platform, tasks, closed, storm.struck)), storm.struck, calm_after)


def await_calm(platform: Platform, tasks: Sequence[Registered]) -> float | None:
    """Wait until nothing of these tasks is open and all are complete; return the seconds, None where it never came.

    It does not where nothing ends for as long as one slot may take: what waits for its turn ends one after another.
    """
    began, patience, fewest = clock.monotonic(), _patience(platform.size, [task.definition for task in tasks]), math.inf

    def are_fewer() -> bool:
        nonlocal fewest
        count = _open_count(platform, tasks)
        is_fewer = count is not None and count < fewest
        fewest = count if count is not None and is_fewer else fewest
        return is_fewer

    while fewest > 0 and wait_until(are_fewer, seconds=patience, every=0.2):
        pass
    return clock.monotonic() - began if fewest == 0 else None


def evidence(platform: Platform, tasks: Sequence[Registered], closed: Closed, faults: Sequence[Struck]) -> Evidence:
    """Gather all that the checker goes by."""
    lease = timedelta(seconds=platform.size.lease_seconds)
    return Evidence(tasks, platform.rows(), platform.notes(), faults, closed, lease)


def count_open(connection: psycopg.Connection, tasks: Sequence[Registered]) -> int:
    """Return how many of these tasks are not complete, and how many of their executions have not ended."""
    row = connection.execute(_OPEN, {"ids": [task.task_id for task in tasks]}).fetchone()
    assert row is not None  # noqa: S101 - it counts
    return int(row[0])


def _load(platform: Platform, plan: Plan, random: Random) -> tuple[list[Registered], Closed]:
    begin, seconds = platform.now() + timedelta(seconds=LEAD_SECONDS), plan.seconds - LEAD_SECONDS
    closed = load.closed_stretches(random=random, begin=begin, seconds=seconds)
    definitions = load.make(plan.tasks, random=random, begin=begin, seconds=seconds)
    herd = load.herd(plan.tasks // 2, begin=begin, seconds=seconds)
    platform.keep_calendar(closed)
    tasks = platform.register([*definitions, *herd])
    # Of most of the others it is wrong: they hold up their bundles until the platform has learned better.
    platform.believe_short(tasks)
    return tasks, closed


def _patience(size: Size, definitions: Sequence[Definition]) -> float:
    """Return how long one slot may take: a lost message, a lost worker, and all attempts, each slowed down."""
    slots = [
        (one.timeout_seconds + HARD_LIMIT_GRACE_SECONDS) * (one.max_retry_count + 1)
        + max(one.retry_delay_seconds, 1) * SLOWED_TIMES * one.max_retry_count
        for one in definitions
    ]
    return size.lease_seconds + 10 + 2 * size.republish_after_seconds + max(slots, default=0)


def _open_count(platform: Platform, tasks: Sequence[Registered]) -> int | None:
    try:
        with platform.engines.connect() as connection:
            return count_open(connection, tasks)
    except psycopg.Error:
        return None
