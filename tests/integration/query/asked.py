"""What was asked for, and is done."""

from datetime import datetime, timedelta

from scheduler.models import Operation, Task
from scheduler.models.choices import OperationKind, OperationStatus


def asked_backfill(task: Task, slot: datetime, *, at: datetime) -> Operation:
    """Store the request of a backfill of one slot of a task."""
    arguments = {"from": slot.isoformat(), "to": (slot + timedelta(seconds=1)).isoformat()}
    return Operation.objects.create(
        kind=OperationKind.BACKFILL, status=OperationStatus.COMPLETED, task=task, arguments=arguments, created_at=at
    )
