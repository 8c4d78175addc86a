"""Every write of an execution's status, conditional on what the writer believes; zero rows means "I lost it"."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from scheduler import changes, circuits, endings, followups, upstream_ends
from scheduler.connections import as_json
from scheduler.engine.identity import id_array, id_bounds
from scheduler.engine.states import Reason, Status, Trigger
from scheduler.errors import PartitionMissing
from scheduler.records import Admitted, Closed, Ended, HeldFor, NewExecution, Outcome, Ready, Started

# A batch is found by its ids. Its status is asked as `h.status || ''`, which no partial index answers: that of all that
# is RUNNING looks small, and what has left it lies in it until the next VACUUM.
_HELD_FOR_COLUMNS = [column.name for column in fields(HeldFor)]
_ADMITTED_COLUMNS = [column.name for column in fields(Admitted)]

_RECORD = changes.told("""
INSERT INTO task_execution_history (
    id, task_id, cause, attempt, trigger, status, scheduled_for, due_at, namespace, queue, priority, timeout_seconds,
    revision, reason, scheduled_until, slot_count, not_before, task_data, run_id, held_by, sla, queued_at, end_time,
    published_at, publish_count, sla_look_at
)
SELECT u.*,
    CASE WHEN u.status = 'QUEUED' THEN %(now)s END,
    CASE WHEN u.status = 'SKIPPED' THEN %(now)s END,
    CASE WHEN u.status = 'QUEUED' AND %(in_batch)s THEN %(now)s END,
    CASE WHEN u.status = 'QUEUED' AND %(in_batch)s THEN 1 ELSE 0 END,
    CASE WHEN u.sla IS NOT NULL THEN least(
        CASE WHEN u.attempt = 1 THEN u.due_at + make_interval(secs => (u.sla ->> 'maxLatenessSeconds')::float8) END,
        CASE WHEN u.attempt = 1 THEN (u.sla ->> 'deadlineAt')::timestamptz END,
        greatest(u.due_at, %(now)s) + make_interval(secs => (u.sla ->> 'maxDurationSeconds')::float8)
    ) END
FROM json_to_recordset(%(rows)s::json) AS u (
    id uuid, task_id uuid, cause text, attempt int, trigger text, status text, scheduled_for timestamptz,
    due_at timestamptz, namespace text, queue text, priority int, timeout_seconds int, revision int, reason text,
    scheduled_until timestamptz, slot_count int, not_before timestamptz, task_data text, run_id uuid, held_by text,
    sla jsonb
)
ON CONFLICT (id) DO NOTHING
RETURNING id
""")


def record(
    connection: psycopg.Connection, rows: Sequence[NewExecution], *, now: datetime, in_batch: bool = False
) -> set[UUID]:
    """Insert the rows; return the ids that were new: an id that stands already is another copy's, and is left alone.

    They travel as one JSON text: twenty arrays cost psycopg more than all else in a claim. With `in_batch` the caller
    writes a batch (`scheduler.batches`) that answers for their publishing. Raises PartitionMissing.
    """
    if not rows:
        return set()
    recorded = _insert(connection, rows, {"rows": as_json(rows), "now": now, "in_batch": in_batch})
    skipped = [row for row in rows if row.status is Status.SKIPPED and row.id in recorded]
    endings.note(connection, [row.id for row in skipped if _is_over(row)])
    # What is born final, and others may wait for; of a run of its own or another's.
    upstream_ends.note(connection, [row for row in skipped if row.run_id is not None])
    return recorded


def _insert(connection: psycopg.Connection, rows: Sequence[NewExecution], parameters: dict[str, Any]) -> set[UUID]:
    try:
        inserted = connection.execute(_RECORD, parameters)
        # All of them is the rule, and 500 ids take a while to be read back.
        if inserted.rowcount == len(rows):
            return {row.id for row in rows}
        return {row[0] for row in inserted.fetchall()}
    except psycopg.errors.CheckViolation as error:
        # A CHECK would be named; the text of "no partition found" depends on the server's language.
        if error.diag.constraint_name is None:
            raise PartitionMissing from error
        raise


def _is_over(row: NewExecution) -> bool:
    """Tell whether all is known of a row that was left out; a range is noted when its slots are counted."""
    return row.scheduled_until is None or row.slot_count is not None


# `t.status || ''`: what PostgreSQL knows of it may be of a time when every task was deleted.
_START = changes.told("""
UPDATE task_execution_history h
SET status = 'RUNNING', start_time = %(now)s, node_id = %(node_id)s, lease_expires_at = %(lease_expires_at)s,
    fence = nextval('execution_fence'), revision = t.version, reason = NULL
FROM scheduler_tasks t
WHERE h.id = ANY(%(id)s::text::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s AND h.status || '' = 'QUEUED'
    AND t.id = h.task_id AND t.status || '' <> 'DELETED'
RETURNING h.id, h.task_id, t.name, h.namespace, t.task_class, coalesce(h.task_data, t.task_data), h.fence, h.attempt,
    h.trigger, h.scheduled_for, h.run_id, t.timeout_seconds, h.lacked_by, h.start_time, t.time_zone, h.cause
""")


def start(
    connection: psycopg.Connection, execution: UUID, *, node_id: str, lease_expires_at: datetime, now: datetime
) -> Started | None:
    """Win one execution; None where somebody else has it."""
    won = start_all(connection, [execution], node_id=node_id, lease_expires_at=lease_expires_at, now=now)
    return won[0] if won else None


def start_all(
    connection: psycopg.Connection,
    executions: Sequence[UUID],
    *,
    node_id: str,
    lease_expires_at: datetime,
    now: datetime,
) -> list[Started]:
    """Win executions for `node_id`, in their order; those are left out that were started, cancelled or deleted."""
    parameters = {"id": id_array(executions), "node_id": node_id, "lease_expires_at": lease_expires_at, "now": now}
    rows = connection.execute(_START, parameters | id_bounds(executions)).fetchall()
    won = {started.id: started._replace(trigger=Trigger(started.trigger)) for started in map(Started._make, rows)}
    return [won[execution] for execution in executions if execution in won]


_HAND_BACK = changes.told("""
UPDATE task_execution_history h
SET status = 'QUEUED', start_time = NULL, node_id = NULL, lease_expires_at = NULL, published_at = NULL,
    handed_back_count = h.handed_back_count + 1, queued_at = %(now)s, reason = %(reason)s,
    lacked_by = coalesce(%(lacked_by)s, h.lacked_by)
FROM unnest(%(id)s::uuid[], %(fence)s::bigint[]) AS u (id, fence)
WHERE h.id = u.id AND h.id = ANY(%(ids)s::text::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
    AND h.fence = u.fence AND h.status || '' = 'RUNNING' AND h.cancel_requested_at IS NULL
RETURNING h.id, h.queue, h.priority, h.timeout_seconds
""")


def hand_back(
    connection: psycopg.Connection,
    held: Sequence[tuple[UUID, int]],
    *,
    now: datetime,
    reason: str | None = None,
    lacked_by: str | None = None,
) -> list[Ready]:
    """Return what was won, (id, fence), and not begun to the queue: same attempt, another fence at its next start.

    `lacked_by` is the node that has no handler of its class. What is to be cancelled stays RUNNING.
    """
    if not held:
        return []
    ids = [execution for execution, _ in held]
    parameters = {"id": ids, "fence": [fence for _, fence in held]} | id_bounds(ids)
    rows = connection.execute(_HAND_BACK, parameters | {"now": now, "reason": reason, "lacked_by": lacked_by})
    return [Ready(*row) for row in rows]


_RENEW = """
UPDATE task_execution_history h SET lease_expires_at = %(lease_expires_at)s
FROM unnest(%(id)s::uuid[], %(fence)s::bigint[]) AS u (id, fence)
WHERE h.id = u.id AND h.id = ANY(%(ids)s::text::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
    AND h.fence = u.fence AND h.status || '' = 'RUNNING'
RETURNING h.id, h.cancel_requested_at
"""


def renew(
    connection: psycopg.Connection, held: Sequence[tuple[UUID, int]], *, lease_expires_at: datetime
) -> dict[UUID, datetime | None]:
    """Renew the leases of `held` (id, fence); return those still owned, with the instant a cancel was asked."""
    if not held:
        return {}
    ids = [execution for execution, _ in held]
    parameters = {"id": ids, "fence": [fence for _, fence in held], "lease_expires_at": lease_expires_at}
    return dict(connection.execute(_RENEW, parameters | id_bounds(ids)).fetchall())


_FINISH = f"""
WITH ended AS (
UPDATE task_execution_history h
SET status = CASE WHEN u.status <> 'SUCCESS' AND h.cancel_requested_at IS NOT NULL THEN 'CANCELLED' ELSE u.status END,
    start_time = coalesce(u.started_at, h.start_time),
    end_time = greatest(coalesce(u.ended_at, %(now)s), u.started_at, h.start_time),
    result = CASE WHEN u.has_texts THEN h.result ELSE u.result END,
    error_message = CASE WHEN u.has_texts THEN h.error_message ELSE u.error_message END, lease_expires_at = NULL,
    reason = coalesce(u.reason, CASE WHEN u.status <> 'SUCCESS' THEN h.reason END),
    execution_time_ms = round(extract(
        epoch FROM greatest(coalesce(u.ended_at, %(now)s), u.started_at, h.start_time)
            - coalesce(u.started_at, h.start_time)
    ) * 1000)
FROM json_to_recordset(%(outcomes)s) AS u (
    id uuid, fence bigint, status text, ended_at timestamptz, result text, error_message text, reason text,
    is_permanent bool, started_at timestamptz, has_texts bool
)
WHERE h.id = u.id AND h.id = ANY(%(ids)s::text::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
    AND h.fence = u.fence AND h.status || '' = 'RUNNING'
RETURNING h.id, h.task_id, h.status, h.attempt, h.cause, h.scheduled_for, h.due_at, h.namespace, h.queue, h.priority,
    h.task_data, h.run_id, h.start_time, h.end_time, u.is_permanent, h.sla::text, h.queued_at
), noted AS ({endings.NOTE}), told AS ({changes.of("ended")})
SELECT * FROM ended
"""  # noqa: S608 - the note is ours


def finish(connection: psycopg.Connection, outcomes: Sequence[Outcome], *, now: datetime) -> dict[UUID, Ended]:
    """End the executions and start what follows (retries, the task's counters), in one transaction.

    What was asked to end is CANCELLED however it ended, unless it succeeded: no retry follows. Returns what was
    ended, by id; for the others the writer had lost the row (another fence, or ended already).
    """
    if not outcomes:
        return {}
    parameters = {"outcomes": as_json(outcomes), "now": now} | id_bounds([outcome.id for outcome in outcomes])
    with connection.transaction():
        rows = connection.execute(_FINISH, parameters).fetchall()
        ended = [Ended(row[0], row[1], Status(row[2]), *row[3:]) for row in rows]
        tasks = followups.lock_tasks(connection, ended)
        retries = followups.retries(connection, ended, tasks)
        recorded = record(connection, retries, now=now)
        circuits.note(connection, ended, tasks)
        followups.reflect(connection, ended, [retry for retry in retries if retry.id in recorded])
        followups.go_on(connection, ended, tasks, retried={retry.id for retry in retries}, now=now)
    return {execution.id: execution for execution in ended}


_KEEP_TEXTS = """
UPDATE task_execution_history h SET result = %(result)s, error_message = %(error_message)s
WHERE h.id = %(id)s AND h.fence = %(fence)s AND h.status || '' = 'RUNNING'
"""


def keep_texts(connection: psycopg.Connection, outcome: Outcome) -> None:
    """Store result and error message, too long for the way that the end takes, which says so with `has_texts`."""
    texts = {"result": outcome.result, "error_message": outcome.error_message}
    connection.execute(_KEEP_TEXTS, texts | {"id": outcome.id, "fence": outcome.fence})


_RELEASE = changes.told("""
UPDATE task_execution_history h
SET status = 'QUEUED', queued_at = %(now)s, not_before = NULL, reason = NULL, held_by = NULL
WHERE h.id = ANY(%(id)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s AND h.status || '' = 'SCHEDULED'
RETURNING h.id
""")


def release(connection: psycopg.Connection, executions: Sequence[UUID], *, now: datetime) -> set[UUID]:
    """Let held rows go; the caller has locked them (`scheduler.claims.held_executions`)."""
    if not executions:
        return set()
    parameters: dict[str, Any] = {"id": list(executions), "now": now}
    return {row[0] for row in connection.execute(_RELEASE, parameters | id_bounds(executions))}


_HOLD_AGAIN = """
UPDATE task_execution_history h SET not_before = u.not_before
FROM unnest(%(id)s::uuid[], %(not_before)s::timestamptz[]) AS u (id, not_before)
WHERE h.id = u.id AND h.id = ANY(%(ids)s::text::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
    AND h.status || '' = 'SCHEDULED'
"""


def hold_again(connection: psycopg.Connection, looks: Mapping[UUID, datetime]) -> None:
    """Look at held rows again later, each at its instant; the caller has locked them."""
    if looks:
        parameters: dict[str, Any] = {"id": list(looks), "not_before": list(looks.values())}
        connection.execute(_HOLD_AGAIN, parameters | id_bounds(list(looks)))


_HOLD_FOR = """
UPDATE task_execution_history h SET reason = u.reason, held_by = u.held_by, not_before = u.not_before
FROM unnest(%(id)s::uuid[], %(reason)s::text[], %(held_by)s::text[], %(not_before)s::timestamptz[])
    AS u (id, reason, held_by, not_before)
WHERE h.id = u.id AND h.id = ANY(%(ids)s::text::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
    AND h.status || '' = 'SCHEDULED'
"""


def hold_for(connection: psycopg.Connection, held: Sequence[HeldFor]) -> None:
    """Hold rows for what is in their way by now; the caller has locked them."""
    if held:
        columns: dict[str, Any] = {name: [getattr(one, name) for one in held] for name in _HELD_FOR_COLUMNS}
        connection.execute(_HOLD_FOR, columns | id_bounds(columns["id"]))


_ADMIT = changes.told("""
UPDATE task_execution_history h
SET status = u.status, reason = u.reason, not_before = u.not_before, held_by = u.held_by,
    queued_at = CASE WHEN u.status = 'QUEUED' THEN %(now)s::timestamptz END,
    due_at = CASE WHEN h.trigger = 'DEPENDENCY' THEN %(now)s::timestamptz ELSE h.due_at END
FROM unnest(%(id)s::uuid[], %(status)s::text[], %(reason)s::text[], %(not_before)s::timestamptz[], %(held_by)s::text[])
    AS u (id, status, reason, not_before, held_by)
WHERE h.id = u.id AND h.id = ANY(%(ids)s::text::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
    AND h.status || '' = 'SCHEDULED' AND h.reason || '' IN ('dependency', 'catch_up')
RETURNING h.id
""")


def admit(connection: psycopg.Connection, admitted: Sequence[Admitted], *, now: datetime) -> set[UUID]:
    """Let rows whose dependencies are met be QUEUED, or held for what admission has found; return their ids.

    Whoever has no slots of his own is due from then on. The caller has locked the rows (`scheduler.claims.awaiting`).
    """
    if not admitted:
        return set()
    columns: dict[str, Any] = {name: [getattr(one, name) for one in admitted] for name in _ADMITTED_COLUMNS}
    return {row[0] for row in connection.execute(_ADMIT, columns | id_bounds(columns["id"]) | {"now": now})}


_GIVE_WAY = """
UPDATE task_execution_history h SET priority = 1
WHERE h.id = ANY(%(id)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
    AND h.status || '' = 'SCHEDULED' AND h.priority > 1
"""


def give_way(connection: psycopg.Connection, executions: Sequence[UUID]) -> None:
    """Have locked rows that wait go under whatever is fresh."""
    if executions:
        connection.execute(_GIVE_WAY, {"id": list(executions)} | id_bounds(executions))


_SKIP = f"""
WITH ended AS (
UPDATE task_execution_history h SET status = 'SKIPPED', end_time = %(now)s, reason = %(reason)s, not_before = NULL
WHERE h.id = ANY(%(id)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
    AND h.status || '' = 'SCHEDULED' AND h.reason || '' IN ('dependency', 'catch_up')
RETURNING h.id, h.task_id, h.attempt, h.cause, h.scheduled_for, h.run_id, h.queue, h.namespace, false AS was_queued,
    false AS made_busy
), noted AS ({endings.NOTE}), told AS ({changes.of("ended")})
SELECT * FROM ended
"""  # noqa: S608 - the note is ours


def skip(connection: psycopg.Connection, executions: Sequence[UUID], *, reason: Reason, now: datetime) -> None:
    """Leave out rows that waited for other tasks; the caller has locked them and their tasks."""
    if executions:
        parameters: dict[str, Any] = {"id": list(executions), "reason": reason, "now": now}
        skipped = [Closed(*row) for row in connection.execute(_SKIP, parameters | id_bounds(executions))]
        followups.close(connection, skipped, now=now)


_CANCEL = f"""
WITH ended AS (
UPDATE task_execution_history h SET status = 'CANCELLED', end_time = %(now)s, reason = %(reason)s, not_before = NULL
FROM task_execution_history was
WHERE h.id = ANY(%(id)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s AND h.status || '' IN ('QUEUED', 'SCHEDULED')
    AND was.id = h.id AND was.id = ANY(%(id)s::uuid[]) AND was.id BETWEEN %(low)s AND %(high)s
RETURNING h.id, h.task_id, h.attempt, h.cause, h.scheduled_for, h.run_id, h.queue, h.namespace,
    was.status = 'QUEUED' AS was_queued, NOT (was.status = 'SCHEDULED' AND (
        was.reason = 'overlap' AND was.trigger IN ('CATCH_UP', 'BACKFILL') OR was.reason IN ('dependency', 'catch_up')
    )) AS made_busy
), noted AS ({endings.NOTE}), told AS ({changes.of("ended")})
SELECT * FROM ended
"""  # noqa: S608 - the note is ours


def cancel_waiting(
    connection: psycopg.Connection, executions: Sequence[UUID], *, reason: Reason | str, now: datetime
) -> set[UUID]:
    """Cancel rows that have not started, and their tasks are the less busy for it, in one transaction.

    The caller has locked the rows (`scheduler.claims.waiting_executions`).
    """
    if not executions:
        return set()
    parameters: dict[str, Any] = {"id": list(executions), "reason": reason, "now": now}
    with connection.transaction():
        closed = [Closed(*row) for row in connection.execute(_CANCEL, parameters | id_bounds(executions))]
        followups.close(connection, closed, now=now)
    return {one.id for one in closed}


CANCEL_CHANNEL = "execution_cancel"

_REQUEST_CANCEL = """
UPDATE task_execution_history h
SET cancel_requested_at = coalesce(h.cancel_requested_at, %(now)s), reason = coalesce(h.reason, %(reason)s)
WHERE h.id = ANY(%(id)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s AND h.status || '' = 'RUNNING'
"""

_NOTIFY_CANCEL = "SELECT pg_notify(%s, id) FROM unnest(%s::text[]) AS u (id)"


def request_cancel(connection: psycopg.Connection, *executions: UUID, reason: str, now: datetime) -> None:
    """Note that what runs is to end, and who asked first stands in its reason.

    Its worker hears of it when the caller commits, by NOTIFY, and again with each renewal of the lease.
    """
    if executions:
        parameters: dict[str, Any] = {"id": list(executions), "reason": reason, "now": now}
        connection.execute(_REQUEST_CANCEL, parameters | id_bounds(executions))
        connection.execute(_NOTIFY_CANCEL, (CANCEL_CHANNEL, list(map(str, executions))))
