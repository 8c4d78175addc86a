"""One stress from beginning to end: a platform whose workers are asked for ten times what they can do, and more."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID

from drill.errors import CannotDrill
from drill.platform import Platform, Size, running
from drill.stress.asking import Asking
from drill.stress.deaf import DeafHost
from drill.stress.demand import Demand
from drill.stress.findings import Stressed, judge
from drill.stress.memory import MemoryGroup
from drill.stress.watch import Watch, used
from platform_scheduler.embedded.waiting import wait_until
from scheduler import clock
from scheduler.engine.protection import Level

TIMES: Final = 10
WORK_SECONDS: Final = 0.2
LEAD_SECONDS: Final = 4
# What the platform uses when the load begins, of the limit of its memory; then, from and until which share of the
# time, how much is used: above the soft limit, and above the hard one.
USUAL_PERCENT: Final = 75
SOFT: Final = (0.3, 0.45, 93)
HARD: Final = (0.45, 0.75, 98.5)
BULK: Final = 500
# What protection leaves open after the load is some thousand executions, minutes of work: this is for a busy machine.
PATIENCE: Final = 900.0
LOOK_SECONDS: Final = 0.5
# A busy machine may see later that there is no memory left: so much longer it is kept full.
SECONDS_TO_SEE: Final = 60.0

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a stress is to be: how long, with or without protection, and how many seconds it has to recover."""

    seconds: float = 120
    patience: float = PATIENCE
    is_protected: bool = True
    schedulers: int = 2
    workers: int = 2
    children: int = 4
    critical_children: int = 2
    keeps: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def per_second(self) -> int:
        """What is due a second: ten times what the workers can do."""
        return round(TIMES * self.workers * self.children / WORK_SECONDS)

    def settings(self, folder: Path, host: str) -> dict[str, str]:
        """Return the settings of the platform: limits in proportion to its size, and the other sizes as they are."""
        return {
            "PROTECTION": str(int(self.is_protected)),
            "PROTECTION_LIMITS": f"queued={self.per_second}:{50 * self.per_second}",
            "PROTECTION_MOST_HELD": "1000",
            "CIRCUIT_OPEN_SECONDS": "5",
            "CIRCUIT_LONGEST_OPEN_SECONDS": "20",
            "CGROUP_ROOT": str(folder),
            "HTTP_ALLOWED_ADDRESSES": host,
            **self.environment,
        }


def stress(plan: Plan, *, say: Say) -> Stressed:
    """Carry a stress out. Raises CannotDrill."""
    with ExitStack() as stack:
        host = DeafHost()
        stack.callback(host.stop)
        group_folder = Path(stack.enter_context(TemporaryDirectory(prefix="platform-scheduler-stress-")))
        group_folder.chmod(0o755)
        size = Size(
            schedulers=plan.schedulers, workers=plan.workers, children=plan.children,
            critical_children=plan.critical_children, lease_seconds=30,
            environment=plan.settings(group_folder, host.address),
        )  # fmt: skip
        platform = stack.enter_context(running(size, keeps=plan.keeps))
        memory = MemoryGroup(group_folder, lambda: used(platform))
        stack.callback(memory.stop)
        return _Stress(plan, platform, host, memory, say).run()


class _Stress:
    def __init__(self, plan: Plan, platform: Platform, host: DeafHost, memory: MemoryGroup, say: Say) -> None:
        self._plan, self._platform, self._host, self._memory, self._say = plan, platform, host, memory, say

    def run(self) -> Stressed:
        plan, platform = self._plan, self._platform
        begin = platform.now().replace(microsecond=0) + timedelta(seconds=LEAD_SECONDS)
        demand = Demand(
            begin=begin, seconds=plan.seconds, per_second=plan.per_second, work_seconds=WORK_SECONDS,
            dead_url=f"http://{self._host.address}/",
        )  # fmt: skip
        expected = register(platform, demand)
        self._say(f"{len(expected)} tasks are registered, {plan.per_second} executions are due a second.")
        self._memory.start(usual_percent=USUAL_PERCENT)
        with Watch(platform) as watch:
            with Asking(platform) as asking:
                self._load(demand, watch, asking)
            calm_after = await_calm(watch, patience=plan.patience, say=self._say)
        return judge(
            platform, expected, asking=asking, watch=watch, ended=demand.end, patience=plan.patience,
            calm_after=calm_after,
        )  # fmt: skip

    def _load(self, demand: Demand, watch: Watch, asking: Asking) -> None:
        """Wait until the load has ended, filling and freeing the memory meanwhile."""
        phases = [(SOFT, "above the soft limit"), (HARD, "above the hard limit")]
        for (begin, _, percent), said in phases:
            self._sleep_until(demand, begin)
            self._say(f"{watch.said()}; memory: {percent} %, {said}")
            self._memory.fill(percent)
        self._sleep_until(demand, HARD[1])
        if self._plan.is_protected:
            wait_until(lambda: watch.saw(Level.CRITICAL) and asking.was_refused, seconds=SECONDS_TO_SEE)
        self._say(f"{watch.said()}; memory: free again")
        self._memory.free()
        self._sleep_until(demand, 1)
        self._host.recover()
        self._say(f"{watch.said()}; the load has ended, the service answers again")

    def _sleep_until(self, demand: Demand, share: float) -> None:
        at = demand.begin + timedelta(seconds=demand.seconds * share)
        time.sleep(max((at - self._platform.now()).total_seconds(), 0))


def await_calm(
    watch: Watch, *, patience: float, say: Say, pause: Callable[[float], object] = time.sleep
) -> float | None:
    """Wait until nothing is open that was asked for; return the seconds since the load, None where it takes longer."""
    began = clock.monotonic()
    watch.has_loaded()
    say(f"What is open now has to end by itself, within {patience:.0f} s.")
    while not watch.is_calm():
        if clock.monotonic() - began >= patience:
            return None
        pause(LOOK_SECONDS)
    return clock.monotonic() - began


def register(platform: Platform, demand: Demand) -> dict[UUID, int]:
    """Register what is due; return how many slots each task is to have. Raises CannotDrill."""
    bodies = list(demand.bodies())
    for start in range(0, len(bodies), BULK):
        tasks = [body for body, _ in bodies[start : start + BULK]]
        answer = platform.call("POST", "/api/v1/tasks/bulk", {"tasks": tasks})
        if answer.status >= 300 or answer.body.get("failed"):
            raise CannotDrill(f"Tasks are refused: {json.dumps(answer.body)[:1000]}")
    slots = {body["name"]: demand.slots(offset) for body, offset in bodies}
    with platform.engines.connect() as connection:
        ids = connection.execute("SELECT name, id FROM scheduler_tasks WHERE name = ANY(%s)", (list(slots),)).fetchall()
    return {task_id: slots[name] for name, task_id in ids}
