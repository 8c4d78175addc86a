"""Rows as they are born: from a locked task and what is decided about a slot."""

from dataclasses import replace
from datetime import datetime

from scheduler.engine.admission import admit
from scheduler.engine.firing import Pass
from scheduler.engine.identity import execution_id, slot_cause
from scheduler.engine.states import Status, Trigger
from scheduler.records import DueTask, NewExecution


def fired(task: DueTask, *, slot: datetime, cause: str, trigger: Trigger, open_count: int) -> NewExecution:
    """Return a slot's first attempt, as admission lets it be born."""
    admission = admit(overlap_policy=task.overlap_policy, open_count=open_count)
    return NewExecution(
        id=execution_id(task.id, cause=cause, at=slot, attempt=1),
        task_id=task.id,
        cause=cause,
        attempt=1,
        trigger=trigger,
        status=admission.status,
        reason=admission.reason,
        not_before=admission.not_before,
        scheduled_for=slot,
        due_at=slot,
        namespace=task.namespace,
        queue=task.queue,
        priority=task.priority,
        timeout_seconds=task.timeout_seconds,
        revision=task.version,
    )


def passed(task: DueTask, entry: Pass, *, slot_count: int | None = None) -> NewExecution:
    """Return the row of slots that do not run; the sweep counts those of a range that nobody has counted."""
    cause = slot_cause(entry.slot)
    row = fired(task, slot=entry.slot, cause=cause, trigger=Trigger.SCHEDULE, open_count=0)
    return replace(
        row,
        status=Status.SKIPPED,
        reason=entry.reason,
        not_before=None,
        scheduled_until=entry.until,
        slot_count=1 if entry.until == entry.slot else slot_count,
    )
