"""Lanes: what ran, runs and comes, task by task along one axis of time; the tasks in trouble first."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from query import selectors
from query.cache import Cache
from scheduler.engine.identity import lower_bound
from scheduler.engine.retry import RETRYABLE
from scheduler.engine.states import Status
from scheduler.models import Task
from scheduler.upcoming import upcoming

KEPT_SECONDS: Final = 2.0
# Tasks are chosen among so many of the newest rows, and so many rows of each are shown.
SOUGHT_AMONG: Final = 1_000
MOST_OF_A_TASK: Final = 200
MOST_COMING: Final = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """One execution of a slot, from its start to its end, or to now; `end` equals `begin` where it never ran."""

    id: UUID
    status: Status
    slot: datetime
    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Lane:
    """What a task did within the period, and the slots that come in it."""

    task: Task
    bars: tuple[Bar, ...]
    coming: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes of a period around `at`."""

    at: datetime
    begin: datetime
    end: datetime
    lanes: tuple[Lane, ...]


kept: Cache[Lanes] = Cache(KEPT_SECONDS)


def lanes(*, namespace: str | None, now: datetime, back: timedelta, ahead: timedelta, count: int) -> Lanes:
    """Return the lanes of up to `count` tasks: those that failed, by how often, those that run, then the latest."""
    key = (connection.alias, namespace, back, ahead, count)
    return kept.get(key, lambda: _lanes(namespace, now, now - back, now + ahead, count))


def _lanes(namespace: str | None, now: datetime, begin: datetime, end: datetime, count: int) -> Lanes:
    chosen = _chosen(namespace, now, begin)[:count]
    tasks = {task.id: task for task in selectors.visible_tasks(namespace=namespace).filter(id__in=chosen)}
    bars = _bars(list(tasks), now, begin)
    made = (
        Lane(tasks[one], tuple(bars[one]), tuple(slot for slot in _coming(tasks[one]) if now < slot <= end))
        for one in chosen
        if one in tasks
    )
    return Lanes(now, begin, end, tuple(made))


def _chosen(namespace: str | None, now: datetime, begin: datetime) -> list[UUID]:
    rows = selectors.visible_executions(namespace=namespace).filter(id__gte=lower_bound(begin), id__lt=lower_bound(now))
    failed = rows.filter(status__in=sorted(RETRYABLE)).order_by("-id").values_list("task_id", flat=True)
    running = rows.filter(status=Status.RUNNING).order_by("start_time", "id").values_list("task_id", flat=True)
    latest = rows.order_by("-id").values_list("task_id", flat=True)
    by_failures = [task_id for task_id, _ in Counter(failed[:SOUGHT_AMONG]).most_common()]
    return list(dict.fromkeys([*by_failures, *running[:SOUGHT_AMONG], *latest[:SOUGHT_AMONG]]))


_BARS = """
SELECT h.id, h.task_id, h.status, h.scheduled_for, h.start_time, h.end_time
FROM unnest(%(tasks)s::uuid[]) AS t (id)
CROSS JOIN LATERAL (
    SELECT id, task_id, status, scheduled_for, start_time, end_time FROM task_execution_history
    WHERE task_id = t.id AND id >= %(low)s AND status <> 'SKIPPED' ORDER BY id DESC LIMIT %(count)s
) h
"""


def _bars(task_ids: Sequence[UUID], now: datetime, begin: datetime) -> dict[UUID, list[Bar]]:
    bars: dict[UUID, list[Bar]] = defaultdict(list)
    parameters: dict[str, Any] = {"tasks": task_ids, "low": lower_bound(begin), "count": MOST_OF_A_TASK}
    with connection.cursor() as cursor:
        cursor.execute(_BARS, parameters)
        for execution, task_id, status, slot, started, ended in cursor.fetchall():
            first = max(started or slot, begin)
            last = now if status == Status.RUNNING else (started and ended) or first
            bars[task_id].append(Bar(execution, Status(status), slot, first, max(last, first)))
    return bars


def _coming(task: Task) -> list[datetime]:
    return upcoming(task, count=MOST_COMING)
