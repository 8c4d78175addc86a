"""Rows as they are born: from a locked task and what is decided about a slot."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from scheduler.engine import sla
from scheduler.engine.admission import FIRST_WAIT, LONGEST_WAIT, TURN_TAKERS, Admission
from scheduler.engine.firing import Pass
from scheduler.engine.identity import execution_id, slot_cause
from scheduler.engine.states import GATED, Reason, Status, Trigger
from scheduler.records import DueTask, NewExecution, Ready


def fired(
    task: DueTask,
    admission: Admission,
    *,
    slot: datetime,
    due_at: datetime,
    cause: str,
    trigger: Trigger,
    now: datetime,
) -> NewExecution:
    """Return a slot's first attempt, as admission lets it be born."""
    if admission.status is Status.QUEUED and due_at > now:
        admission = Admission(Status.SCHEDULED, Reason.JITTER)  # an edit records a slot before its jitter is over
    execution = execution_id(task.id, cause=cause, at=slot, attempt=1)
    return NewExecution(
        execution,
        task.id,
        cause,
        1,
        trigger,
        admission.status,
        slot,
        due_at,
        task.namespace,
        task.queue,
        task.priority,
        task.timeout_seconds,
        task.version,
        admission.reason,
        None,
        None,
        not_before(admission, trigger, due_at=due_at, now=now),
        None,
        execution if task.has_dependents else None,  # the root of its run
        admission.held_by,
        _promised(task, slot, cause, trigger) if task.sla is not None else None,
    )


def _promised(task: DueTask, slot: datetime, cause: str, trigger: Trigger) -> Mapping[str, Any] | None:
    if task.sla is None or not sla.holds_for(trigger, cause):
        return None
    return sla.promised(task.sla, slot, time_zone=task.time_zone)


_IN_NOBODYS_WAY = frozenset({Reason.DEPENDENCY, Reason.CATCH_UP})


def makes_busy(row: NewExecution) -> bool:
    """Tell whether a new row keeps its task busy; what waits for its turn does not, nor for other tasks."""
    if row.status is not Status.SCHEDULED:
        return row.status is not Status.SKIPPED
    return row.reason not in _IN_NOBODYS_WAY and not (row.trigger in TURN_TAKERS and row.reason is Reason.OVERLAP)


def takes_turns(trigger: Trigger, admission: Admission) -> bool:
    """Tell whether admission has a row wait for its turn."""
    return trigger in TURN_TAKERS and admission.reason is Reason.OVERLAP


def not_before(admission: Admission, trigger: Trigger, *, due_at: datetime, now: datetime) -> datetime | None:
    """Return when a row that admission holds is looked at next; None where it does not hold it."""
    if admission.status is not Status.SCHEDULED:
        return None
    if admission.reason is Reason.JITTER:
        return due_at
    if admission.reason in GATED or admission.reason is Reason.CATCH_UP:
        return None  # it goes by priority, when its key lets it (`scheduler.throttles`, `scheduler.catchups`)
    if admission.reason is Reason.DEPENDENCY:
        return max(due_at, now)  # looked at as soon as it is due; what has ended since wakes it
    # The end that it waits for wakes it; it looks by itself in case that was missed.
    return now + (LONGEST_WAIT if trigger in TURN_TAKERS else FIRST_WAIT)


def passed(
    task: DueTask, entry: Pass, *, due_at: datetime, now: datetime, slot_count: int | None = None
) -> NewExecution:
    """Return the row of slots that do not run; the sweep counts those of a range that nobody has counted."""
    row = fired(
        task,
        Admission(Status.SKIPPED, entry.reason),
        slot=entry.slot,
        due_at=due_at,
        cause=slot_cause(entry.slot),
        trigger=Trigger.SCHEDULE,
        now=now,
    )
    is_single = entry.until == entry.slot
    promise = None if sla.is_excused(row.status, row.reason) else row.sla
    return replace(row, scheduled_until=entry.until, slot_count=1 if is_single else slot_count, sla=promise)


_UNKNOWN: Mapping[UUID, float] = MappingProxyType({})


def ready(rows: Iterable[NewExecution], expected_ms: Mapping[UUID, float] = _UNKNOWN) -> list[Ready]:
    """Return what of these rows is to be published; `expected_ms` says of which tasks it is known how long they run."""
    return [
        Ready(row.id, row.queue, row.priority, row.timeout_seconds, expected_ms.get(row.task_id))
        for row in rows
        if row.status is Status.QUEUED
    ]
