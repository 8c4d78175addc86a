"""What is due under stress: ten times what the workers can do, some of it critical, and calls of a dead service."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from drill.definitions import TASK_CLASS
from scheduler.engine.schedules.instants import written

SERVICE = "drill-dead"
CRITICAL = 10
URGENT = 9
# Of ten ordinary tasks so many have each priority: what is never left out is less than the workers can do.
PRIORITIES = (1, 2, 3, 3, 4, 5, 5, 6, 6, 7)
EVERY_SECONDS = 2
CRITICAL_A_SECOND = 4
CRITICAL_WORK_SECONDS = 0.02
CALLS_A_SECOND = 4
CALL_TIMEOUT_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """How much is due each second, for how long, and what one execution takes."""

    begin: datetime
    seconds: float
    per_second: int
    work_seconds: float
    dead_url: str

    @property
    def end(self) -> datetime:
        """When nothing is due any more."""
        return self.begin + timedelta(seconds=self.seconds)

    def slots(self, offset: float) -> int:
        """Return how many slots a task has whose first is so long after the beginning."""
        return ceil((self.seconds - offset) / EVERY_SECONDS)

    def bodies(self) -> Iterator[tuple[dict[str, Any], float]]:
        """Yield what registers each task, and how long after the beginning its first slot is."""
        for number in range(self.per_second * EVERY_SECONDS):
            priority = PRIORITIES[number // EVERY_SECONDS % len(PRIORITIES)]
            # Herds: a second's work is due at its full second.
            yield self._work(f"ordinary {number}", priority, self.work_seconds, float(number % EVERY_SECONDS))
        for number in range(CRITICAL_A_SECOND * EVERY_SECONDS):
            yield self._work(f"critical {number}", CRITICAL, CRITICAL_WORK_SECONDS, number / CRITICAL_A_SECOND)
        for number in range(CALLS_A_SECOND * EVERY_SECONDS):
            yield self._call(f"call {number}", number / CALLS_A_SECOND)

    def _work(self, name: str, priority: int, seconds: float, offset: float) -> tuple[dict[str, Any], float]:
        return self._task(name, priority, offset, taskClass=TASK_CLASS, taskData={"seconds": seconds}), offset

    def _call(self, name: str, offset: float) -> tuple[dict[str, Any], float]:
        what = {"taskClass": "platform.http", "taskData": {"url": self.dead_url}, "uses": [SERVICE]}
        return self._task(name, URGENT, offset, timeoutSeconds=CALL_TIMEOUT_SECONDS, **what), offset

    def _task(self, name: str, priority: int, offset: float, **what: Any) -> dict[str, Any]:
        return {
            "name": f"stress {name}", "priority": priority, "intervalSeconds": EVERY_SECONDS,
            "startAt": written(self.begin + timedelta(seconds=offset)), "endAt": written(self.end),
            "overlapPolicy": "ALLOW", "timeoutSeconds": 30, "maxRetryCount": 1, **what,
        }  # fmt: skip
