"""Slots that fail in a row: counted on their task, which is paused when it has had enough of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

import psycopg

from scheduler import audit
from scheduler.engine.retry import RETRYABLE
from scheduler.engine.schedules.instants import told
from scheduler.engine.states import Status, TaskStatus
from scheduler.models.choices import AuditVerb
from scheduler.records import Ended, EndingTask

_COUNT = """
UPDATE scheduler_tasks
SET failed_slot_count = CASE WHEN %(had_success)s THEN 0 ELSE failed_slot_count END + %(failed)s
WHERE id = %(id)s RETURNING failed_slot_count
"""

_PAUSE = """
UPDATE scheduler_tasks
SET status = 'PAUSED', pause_reason = %(reason)s, paused_until = NULL, claim_at = NULL, next_execution_time = NULL
WHERE id = %(id)s AND status = 'ACTIVE'
"""


def count(connection: psycopg.Connection, final: Sequence[Ended], tasks: Mapping[UUID, EndingTask]) -> None:
    """Count the slots that have failed for good, of tasks with autoPauseAfterFailures; the caller has locked them.

    A success begins anew; runs by hand, events and backfills are no slots and neither count nor comfort.
    """
    by_task: dict[UUID, list[Ended]] = defaultdict(list)
    for one in final:
        if tasks[one.task_id].auto_pause_after_failures is not None and one.cause.startswith("slot:"):
            by_task[one.task_id].append(one)
    for task_id, group in by_task.items():
        _count(connection, tasks[task_id], sorted(group, key=lambda one: one.ended_at))


def _count(connection: psycopg.Connection, task: EndingTask, group: Sequence[Ended]) -> None:
    since = max((number + 1 for number, one in enumerate(group) if one.status is Status.SUCCESS), default=0)
    failed = [one for one in group[since:] if one.status in RETRYABLE]
    if not since and not failed:
        return
    row = connection.execute(_COUNT, {"id": task.id, "had_success": since > 0, "failed": len(failed)}).fetchone()
    limit = task.auto_pause_after_failures
    if row is None or limit is None or row[0] < limit or task.status != TaskStatus.ACTIVE or not failed:
        return
    reason = f"{row[0]} slots have failed in a row; the last one, of {told(failed[-1].scheduled_for)}, "
    connection.execute(_PAUSE, {"id": task.id, "reason": reason + f"is {failed[-1].status}."})
    now = failed[-1].ended_at
    audit.record_standing(connection, [task.id], verb=AuditVerb.PAUSE, before=TaskStatus.ACTIVE, now=now)
