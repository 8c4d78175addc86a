"""What an ended execution leads to: its retry, and what its task shows of it. In the transaction that ended it."""

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

import psycopg

from scheduler import claims
from scheduler.engine.identity import retry_id
from scheduler.engine.retry import RetryPolicy, should_retry
from scheduler.engine.states import Reason, Status, TaskStatus, Trigger
from scheduler.records import Ended, EndingTask, NewExecution

logger = logging.getLogger(__name__)


def retries(connection: psycopg.Connection, ended: Sequence[Ended]) -> list[NewExecution]:
    """Lock the tasks of what has ended; return the retries, for the caller to record."""
    if not ended:
        return []
    tasks = claims.ending_tasks(connection, {execution.task_id for execution in ended})
    decided = (_retry_or_none(execution, tasks[execution.task_id]) for execution in ended)
    return [retry for retry in decided if retry is not None]


_REFLECT = """
UPDATE scheduler_tasks t
SET last_executed_at = greatest(t.last_executed_at, u.last_executed_at),
    retry_count = coalesce(u.retry_count, t.retry_count),
    open_count = CASE WHEN t.overlap_policy = 'ALLOW' THEN 0 ELSE greatest(t.open_count - u.closed, 0) END
FROM unnest(%s::uuid[], %s::timestamptz[], %s::int[], %s::int[]) AS u (id, last_executed_at, retry_count, closed)
WHERE t.id = u.id
"""


def reflect(connection: psycopg.Connection, ended: Sequence[Ended], recorded: Sequence[NewExecution]) -> None:
    """Show on the tasks what has ended; the retries that were recorded keep them busy."""
    by_task: dict[UUID, list[Ended]] = defaultdict(list)
    for execution in ended:
        by_task[execution.task_id].append(execution)
    reopened = Counter(retry.task_id for retry in recorded)
    if by_task:
        connection.execute(
            _REFLECT,
            (
                list(by_task),
                [max(execution.started_at for execution in group) for group in by_task.values()],
                [_retries_used(group) for group in by_task.values()],
                [len(group) - reopened[task_id] for task_id, group in by_task.items()],
            ),
        )


_CLOSE = """
UPDATE scheduler_tasks t SET open_count = greatest(t.open_count - u.closed, 0)
FROM unnest(%s::uuid[], %s::int[]) AS u (id, closed)
WHERE t.id = u.id AND t.overlap_policy <> 'ALLOW'
"""


def close(connection: psycopg.Connection, closed: Mapping[UUID, int]) -> None:
    """Take executions that will never run off their tasks' counts of open ones."""
    if closed:
        claims.lock_tasks(connection, closed)
        connection.execute(_CLOSE, (list(closed), list(closed.values())))


_OPENED = """
UPDATE scheduler_tasks SET open_count = open_count + 1 WHERE id = %s AND overlap_policy <> 'ALLOW'
"""


def count_opened(connection: psycopg.Connection, task_id: UUID) -> None:
    """Count an execution that somebody asked for among its task's open ones; the caller has locked the task."""
    connection.execute(_OPENED, (task_id,))


def _retry_or_none(execution: Ended, task: EndingTask) -> NewExecution | None:
    try:
        return _retry(execution, task) if _is_retried(execution, task) else None
    except Exception:  # rules that register would refuse may not hold back what else has ended
        logger.exception("The retry rules of task %s cannot be used: %s is not retried.", task.id, execution.id)
        return None


def _is_retried(execution: Ended, task: EndingTask) -> bool:
    if execution.is_permanent or task.status == TaskStatus.DELETED:
        return False
    return should_retry(
        execution.status,
        attempt=execution.attempt,
        max_retry_count=task.max_retry_count,
        retry_on=json.loads(task.retry_on),
    )


def _retry(execution: Ended, task: EndingTask) -> NewExecution:
    attempt = execution.attempt + 1
    policy = RetryPolicy.from_json(json.loads(task.retry_policy))
    return NewExecution(
        id=retry_id(execution.id, task_id=execution.task_id, cause=execution.cause, attempt=attempt),
        task_id=execution.task_id,
        cause=execution.cause,
        attempt=attempt,
        trigger=Trigger.RETRY,
        status=Status.SCHEDULED,
        reason=Reason.RETRY,
        not_before=execution.ended_at + policy.delay(attempt=execution.attempt, execution=execution.id),
        scheduled_for=execution.scheduled_for,
        due_at=execution.due_at,
        namespace=execution.namespace,
        queue=execution.queue,
        priority=execution.priority,
        timeout_seconds=task.timeout_seconds,
        revision=task.version,
        task_data=execution.task_data,
        run_id=execution.run_id,
    )


def _retries_used(group: Sequence[Ended]) -> int:
    """Return the retries that the latest of these slots has used; ids sort by slot."""
    return max(group, key=lambda execution: (execution.scheduled_for, execution.attempt)).attempt - 1
