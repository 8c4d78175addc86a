"""What operators look for first: what runs and for how long, and what has failed and is not tried again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from query import selectors
from query.cache import Cache
from scheduler import strips
from scheduler.engine.identity import lower_bound
from scheduler.engine.retry import RETRYABLE
from scheduler.engine.states import Status
from scheduler.models import Execution

KEPT_SECONDS: Final = 2.0
MOST_SHOWN: Final = 8
# Among so many of the newest failures; a flood of them has few causes.
SOUGHT_AMONG: Final = 200
LOOKED_BACK: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Attention:
    """The executions that have run for longest, and the latest failures of tasks that have not run well since."""

    at: datetime
    running: tuple[Execution, ...]
    failed: tuple[Execution, ...]


kept: Cache[Attention] = Cache(KEPT_SECONDS)


def attention(*, namespace: str | None, now: datetime) -> Attention:
    """Return what needs it, or needed it up to two seconds ago; at most eight of each, with their tasks."""
    return kept.get((connection.alias, namespace), lambda: Attention(now, _running(namespace), _failed(namespace, now)))


def _running(namespace: str | None) -> tuple[Execution, ...]:
    rows = selectors.visible_executions(namespace=namespace).filter(status=Status.RUNNING)
    return tuple(rows.order_by("start_time", "id")[:MOST_SHOWN])


def _failed(namespace: str | None, now: datetime) -> tuple[Execution, ...]:
    newest = selectors.visible_executions(namespace=namespace).filter(
        status__in=sorted(RETRYABLE), id__gte=lower_bound(now - LOOKED_BACK)
    )
    failures = list(newest.order_by("-id")[:SOUGHT_AMONG])
    return tuple(_without_those_that_recovered(failures)[:MOST_SHOWN])


def _without_those_that_recovered(failures: Sequence[Execution]) -> list[Execution]:
    runs = strips.last_runs({one.task_id for one in failures})
    last = {task_id: strips.trouble_of(of_task) for task_id, of_task in runs.items()}
    return [one for one in failures if (trouble := last[one.task_id]) is not None and trouble.id == one.id]
