"""What is predicted of a task: how long its runs take, when the open ones end, and what will miss its SLA."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from query import selectors
from scheduler import schedules
from scheduler.engine.predictions import (
    EXPECTED,
    Accuracy,
    Durations,
    Outlook,
    accuracy,
    chance_to_miss,
    outlook,
)
from scheduler.engine.schedules import InvalidSchedule
from scheduler.engine.sla import Promise, promised
from scheduler.engine.states import Status
from scheduler.models import Execution, Task
from scheduler.upcoming import upcoming

QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Risk:
    """A promise that a run may break at `limit`: how likely, 0 to 1, and whether more likely than not."""

    promise: Promise
    limit: datetime
    chance: float

    @property
    def will_miss(self) -> bool:
        """Tell whether it is more likely missed than kept."""
        return self.chance > 1 - EXPECTED


@dataclass(frozen=True, slots=True)
class Run:
    """A run that is open, or comes next: it began, or begins at the earliest, at `begin`."""

    scheduled_for: datetime
    begin: datetime
    outlook: Outlook
    risks: tuple[Risk, ...]
    execution_id: UUID | None = None
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the last runs of a task say at `at`; without `durations` there were too few, and nothing is said."""

    at: datetime
    sample_count: int
    sampled_from: datetime | None
    durations: Durations | None
    accuracy: Accuracy | None
    runs: tuple[Run, ...] = ()
    next: Run | None = None


def predict(task: Task, *, now: datetime) -> Prediction:
    """Return what is predicted of a task: from its last successes, among a bounded number of its latest rows."""
    known = selectors.last_successes(task.id)
    took_ms = [row.execution_time_ms or 0 for row in known]
    durations = Durations.of(took_ms)
    sampled = known[-selectors.SAMPLED :]
    sampled_from = sampled[0].scheduled_for if sampled else None
    if durations is None:
        return Prediction(now, len(sampled), sampled_from, None, None)
    runs = tuple(open_run(row, durations, now) for row in selectors.open_now(task.id))
    return Prediction(
        now, len(sampled), sampled_from, durations, accuracy(took_ms), runs, _next(task, durations, now)
    )  # fmt: skip


def open_run(row: Execution, durations: Durations, now: datetime) -> Run:
    """Return what is foreseen of an execution that is open, by what its task's runs took."""
    begin = row.start_time or max(now, row.not_before or now)
    return Run(
        row.scheduled_for,
        begin,
        outlook(durations, begin=begin, now=now, timeout_seconds=row.timeout_seconds),
        _risks(row.sla or {}, durations, begin, now),
        row.id,
        Status(row.status),
    )


def _next(task: Task, durations: Durations, now: datetime) -> Run | None:
    slot = next(iter(upcoming(task, count=1)), None)
    if slot is None:
        return None
    begin = max(schedules.slots_of(task).due_at(slot), now)
    return Run(
        slot,
        begin,
        outlook(durations, begin=begin, now=now, timeout_seconds=task.timeout_seconds),
        _risks(_promised(task, slot), durations, begin, now),
    )


def _promised(task: Task, slot: datetime) -> Any:
    try:
        return promised(json.dumps(task.sla), slot, time_zone=task.time_zone) if task.sla else {}
    except InvalidSchedule:
        return {}


def _risks(sla: Any, durations: Durations, begin: datetime, now: datetime) -> tuple[Risk, ...]:
    """Return what a run may break by how long it takes; how late it begins nobody predicts."""
    limits: dict[Promise, datetime] = {}
    if sla.get("maxDurationSeconds") is not None:
        limits[Promise.DURATION] = begin + timedelta(seconds=sla["maxDurationSeconds"])
    if sla.get("deadlineAt") is not None:
        limits[Promise.DEADLINE] = datetime.fromisoformat(sla["deadlineAt"])
    return tuple(
        Risk(promise, limit, chance_to_miss(durations, begin=begin, limit=limit, now=now))
        for promise, limit in limits.items()
    )
