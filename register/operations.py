"""Operations as people see them: found, listed, aborted.

`namespace` is the one that the caller is bound to, None for a caller of every namespace.
"""

from collections import Counter
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final
from uuid import UUID

import psycopg
from django.db.models import QuerySet
from django.db.transaction import atomic

from register import journal
from register.errors import NotACatchUp, OperationEnded, OperationNotFound
from register.given import Given
from scheduler import backfills, bulkactions, catchups, claims, connections
from scheduler.engine.identity import BACKFILL
from scheduler.engine.states import OPEN
from scheduler.errors import InvalidInput
from scheduler.models import Execution, Operation
from scheduler.models.choices import AuditVerb, OperationKind
from scheduler.models.operation import GOES_ON, UNFINISHED
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


def _locked(operation_id: UUID, *, namespace: str | None) -> Operation:
    """Return an operation that stays as it is until the transaction ends. Raises OperationNotFound."""
    claims.operation_to_edit(connections.current(), operation_id)
    return find_operation(operation_id, namespace=namespace)


def abort_operation(operation_id: UUID, *, namespace: str | None, now: datetime) -> Operation:
    """Begin nothing more and cancel what waits; what runs ends, and the operation then. Asking twice asks once.

    Raises OperationNotFound, OperationEnded.
    """
    with atomic():
        before = _locked(operation_id, namespace=namespace)
        if not _ABORTS[OperationKind(before.kind)](connections.current(), operation_id, now=now):
            raise OperationEnded
        operation = find_operation(operation_id, namespace=namespace)
        if before.abort_requested_at is None:
            after = {"status": operation.status, "abortRequestedAt": instant(operation.abort_requested_at)}
            journal.note(AuditVerb.ABORT, operation, before={"status": before.status}, after=after, now=now)
    return operation


def approve_catch_up(operation_id: UUID, *, actor: str, namespace: str | None, now: datetime) -> Operation:
    """Let a catch-up go that waits for it, or never have it wait. Asking twice asks once.

    Raises OperationNotFound, OperationEnded, NotACatchUp.
    """
    return _change(
        operation_id,
        lambda connection: catchups.approve(connection, operation_id, by=actor, now=now),
        namespace=namespace,
        now=now,
    )


def throttle_catch_up(operation_id: UUID, given: Given, *, namespace: str | None, now: datetime) -> Operation:
    """Set how many executions a second a catch-up lets go; 0 stops it for now.

    Raises OperationNotFound, OperationEnded, NotACatchUp, InvalidInput.
    """
    find_operation(operation_id, namespace=namespace)
    if given.faults:
        raise InvalidInput(given.faults)
    return _change(
        operation_id,
        lambda connection: catchups.throttle(connection, operation_id, per_second=given.values["per_second"]),
        namespace=namespace,
        now=now,
    )


def drop_catch_up(operation_id: UUID, *, namespace: str | None, now: datetime) -> Operation:
    """Leave the rest of a catch-up out: one SKIPPED row, reason misfire, a task. Asking twice asks once.

    Raises OperationNotFound, OperationEnded, NotACatchUp.
    """
    if find_operation(operation_id, namespace=namespace).kind != OperationKind.CATCH_UP:
        raise NotACatchUp
    return abort_operation(operation_id, namespace=namespace, now=now)


def _change(
    operation_id: UUID,
    change: Callable[[psycopg.Connection], bool],
    *,
    namespace: str | None,
    now: datetime,
) -> Operation:
    with atomic():
        before = _locked(operation_id, namespace=namespace)
        if before.kind != OperationKind.CATCH_UP:
            raise NotACatchUp
        if not change(connections.current()):
            raise OperationEnded
        operation = find_operation(operation_id, namespace=namespace)
        if operation.arguments != before.arguments:
            was, becomes = {"arguments": before.arguments}, {"arguments": operation.arguments}
            journal.note(AuditVerb.CHANGE, operation, before=was, after=becomes, now=now)
    return operation


_ABORTS: Final = {
    OperationKind.BULK_ACTION: bulkactions.abort,
    OperationKind.BACKFILL: backfills.abort,
    OperationKind.CATCH_UP: catchups.drop,
}


def running_counts(operations: Collection[Operation]) -> Counter[UUID]:
    """Return how many executions of each are open, in one query."""
    tasks = {operation.task_id for operation in operations if operation.task_id and operation.status in UNFINISHED}
    causes = Execution.objects.filter(
        task_id__in=tasks, status__in=sorted(OPEN), cause__startswith=BACKFILL
    ).values_list("cause", flat=True)
    counts = Counter(UUID(cause.split(":")[1]) for cause in causes)
    held = [one for one in operations if one.kind == OperationKind.CATCH_UP and one.status in GOES_ON]
    counts.update({one.id: (one.total_count or 0) - one.done_count - one.skipped_count for one in held})
    return counts


def _visible(namespace: str | None) -> QuerySet[Operation]:
    operations = Operation.objects.select_related("task")
    return operations if namespace is None else operations.filter(namespace=namespace)
