"""What an ended execution leads to: its retry, and what its task shows of it. In the transaction that ended it."""

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from django.conf import settings

from scheduler import claims, delays, failing, failures, permits, upstream_ends
from scheduler.connections import as_json
from scheduler.delays import SlotEnd
from scheduler.engine import sla
from scheduler.engine.backoff import Streak, Wait, slowed
from scheduler.engine.bundles import FORGETTING
from scheduler.engine.gates import limits_of
from scheduler.engine.identity import BACKFILL, retry_id
from scheduler.engine.retry import RetryPolicy, should_retry
from scheduler.engine.states import Status, TaskStatus, Trigger
from scheduler.records import Closed, Ended, EndingTask, NewExecution
from scheduler.schedules import FIXED_DELAY

logger = logging.getLogger(__name__)


RELEASE_CHANNEL = "execution_release"

# What ran to its own end, or to the limit: its time says how long the task runs.
_RAN = frozenset({Status.SUCCESS, Status.FAILED, Status.TIMED_OUT})


def lock_tasks(connection: psycopg.Connection, ended: Sequence[Ended]) -> dict[UUID, EndingTask]:
    """Lock the tasks of what has ended and return them, by id."""
    return claims.ending_tasks(connection, {execution.task_id for execution in ended}) if ended else {}


def retries(
    connection: psycopg.Connection, ended: Sequence[Ended], tasks: Mapping[UUID, EndingTask]
) -> list[NewExecution]:
    """Return the retries of what has ended, for the caller to record; what fails in a row is tried more slowly."""
    retried = [(one, tasks[one.task_id]) for one in ended if _is_retried_or_not(one, tasks[one.task_id])]
    if not retried:
        return []
    keys = {key for one, task in retried for key in _failing_keys(one, task)} if settings.FAILURE_BACKOFF else set()
    streaks = failing.streaks(connection, keys)
    decided = (_retry_or_none(one, task, streaks) for one, task in retried)
    return [retry for retry in decided if retry is not None]


def _failing_keys(execution: Ended, task: EndingTask) -> tuple[str, str]:
    return failing.key_of_task(execution.task_id), failing.key_of_class(task.task_class)


_REFLECT = """
UPDATE scheduler_tasks t
SET last_executed_at = greatest(t.last_executed_at, u.last_executed_at),
    retry_count = coalesce(u.retry_count, t.retry_count),
    open_count = CASE WHEN t.overlap_policy = 'ALLOW' THEN 0 ELSE greatest(t.open_count - u.closed, 0) END,
    run_count = least(t.run_count + u.runs, 1000000),
    expected_ms = CASE
        WHEN u.runs > 0 THEN greatest(u.longest_ms, coalesce(t.expected_ms, 0) * power(%s, u.runs)) ELSE t.expected_ms
    END
FROM json_to_recordset(%s)
    AS u (id uuid, last_executed_at timestamptz, retry_count int, closed int, runs int, longest_ms float8)
WHERE t.id = u.id
"""


def reflect(connection: psycopg.Connection, ended: Sequence[Ended], recorded: Sequence[NewExecution]) -> None:
    """Show on the tasks what has ended; the retries that were recorded keep them busy."""
    by_task: dict[UUID, list[Ended]] = defaultdict(list)
    for execution in ended:
        by_task[execution.task_id].append(execution)
    reopened = Counter(retry.task_id for retry in recorded)
    rows = [_reflected(task_id, group, reopened=reopened[task_id]) for task_id, group in by_task.items()]
    if rows:
        connection.execute(_REFLECT, (FORGETTING, as_json(rows)))


def _reflected(task_id: UUID, group: Sequence[Ended], *, reopened: int) -> dict[str, object]:
    runs = [_took_ms(one) for one in group if one.status in _RAN]
    return {
        "id": task_id,
        "last_executed_at": max(execution.started_at for execution in group),
        "retry_count": _retries_used(group),
        "closed": len(group) - reopened,
        "runs": len(runs),
        "longest_ms": max(runs, default=0.0),
    }


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
    final = [one for one in ended if not retried or _next_id(one) not in retried]
    delayed = [one for one in final if tasks[one.task_id].interval_mode == FIXED_DELAY]
    delays.go_on(connection, [SlotEnd(one.task_id, one.cause, one.ended_at) for one in delayed])
    failures.count(connection, final, tasks)
    upstream_ends.note(connection, [one for one in final if tasks[one.task_id].has_dependents])
    freed = Counter(key for one in ended for key in _keys(one.queue, one.namespace, tasks[one.task_id]))
    left = Counter(one.task_id for one in ended)
    _let_go(connection, tasks.values(), freed=freed, left=left, now=now)
    if any(one.cause.startswith(BACKFILL) for one in ended):
        _announce(connection)


def _let_go(
    connection: psycopg.Connection,
    tasks: Iterable[EndingTask],
    *,
    freed: Mapping[str, int],
    left: Mapping[UUID, int],
    now: datetime,
) -> None:
    """Free the permits, and have what waited for them or for these tasks looked at as soon as the caller commits.

    `left` is how many of each task's executions have left their places to others.
    """
    may_go = permits.free(connection, freed, now=now)
    holding = {task.id: _places_left(task, left[task.id]) for task in tasks if _holds(task)}
    held = claims.next_held(connection, holding, now=now) if holding else []
    if held:
        connection.execute(_WAKE, {"id": held, "low": min(held), "high": max(held), "now": now})
    if held or may_go:
        _announce(connection)


def _announce(connection: psycopg.Connection) -> None:
    """Have a node look, as soon as the caller commits; where the notice is lost it looks by itself, a little later."""
    connection.execute("SELECT pg_notify(%s, '')", (RELEASE_CHANNEL,))


def _holds(task: EndingTask) -> bool:
    return task.overlap_policy != "ALLOW" or task.max_concurrency is not None


def _places_left(task: EndingTask, count: int) -> int:
    """Return how many may go where so many have ended: one after another, unless they may overlap."""
    if task.overlap_policy != "ALLOW" or task.max_concurrency is None:
        return 1
    return min(count, task.max_concurrency)


def _keys(queue: str, namespace: str, task: EndingTask) -> tuple[str, ...]:
    return limits_of(queue=queue, task_class=task.task_class, namespace=namespace)


_WAKE = """
UPDATE task_execution_history h SET not_before = %(now)s
WHERE h.id = ANY(%(id)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s AND h.status || '' = 'SCHEDULED'
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
    left = Counter(one.task_id for one in closed)
    _let_go(connection, tasks.values(), freed=freed, left=left, now=now)


_OPENED = """
UPDATE scheduler_tasks t SET open_count = t.open_count + u.opened
FROM unnest(%s::uuid[], %s::int[]) AS u (id, opened)
WHERE t.id = u.id AND t.overlap_policy <> 'ALLOW'
"""


def count_opened(connection: psycopg.Connection, task_ids: Iterable[UUID]) -> None:
    """Count executions among their tasks' open ones, one for each id; the caller has locked the tasks."""
    if opened := Counter(task_ids):
        connection.execute(_OPENED, (list(opened), list(opened.values())))


_UNUSABLE = "The retry rules of task %s cannot be used: %s is not retried."


def _is_retried_or_not(execution: Ended, task: EndingTask) -> bool:
    try:
        return _is_retried(execution, task)
    except Exception:  # rules that register would refuse may not hold back what else has ended
        logger.exception(_UNUSABLE, task.id, execution.id)
        return False


def _retry_or_none(execution: Ended, task: EndingTask, streaks: Mapping[str, Streak]) -> NewExecution | None:
    try:
        return _retry(execution, task, streaks)
    except Exception:  # nor may they here
        logger.exception(_UNUSABLE, task.id, execution.id)
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


def _wait(execution: Ended, task: EndingTask, streaks: Mapping[str, Streak]) -> Wait:
    policy = RetryPolicy.from_json(json.loads(task.retry_policy))
    delay = policy.delay(attempt=execution.attempt, execution=execution.id)
    longest = timedelta(seconds=policy.max_delay_seconds)
    of_task, of_class = (streaks.get(key) for key in _failing_keys(execution, task))
    return slowed(delay, longest=longest, of_task=of_task, of_class=of_class)


def _retry(execution: Ended, task: EndingTask, streaks: Mapping[str, Streak]) -> NewExecution:
    attempt = execution.attempt + 1
    wait = _wait(execution, task, streaks)
    return NewExecution(
        id=_next_id(execution),
        task_id=execution.task_id,
        cause=execution.cause,
        attempt=attempt,
        trigger=Trigger.RETRY,
        status=Status.SCHEDULED,
        reason=wait.reason,
        not_before=execution.ended_at + wait.delay,
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
