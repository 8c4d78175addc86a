"""One drill from beginning to end: start a platform, load it, strike it, leave it in peace, judge its history."""

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
    """Wait until nothing of these tasks is open and all are complete; return the seconds, None where it never came."""
    began, patience = clock.monotonic(), _patience(platform.size, [task.definition for task in tasks])
    is_calm = wait_until(lambda: _open_count(platform, tasks) == 0, seconds=patience, every=0.2)
    return clock.monotonic() - began if is_calm else None


def evidence(platform: Platform, tasks: Sequence[Registered], closed: Closed, faults: Sequence[Struck]) -> Evidence:
    """Gather all that the checker goes by."""
    lease = timedelta(seconds=platform.size.lease_seconds)
    return Evidence(tasks, platform.rows(), platform.notes(), faults, closed, lease)


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
    """Return how long the last slot may take: a lost message, a lost worker, and all attempts."""
    slots = [
        (one.timeout_seconds + HARD_LIMIT_GRACE_SECONDS + one.retry_delay_seconds) * (one.max_retry_count + 1)
        for one in definitions
    ]
    return size.lease_seconds + 10 + 2 * size.republish_after_seconds + max(slots, default=0)


def _open_count(platform: Platform, tasks: Sequence[Registered]) -> int | None:
    try:
        with platform.engines.connect() as connection:
            row = connection.execute(_OPEN, {"ids": [task.task_id for task in tasks]}).fetchone()
            return row[0] if row else None
    except psycopg.Error:
        return None
