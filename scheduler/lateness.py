"""What is late: due more than 5 s ago and not claimed, or QUEUED for more than 60 s."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from scheduler.claims import recent
from scheduler.engine.explanations import CLAIM_LATE_AFTER, START_LATE_AFTER
from scheduler.engine.identity import lower_bound
from scheduler.engine.states import Status
from scheduler.models import Execution, Task

# Up to so many they are looked up; where there are more, tasks are looked at in the list's order until a page is full.
FEW: Final = 5_000
# Nothing is recorded before its slot; clocks may differ.
AHEAD: Final = timedelta(days=1)


def unclaimed(*, now: datetime) -> Q:
    """Return the condition on a task that its slot should have been claimed by now."""
    return Q(claim_at__lt=now - CLAIM_LATE_AFTER)


def claimed(*, now: datetime) -> Q:
    """Return the contrary; a task without a slot to come has nothing to be claimed."""
    return Q(claim_at__isnull=True) | Q(claim_at__gte=now - CLAIM_LATE_AFTER)


def waiting_executions(*, now: datetime) -> QuerySet[Execution]:
    """Return the executions that should have been started by now, of the last eight days' slots."""
    return Execution.objects.filter(
        status=Status.QUEUED, queued_at__lt=now - START_LATE_AFTER, id__gte=recent(now), id__lt=lower_bound(now + AHEAD)
    )


def few_late(*, now: datetime) -> QuerySet[Any, Any] | None:
    """Return the ids of the tasks that are late, None where there are many."""
    tasks = Task.objects.filter(unclaimed(now=now)).values("id")
    waiting = waiting_executions(now=now).values("task_id")
    found = tasks[: FEW + 1].union(waiting[: FEW + 1], all=True)
    # A union, for with an OR every task would be looked at.
    return tasks.union(waiting) if found.count() <= FEW else None


def late(*, now: datetime) -> Q:
    """Return the condition on a task that it is late, for where there are many."""
    return unclaimed(now=now) | Q(_waits(now=now))


def punctual(*, now: datetime) -> Q:
    """Return the condition on a task that it is not late."""
    # Not as "not in": the whole of it would be taken to be looked up anew for each task.
    return claimed(now=now) & ~Q(_waits(now=now))


def _waits(*, now: datetime) -> Exists:
    return Exists(waiting_executions(now=now).filter(task_id=OuterRef("pk")))
