"""How operations are shown: what they are about, how far they have come, and when they will end."""

from datetime import datetime

from scheduler.engine import catchup
from scheduler.models import Operation
from scheduler.models.choices import OperationKind, OperationStatus
from scheduler.representations import Json, instant, instant_of


def operation_as_json(operation: Operation, *, running: int, now: datetime) -> Json:
    """Return an operation; `running` are its open executions, which its row does not hold."""
    return {
        "id": str(operation.id),
        "kind": operation.kind,
        "status": operation.status,
        "namespace": operation.namespace,
        "taskId": str(operation.task_id) if operation.task_id else None,
        "taskName": operation.task.name if operation.task else None,
        "arguments": _arguments(operation),
        "counts": {
            "total": operation.total_count or 0,
            "done": operation.done_count,
            "failed": operation.failed_count,
            "skipped": operation.skipped_count,
            "running": running,
        },
        "progress": _progress(operation),
        "estimatedEndAt": instant(_estimated_end(operation, now=now)),
        "errors": [{"id": None, **error, "slot": instant_of(error["slot"])} for error in operation.errors],
        "createdAt": instant(operation.created_at),
        "createdBy": operation.created_by,
        "startedAt": instant(operation.started_at),
        "endedAt": instant(operation.ended_at),
        "abortRequestedAt": instant(operation.abort_requested_at),
    }


def _arguments(operation: Operation) -> Json:
    arguments: Json = operation.arguments
    if operation.kind != OperationKind.BACKFILL:
        return arguments
    return {
        "from": instant_of(arguments["from"]),
        "to": instant_of(arguments["to"]),
        "maxParallel": arguments["maxParallel"],
        "rerun": arguments["rerun"],
    }


def _progress(operation: Operation) -> float:
    """Return the share that has come to an end: of what is completed all, of what has not begun nothing."""
    if operation.status == OperationStatus.COMPLETED:
        return 1.0
    if not operation.total_count:
        return 0.0
    ended = operation.done_count + operation.failed_count + operation.skipped_count
    return round(min(ended / operation.total_count, 1.0), 4)


def _estimated_end(operation: Operation, *, now: datetime) -> datetime | None:
    """Return when it ends if it goes on as it has gone so far; None before its first slot has ended."""
    ran = operation.done_count + operation.failed_count
    if operation.status != OperationStatus.RUNNING or operation.started_at is None or not ran:
        return None
    left = max((operation.total_count or 0) - operation.skipped_count - ran, 0)
    if operation.kind == OperationKind.CATCH_UP:
        return catchup.estimated_end(held=left, per_second=operation.arguments["maxPerSecond"], now=now)
    return (now + (now - operation.started_at) / ran * left).replace(microsecond=0)
