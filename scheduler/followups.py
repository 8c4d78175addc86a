"""What an ended execution leads to: its retry, and what its task shows of it. In the transaction that ended it."""

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import psycopg

from scheduler import claims, delays, failures, permits, upstream_ends
from scheduler.delays import SlotEnd
from scheduler.engine import sla
from scheduler.engine.bundles import FORGETTING
from scheduler.engine.identity import BACKFILL, retry_id
from scheduler.engine.retry import RetryPolicy, should_retry
from scheduler.engine.states import Reason, Status, TaskStatus, Trigger
from scheduler.records import Closed, Ended, EndingTask, NewExecution
from scheduler.schedules import FIXED_DELAY

logger = logging.getLogger(__name__)


RELEASE_CHANNEL = "execution_release"

# What ran to its own end, or to the limit: its time says how long the task runs.
_RAN = frozenset({Status.SUCCESS, Status.FAILED, Status.TIMED_OUT})


def lock_tasks(connection: psycopg.Connection, ended: Sequence[Ended]) -> dict[UUID, EndingTask]:
    """Lock the tasks of what has ended and return them, by id."""
    return claims.ending_tasks(connection, {execution.task_id for execution in ended}) if ended else {}


def retries(ended: Sequence[Ended], tasks: Mapping[UUID, EndingTask]) -> list[NewExecution]:
    """Return the retries of what has ended, for the caller to record."""
    decided = (_retry_or_none(execution, tasks[execution.task_id]) for execution in ended)
    return [retry for retry in decided if retry is not None]


_REFLECT = """
UPDATE scheduler_tasks t
SET last_executed_at = greatest(t.last_executed_at, u.last_executed_at),
    retry_count = coalesce(u.retry_count, t.retry_count),
    open_count = CASE WHEN t.overlap_policy = 'ALLOW' THEN 0 ELSE greatest(t.open_count - u.closed, 0) END,
    run_count = least(t.run_count + u.runs, 1000000),
    expected_ms = CASE
        WHEN u.runs > 0 THEN greatest(u.longest_ms, coalesce(t.expected_ms, 0) * power(%s, u.runs)) ELSE t.expected_ms
    END
FROM unnest(%s::uuid[], %s::timestamptz[], %s::int[], %s::int[], %s::int[], %s::float8[])
    AS u (id, last_executed_at, retry_count, closed, runs, longest_ms)
WHERE t.id = u.id
"""


def reflect(connection: psycopg.Connection, ended: Sequence[Ended], recorded: Sequence[NewExecution]) -> None:
    """Show on the tasks what has ended; the retries that were recorded keep them busy."""
    by_task: dict[UUID, list[Ended]] = defaultdict(list)
    for execution in ended:
        by_task[execution.task_id].append(execution)
    reopened = Counter(retry.task_id for retry in recorded)
    took = {task_id: [_took_ms(one) for one in group if one.status in _RAN] for task_id, group in by_task.items()}
    if by_task:
        connection.execute(
            _REFLECT,
            (
                FORGETTING,
                list(by_task),
                [max(execution.started_at for execution in group) for group in by_task.values()],
                [_retries_used(group) for group in by_task.values()],
                [len(group) - reopened[task_id] for task_id, group in by_task.items()],
                [len(runs) for runs in took.values()],
                [max(runs, default=0.0) for runs in took.values()],
            ),
        )


def go_on(
    connection: psycopg.Connection,
    ended: Sequence[Ended],
    tasks: Mapping[UUID, EndingTask],
    *,
    retried: Collection[UUID],
    now: datetime,
) -> None:
    """Set the next slots that counted from these ends, and let go what waited for them; a backfill takes its next slot.

    Of tasks that others depend on it is written down which slots have ended (`scheduler.dependents`).

    `retried` are the ids of the attempts that follow: what is tried again has not come to its end.
    """
    final = [one for one in ended if _next_id(one) not in retried]
    delayed = [one for one in final if tasks[one.task_id].interval_mode == FIXED_DELAY]
    delays.go_on(connection, [SlotEnd(one.task_id, one.cause, one.ended_at) for one in delayed])
    failures.count(connection, final, tasks)
    upstream_ends.note(connection, [one for one in final if tasks[one.task_id].has_dependents])
    freed = Counter(key for one in ended for key in _keys(one.queue, one.namespace, tasks[one.task_id]))
    _let_go(connection, tasks.values(), freed=freed, now=now)
    if any(one.cause.startswith(BACKFILL) for one in ended):
        _announce(connection)


def _let_go(
    connection: psycopg.Connection, tasks: Iterable[EndingTask], *, freed: Mapping[str, int], now: datetime
) -> None:
    """Free the permits, and have what waited for them or for these tasks looked at as soon as the caller commits."""
    may_go = permits.free(connection, freed, now=now)
    holding = [task.id for task in tasks if _holds(task)]
    held = claims.next_held(connection, holding) if holding else []
    if held:
        connection.execute(_WAKE, {"id": held, "low": min(held), "high": max(held), "now": now})
    if held or may_go:
        _announce(connection)


def _announce(connection: psycopg.Connection) -> None:
    """Have a node look, as soon as the caller commits; where the notice is lost it looks by itself, a little later."""
    connection.execute("SELECT pg_notify(%s, '')", (RELEASE_CHANNEL,))


def _holds(task: EndingTask) -> bool:
    return task.overlap_policy != "ALLOW" or task.max_concurrency is not None


def _keys(queue: str, namespace: str, task: EndingTask) -> tuple[str, ...]:
    return permits.keys_of(queue=queue, task_class=task.task_class, namespace=namespace)


_WAKE = """
UPDATE task_execution_history h SET not_before = %(now)s
WHERE h.id = ANY(%(id)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s AND h.status = 'SCHEDULED'
"""


_CLOSE = """
UPDATE scheduler_tasks t SET open_count = greatest(t.open_count - u.closed, 0)
FROM unnest(%s::uuid[], %s::int[]) AS u (id, closed)
WHERE t.id = u.id AND t.overlap_policy <> 'ALLOW'
"""


def close(connection: psycopg.Connection, closed: Sequence[Closed], *, now: datetime) -> None:
    """Take executions that will never run off their tasks' counts and the limits, and go on from their ends."""
    if not closed:
        return
    tasks = claims.ending_tasks(connection, {one.task_id for one in closed})
    counted = Counter(one.task_id for one in closed if one.made_busy)
    connection.execute(_CLOSE, (list(counted), list(counted.values())))
    delayed = [one for one in closed if tasks[one.task_id].interval_mode == FIXED_DELAY]
    delays.go_on(connection, [SlotEnd(one.task_id, one.cause, now) for one in delayed])
    upstream_ends.note(connection, [one for one in closed if tasks[one.task_id].has_dependents])
    queued = [one for one in closed if one.was_queued]
    freed = Counter(key for one in queued for key in _keys(one.queue, one.namespace, tasks[one.task_id]))
    _let_go(connection, tasks.values(), freed=freed, now=now)


_OPENED = """
UPDATE scheduler_tasks t SET open_count = t.open_count + u.opened
FROM unnest(%s::uuid[], %s::int[]) AS u (id, opened)
WHERE t.id = u.id AND t.overlap_policy <> 'ALLOW'
"""


def count_opened(connection: psycopg.Connection, task_ids: Iterable[UUID]) -> None:
    """Count executions among their tasks' open ones, one for each id; the caller has locked the tasks."""
    if opened := Counter(task_ids):
        connection.execute(_OPENED, (list(opened), list(opened.values())))


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


def _next_id(execution: Ended) -> UUID:
    return retry_id(execution.id, task_id=execution.task_id, cause=execution.cause, attempt=execution.attempt + 1)


def _retry(execution: Ended, task: EndingTask) -> NewExecution:
    attempt = execution.attempt + 1
    policy = RetryPolicy.from_json(json.loads(task.retry_policy))
    return NewExecution(
        id=_next_id(execution),
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
        sla=sla.of_retry(json.loads(execution.sla)) if execution.sla is not None else None,
    )


def _took_ms(execution: Ended) -> float:
    return (execution.ended_at - execution.started_at).total_seconds() * 1000


def _retries_used(group: Sequence[Ended]) -> int:
    """Return the retries that the latest of these slots has used; ids sort by slot."""
    return max(group, key=lambda execution: (execution.scheduled_for, execution.attempt)).attempt - 1
