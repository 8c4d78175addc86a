"""What runs right now and when it will end: over all tasks, those that will miss their SLA first."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from query import selectors
from query.cache import Cache
from query.predictions import Run, open_run
from scheduler.engine.predictions import Durations
from scheduler.engine.states import Status
from scheduler.models import Execution

KEPT_SECONDS: Final = 2.0
MOST_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One execution that runs; `run` None where its task has run too rarely for anything to be said."""

    execution: Execution
    run: Run | None

    @property
    def chance(self) -> float:
        """How likely it misses the promise that it misses most likely, 0 to 1."""
        return max((risk.chance for risk in self.run.risks), default=0.0) if self.run else 0.0

    @property
    def will_miss(self) -> bool:
        """Tell whether some promise is more likely missed than kept."""
        return any(risk.will_miss for risk in self.run.risks) if self.run else False


@dataclass(frozen=True, slots=True)
class Outlooks:
    """What runs at `at`, those first that most likely miss a promise, then those that have run for longest."""

    at: datetime
    runs: tuple[Foreseen, ...]


kept: Cache[Outlooks] = Cache(KEPT_SECONDS)


def outlooks(*, namespace: str | None, now: datetime) -> Outlooks:
    """Return the executions that have run for longest, each with when it will end."""
    return kept.get(namespace, lambda: _outlooks(namespace, now))


def _outlooks(namespace: str | None, now: datetime) -> Outlooks:
    running = selectors.visible_executions(namespace=namespace).filter(status=Status.RUNNING)
    rows = list(running.order_by("start_time", "id")[:MOST_SHOWN])
    known = _known({row.task_id for row in rows})
    foreseen = [Foreseen(row, _run(row, known.get(row.task_id), now)) for row in rows]
    return Outlooks(now, tuple(sorted(foreseen, key=lambda one: -one.chance)))


def _run(row: Execution, durations: Durations | None, now: datetime) -> Run | None:
    return open_run(row, durations, now) if durations is not None else None


_SUCCESSES = """
SELECT h.task_id, h.execution_time_ms FROM unnest(%(tasks)s::uuid[]) AS t (id)
CROSS JOIN LATERAL (
    SELECT id, task_id, status, execution_time_ms FROM task_execution_history
    WHERE task_id = t.id ORDER BY id DESC LIMIT %(sought)s
) h
WHERE h.status = 'SUCCESS' AND h.execution_time_ms IS NOT NULL ORDER BY h.id
"""


def _known(task_ids: Collection[UUID]) -> Mapping[UUID, Durations | None]:
    """Return what the last runs of these tasks took, many tasks in one query."""
    took: dict[UUID, list[float]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_SUCCESSES, {"tasks": list(task_ids), "sought": selectors.SUCCESSES_SOUGHT})
        for task_id, milliseconds in cursor.fetchall():
            took[task_id].append(milliseconds)
    return {task_id: Durations.of(some) for task_id, some in took.items()}
