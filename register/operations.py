"""Operations as people see them: found, listed, aborted.

`namespace` is the one that the caller is bound to, None for a caller of every namespace.
"""

from collections import Counter
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet
from django.db.transaction import atomic

from register import journal
from register.errors import OperationEnded, OperationNotFound
from scheduler import backfills, bulkactions, connections
from scheduler.engine.identity import BACKFILL
from scheduler.engine.states import OPEN
from scheduler.models import Execution, Operation
from scheduler.models.choices import AuditVerb, OperationKind
from scheduler.models.operation import UNFINISHED
from scheduler.representations import instant

MOST_SHOWN = 200


def latest_operations(*, namespace: str | None) -> list[Operation]:
    """Return the newest operations."""
    return list(_visible(namespace).order_by("-created_at", "id")[:MOST_SHOWN])


def find_operation(operation_id: UUID, *, namespace: str | None) -> Operation:
    """Return one operation. Raises OperationNotFound."""
    operation = _visible(namespace).filter(id=operation_id).first()
    if operation is None:
        raise OperationNotFound
    return operation


def abort_operation(operation_id: UUID, *, namespace: str | None, now: datetime) -> Operation:
    """Begin nothing more and cancel what waits; what runs ends, and the operation then. Asking twice asks once.

    Raises OperationNotFound, OperationEnded.
    """
    with atomic():
        before = find_operation(operation_id, namespace=namespace)
        abort = bulkactions.abort if before.kind == OperationKind.BULK_ACTION else backfills.abort
        if not abort(connections.current(), operation_id, now=now):
            raise OperationEnded
        operation = find_operation(operation_id, namespace=namespace)
        if before.abort_requested_at is None:
            after = {"status": operation.status, "abortRequestedAt": instant(operation.abort_requested_at)}
            journal.note(AuditVerb.ABORT, operation, before={"status": before.status}, after=after, now=now)
    return operation


def running_counts(operations: Collection[Operation]) -> Counter[UUID]:
    """Return how many executions of each are open, in one query."""
    tasks = {operation.task_id for operation in operations if operation.task_id and operation.status in UNFINISHED}
    causes = Execution.objects.filter(
        task_id__in=tasks, status__in=sorted(OPEN), cause__startswith=BACKFILL
    ).values_list("cause", flat=True)
    return Counter(UUID(cause.split(":")[1]) for cause in causes)


def _visible(namespace: str | None) -> QuerySet[Operation]:
    operations = Operation.objects.select_related("task")
    return operations if namespace is None else operations.filter(namespace=namespace)
