"""How tasks and executions are shown, shared by register and query.

Plain functions that cost no query, where a task was read with its calendar and what it depends on.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from scheduler.engine.calendars import CalendarRules, closed_days, open_ranges
from scheduler.engine.explanations import Explanation
from scheduler.engine.flow import KINDS, FlowMode
from scheduler.engine.retry import RetryPolicy
from scheduler.engine.sla import BREACHES
from scheduler.models import (
    ApiToken,
    Calendar,
    Execution,
    ExecutionLog,
    FlowControl,
    Handler,
    Namespace,
    Node,
    Task,
    Template,
    Webhook,
)
from scheduler.standing import FlowStanding

Json = dict[str, Any]

# JSON of PostgreSQL comes back in an order of its own.
_PROMISED = ("maxLatenessSeconds", "maxDurationSeconds", "deadlineAt")


def instant(value: datetime | None) -> str | None:
    """Return an instant in ISO 8601, UTC, with Z; fractions of a second only where there are some."""
    if value is None:
        return None
    # As the database's are; what follows in ISO 8601 is +00:00.
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat()[:-6] + "Z"


def instant_of(text: str | None) -> str | None:
    """Return an instant as the API has it from one as JSON columns have it."""
    return instant(datetime.fromisoformat(text)) if text is not None else None


def etag(row: Task | Calendar | Namespace | Template | Webhook) -> str:
    """Return the entity tag of a definition or of settings, for If-Match."""
    return f'"{row.version}"'


def task_as_json(task: Task) -> Json:
    """Return a task as every answer has it."""
    return {
        "id": str(task.id),
        **definition_as_json(task),
        "status": task.status,
        "version": task.version,
        "retryCount": task.retry_count,
        "createdAt": instant(task.created_at),
        "createdBy": task.created_by,
        "updatedAt": instant(task.updated_at),
        "lastExecutedAt": instant(task.last_executed_at),
        "nextExecutionTime": instant(task.next_execution_time),
        "pauseReason": task.pause_reason,
        "pausedUntil": instant(task.paused_until),
        "template": task.template_name,
    }


def definition_as_json(task: Task) -> Json:
    """Return what of a task somebody has defined: the fields that a registration takes."""
    return {
        "name": task.name,
        "namespace": task.namespace,
        "description": task.description,
        "taskClass": task.task_class,
        "taskData": task.task_data,
        "cronExpression": task.cron_expression,
        "timeZone": task.time_zone,
        "intervalSeconds": task.interval_seconds,
        "intervalMode": task.interval_mode,
        "runAt": instant(task.run_at),
        "startAt": instant(task.start_at),
        "endAt": instant(task.end_at),
        "jitterSeconds": task.jitter_seconds,
        "flexSeconds": task.flex_seconds,
        "calendar": task.calendar_name,
        "calendarPolicy": task.calendar_policy,
        "misfirePolicy": task.misfire_policy,
        "misfireGraceSeconds": task.misfire_grace_seconds,
        "catchUpLimit": task.catch_up_limit,
        "overlapPolicy": task.overlap_policy,
        "maxConcurrency": task.max_concurrency,
        "autoPauseAfterFailures": task.auto_pause_after_failures,
        "priority": task.priority,
        "queue": task.queue,
        "dependencies": _dependencies(task),
        "dependencyMode": task.dependency_mode,
        "listensTo": task.listens_to,
        "uses": task.uses,
        "circuitPolicy": task.circuit_policy,
        "timeoutSeconds": task.timeout_seconds,
        "maxRetryCount": task.max_retry_count,
        "retryPolicy": RetryPolicy.from_json(task.retry_policy).as_json(),
        "retryOn": task.retry_on,
        "sla": task.sla and {name: task.sla.get(name) for name in _PROMISED},
        "labels": task.labels,
        "owner": task.owner,
        "notifyOn": task.notify_on,
    }


def execution_as_json(execution: Execution, *, task_name: str) -> Json:
    """Return an execution as every answer has it."""
    return {
        "id": str(execution.id),
        "taskId": str(execution.task_id),
        "taskName": task_name,
        "namespace": execution.namespace,
        "queue": execution.queue,
        "priority": execution.priority,
        "scheduledFor": instant(execution.scheduled_for),
        "scheduledUntil": instant(execution.scheduled_until),
        "slotCount": execution.slot_count,
        "status": execution.status,
        "reason": execution.reason,
        "attempt": execution.attempt,
        "trigger": execution.trigger,
        "queuedAt": instant(execution.queued_at),
        "notBefore": instant(execution.not_before),
        "startTime": instant(execution.start_time),
        "endTime": instant(execution.end_time),
        "executionTimeMs": execution.execution_time_ms,
        "latenessMs": _lateness_ms(execution),
        "result": execution.result,
        "errorMessage": execution.error_message,
        "nodeId": execution.node_id,
        "fence": execution.fence,
        "revision": execution.revision,
        "runId": str(execution.run_id) if execution.run_id else None,
        "cancelRequestedAt": instant(execution.cancel_requested_at),
        "sla": _sla(execution),
    }


def explanation_as_json(explanation: Explanation, *, task: Task, execution: Execution | None) -> Json:
    """Return why an execution, or a slot that none was recorded of, ran or did not."""
    return {
        "taskId": str(task.id),
        "taskName": task.name,
        "executionId": str(execution.id) if execution is not None else None,
        "scheduledFor": instant(execution.scheduled_for) if execution is not None else None,
        "outcome": explanation.outcome.value,
        "summary": explanation.summary,
        "steps": [
            {"at": instant(step.at), "code": step.code, "message": step.message, "data": dict(step.data)}
            for step in explanation.steps
        ],
    }


def calendar_as_json(calendar: Any) -> Json:
    """Return a calendar that was read with the numbers of its tasks, `task_count` and `pending_count`."""
    return {
        "id": str(calendar.id),
        "name": calendar.name,
        "namespace": calendar.namespace,
        "description": calendar.description,
        "rules": calendar.rules,
        "version": calendar.version,
        "createdAt": instant(calendar.created_at),
        "createdBy": calendar.created_by,
        "updatedAt": instant(calendar.updated_at),
        "taskCount": calendar.task_count,
        "pendingTaskCount": calendar.pending_count,
    }


def closed_as_json(rules: CalendarRules, *, time_zone: str, first: date, count: int) -> Json:
    """Return the closed ones of some days, with what is open on the others."""
    return {
        "from": str(first),
        "to": str(first + timedelta(days=count - 1)),
        "timeZone": time_zone,
        "openTimes": open_ranges(rules),
        "closed": [{"date": str(closed.day), "reason": closed.reason} for closed in closed_days(rules, first, count)],
    }


def handler_as_json(handler: Handler) -> Json:
    """Return a handler of the catalogue."""
    return {
        "taskClass": handler.task_class,
        "description": handler.description,
        "schema": handler.schema,
        "defaults": handler.defaults,
        "schedules": handler.schedules,
        "version": handler.version,
        "queues": handler.queues,
        "nodeId": handler.node_id,
        "seenAt": instant(handler.seen_at),
    }


def node_as_json(node: Node) -> Json:
    """Return a node."""
    return {
        "id": str(node.id),
        "role": node.role,
        "hostname": node.hostname,
        "pid": node.pid,
        "version": node.version,
        "startedAt": instant(node.started_at),
        "heartbeatAt": instant(node.heartbeat_at),
        "endedAt": instant(node.ended_at),
        "load": node.load,
    }


def namespace_as_json(namespace: Namespace) -> Json:
    """Return the settings of a namespace."""
    return {
        "name": namespace.name,
        "weight": namespace.weight,
        "description": namespace.description,
        "secretNames": namespace.secret_names,
        "notifyChannel": namespace.notify_channel,
        "retentionDays": namespace.retention_days,
        "version": namespace.version,
        "createdAt": instant(namespace.created_at),
        "createdBy": namespace.created_by,
        "updatedAt": instant(namespace.updated_at),
    }


def flow_as_json(standing: FlowStanding) -> Json:
    """Return how flow control stands."""
    return {
        **flow_settings_as_json(standing.current),
        "version": standing.version,
        "covered": [flow_settings_as_json(row) for row in standing.covered],
        "planned": [flow_settings_as_json(row) for row in standing.planned],
    }


def flow_settings_as_json(row: FlowControl | None) -> Json:
    """Return what somebody has asked of flow control; None limits nothing."""
    limits = row.document if row is not None else {}
    return {
        "mode": limits.get("mode", FlowMode.NORMAL.value),
        "maxDispatchPerSecond": limits.get("maxDispatchPerSecond"),
        "maxConcurrency": limits.get("maxConcurrency"),
        **{name: limits.get(name, {}) for name in KINDS.values()},
        "reason": row and row.reason,
        "startsAt": instant(row.starts_at if row is not None else None),
        "expiresAt": instant(row.expires_at if row is not None else None),
        "id": row and row.id,
        "createdAt": instant(row.created_at if row is not None else None),
        "createdBy": row and row.created_by,
    }


def token_as_json(token: ApiToken) -> Json:
    """Return a token; neither its secret, which nobody has, nor the hash of it."""
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "namespace": token.namespace,
        "createdAt": instant(token.created_at),
        "expiresAt": instant(token.expires_at),
        "revokedAt": instant(token.revoked_at),
        "lastUsedAt": instant(token.last_used_at),
    }


def page_as_json(
    content: Sequence[Json],
    *,
    page: int | None,
    size: int,
    total: int,
    is_total_estimated: bool = False,
    next_cursor: str | None = None,
) -> Json:
    """Return one page of a list; `page` is None for what follows a cursor."""
    return {
        "content": list(content),
        "page": page,
        "size": size,
        "totalElements": total,
        "totalPages": -(-total // size) if size else 0,
        "isTotalEstimated": is_total_estimated,
        "nextCursor": next_cursor,
    }


def log_as_json(execution: Execution, log: ExecutionLog | None) -> Json:
    """Return what an execution has logged; nothing where it has not ended, or was silent."""
    return {
        "executionId": str(execution.id),
        "head": log.head if log else "",
        "tail": log.tail if log else "",
        "droppedBytes": log.dropped_bytes if log else 0,
    }


def _dependencies(task: Task) -> list[Json]:
    """Return what a task depends on; a task of another namespace goes by its id alone, as it was given."""
    return [
        {
            "taskId": str(upstream.task_id),
            "name": name,
            "condition": upstream.condition.value,
        }
        for upstream, name in task.named_upstreams
    ]


def _sla(execution: Execution) -> Json | None:
    """Return what was promised of an execution, and since when which of it is broken."""
    if execution.sla is None:
        return None
    breaches: dict[str, str] = execution.sla.get(BREACHES, {})
    return {
        **{name: execution.sla.get(name) for name in _PROMISED},
        "deadlineAt": instant_of(execution.sla.get("deadlineAt")),
        "breaches": [{"promise": promise, "brokenAt": instant_of(at)} for promise, at in sorted(breaches.items())],
    }


def _lateness_ms(execution: Execution) -> int | None:
    """Return how long after slot and jitter the slot began; only its first attempt can tell."""
    if execution.start_time is None or execution.attempt != 1:
        return None
    return round((execution.start_time - execution.due_at).total_seconds() * 1000)
