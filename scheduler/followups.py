"""What an ended execution leads to: its retry, and what its task shows of it. In the transaction that ended it."""

import json
from collections import defaultdict
from collections.abc import Sequence

import psycopg

from scheduler import claims
from scheduler.engine.identity import retry_id
from scheduler.engine.retry import RetryPolicy, should_retry
from scheduler.engine.states import Reason, Status, TaskStatus, Trigger
from scheduler.records import Ended, EndingTask, NewExecution

_REFLECT = """
UPDATE scheduler_tasks t
SET last_executed_at = greatest(t.last_executed_at, u.last_executed_at),
    retry_count = coalesce(u.retry_count, t.retry_count),
    open_count = CASE WHEN t.overlap_policy = 'ALLOW' THEN 0 ELSE greatest(t.open_count - u.closed, 0) END
FROM unnest(%s::uuid[], %s::timestamptz[], %s::int[], %s::int[]) AS u (id, last_executed_at, retry_count, closed)
WHERE t.id = u.id
"""


def apply(connection: psycopg.Connection, ended: Sequence[Ended]) -> list[NewExecution]:
    """Write down on the tasks what has ended; return the retries, for the caller to record."""
    if not ended:
        return []
    tasks = claims.ending_tasks(connection, {execution.task_id for execution in ended})
    retries = [retry for execution in ended if (retry := _retry(execution, tasks[execution.task_id]))]
    _reflect(connection, ended, retries)
    return retries


def _retry(execution: Ended, task: EndingTask) -> NewExecution | None:
    if execution.is_permanent or task.status == TaskStatus.DELETED:
        return None
    if not should_retry(
        execution.status,
        attempt=execution.attempt,
        max_retry_count=task.max_retry_count,
        retry_on=json.loads(task.retry_on),
    ):
        return None
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


def _reflect(connection: psycopg.Connection, ended: Sequence[Ended], retries: Sequence[NewExecution]) -> None:
    by_task: dict[object, list[Ended]] = defaultdict(list)
    for execution in ended:
        by_task[execution.task_id].append(execution)
    reopened: dict[object, int] = defaultdict(int)
    for retry in retries:
        reopened[retry.task_id] += 1
    connection.execute(
        _REFLECT,
        (
            list(by_task),
            [max(execution.started_at for execution in group) for group in by_task.values()],
            [_retries_used(group) for group in by_task.values()],
            [len(group) - reopened[task_id] for task_id, group in by_task.items()],
        ),
    )


def _retries_used(group: Sequence[Ended]) -> int:
    """Return the retries that the latest of these slots has used; ids sort by slot."""
    return max(group, key=lambda execution: (execution.scheduled_for, execution.attempt)).attempt - 1
