"""What is late: due more than 5 s ago and not claimed, or QUEUED for more than 60 s (contract §5)."""

from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from scheduler.claims import recent
from scheduler.engine.explanations import CLAIM_LATE_AFTER, START_LATE_AFTER
from scheduler.engine.states import Status
from scheduler.models import Execution, Task


def unclaimed_tasks(*, now: datetime) -> QuerySet[Task]:
    """Return the tasks whose slot should have been claimed by now."""
    return Task.objects.filter(claim_at__lt=now - CLAIM_LATE_AFTER)


def waiting_executions(*, now: datetime) -> QuerySet[Execution]:
    """Return the executions that should have been started by now, of the last eight days' slots."""
    return Execution.objects.filter(status=Status.QUEUED, queued_at__lt=now - START_LATE_AFTER, id__gte=recent(now))


def late_tasks(*, now: datetime) -> QuerySet[Any, Any]:
    """Return the ids of the tasks that are late; a union, for with an OR every task would be looked at."""
    return unclaimed_tasks(now=now).values("id").union(waiting_executions(now=now).values("task_id"))
