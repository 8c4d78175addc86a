"""Server-sent events: what a batch of changes looks like to those who may see it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import orjson
import psycopg

from scheduler.representations import Json, instant

# The key of those who see every namespace.
ALL: Final = None

RESET: Final = b"event: reset\ndata: {}\n\n"

Frames = Mapping[str | None, bytes]

_ONE_BY_ONE = """
SELECT h.namespace, h.id, h.task_id, t.name, h.status, h.reason, h.attempt, h.trigger, h.scheduled_for, h.queue,
    h.priority, h.start_time, h.end_time, h.execution_time_ms, h.node_id, h.run_id
FROM task_execution_history h JOIN scheduler_tasks t ON t.id = h.task_id
WHERE h.id = ANY(%(ids)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
ORDER BY h.id
"""

_BY_TASK = """
SELECT h.namespace, h.task_id, t.name, h.status, count(*)
FROM task_execution_history h JOIN scheduler_tasks t ON t.id = h.task_id
WHERE h.id = ANY(%(ids)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
GROUP BY h.namespace, h.task_id, t.name, h.status ORDER BY h.task_id, h.status
"""


def one_by_one(connection: psycopg.Connection, executions: Collection[UUID]) -> Frames:
    """Return an event `execution` for each of these executions, as it is by now."""
    return _joined(
        (row[0], _event("execution", _execution(*row))) for row in _rows(connection, _ONE_BY_ONE, executions)
    )


def by_task(connection: psycopg.Connection, executions: Collection[UUID]) -> Frames:
    """Return an event `task` for each task of these executions: how many of them have which status by now."""
    tasks: dict[tuple[str, UUID, str], dict[str, int]] = defaultdict(dict)
    for namespace, task_id, name, status, count in _rows(connection, _BY_TASK, executions):
        tasks[namespace, task_id, name][status] = count
    return _joined(
        (namespace, _event("task", _task(namespace, task_id, name, counts)))
        for (namespace, task_id, name), counts in tasks.items()
    )


def position(number: int) -> bytes:
    """Return what tells a client how far it has read; it is no event."""
    return f"id: {number}\n\n".encode()


def _rows(connection: psycopg.Connection, query: str, executions: Collection[UUID]) -> Iterable[Any]:
    ids = list(executions)
    return connection.execute(query, {"ids": ids, "low": min(ids), "high": max(ids)}) if ids else ()


def _joined(events: Iterable[tuple[str, bytes]]) -> Frames:
    """Return all events together, and those of each namespace."""
    parts: dict[str | None, list[bytes]] = defaultdict(list)
    for namespace, event in events:
        parts[ALL].append(event)
        parts[namespace].append(event)
    return {namespace: b"".join(texts) for namespace, texts in parts.items()}


def _event(name: str, data: Json) -> bytes:
    # JSON has no line breaks of its own, so that one line of data holds all of it.
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))


def _execution(
    namespace: str, execution_id: UUID, task_id: UUID, name: str, status: str, reason: str | None, attempt: int,
    trigger: str, scheduled_for: Any, queue: str, priority: int, start_time: Any, end_time: Any,
    execution_time_ms: int | None, node_id: str | None, run_id: UUID | None,
) -> Json:  # fmt: skip
    return {
        "id": str(execution_id),
        "taskId": str(task_id),
        "taskName": name,
        "namespace": namespace,
        "queue": queue,
        "priority": priority,
        "scheduledFor": instant(scheduled_for),
        "status": status,
        "reason": reason,
        "attempt": attempt,
        "trigger": trigger,
        "startTime": instant(start_time),
        "endTime": instant(end_time),
        "executionTimeMs": execution_time_ms,
        "nodeId": node_id,
        "runId": str(run_id) if run_id else None,
    }


def _task(namespace: str, task_id: UUID, name: str, counts: Mapping[str, int]) -> Json:
    return {"taskId": str(task_id), "taskName": name, "namespace": namespace, "counts": counts}
