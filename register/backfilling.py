"""Backfills that somebody asks for: which slots they have, and the operation that the schedulers carry out.

`namespace` is the one that the caller is bound to, None for a caller of every namespace.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.transaction import atomic

from register import journal
from register.errors import BackfillOpen
from register.given import Given
from register.locking import lock, publish_after_commit, visible
from scheduler import backfills, connections, schedules
from scheduler.engine.calendars import InvalidCalendar
from scheduler.engine.schedules import InvalidSchedule, NeverSchedule
from scheduler.engine.states import TaskStatus
from scheduler.errors import Fault, InvalidInput, TaskDeleted
from scheduler.models import Operation, Task
from scheduler.models.choices import AuditVerb, OperationKind, OperationStatus
from scheduler.models.operation import UNFINISHED
from scheduler.representations import instant

MOST_SLOTS = 10_000
CREATED_BY_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """What a backfill would do by now: all slots of the period, ascending, and how many of them it leaves out."""

    task: Task
    slots: list[datetime]
    left_out: int


def start_backfill(task_id: UUID, given: Given, *, actor: str, namespace: str | None, now: datetime) -> Operation:
    """Store a backfill for the schedulers to carry out and return it, PENDING.

    Its slots are those of the task's definition now. Raises TaskNotFound, TaskDeleted, BackfillOpen, InvalidInput.
    """
    with atomic():
        task, ready = lock(task_id, namespace=namespace, now=now)
        slots = _slots(task, given, now=now)
        _refuse_second(task)
        begin, end = given.values["begin"], given.values["to"]
        operation = Operation.objects.create(
            kind=OperationKind.BACKFILL,
            status=OperationStatus.PENDING,
            namespace=task.namespace,
            task=task,
            arguments={
                "from": begin.isoformat(),
                "to": end.isoformat(),
                **_how(given),
                "schedule": schedules.kept(task),
            },
            position=begin,
            total_count=len(slots),
            created_at=now,
            created_by=actor[:CREATED_BY_LENGTH],
        )
        asked = {"from": instant(begin), "to": instant(end), **_how(given)}
        journal.note(AuditVerb.BACKFILL, operation, after=asked | {"slots": len(slots)}, now=now)
        publish_after_commit(ready, now=now)
    return operation


def _how(given: Given) -> dict[str, Any]:
    return {"maxParallel": given.values["max_parallel"], "rerun": given.values["rerun"]}


def plan_backfill(task_id: UUID, given: Given, *, namespace: str | None, now: datetime) -> Plan:
    """Return what a backfill would do, and change nothing. Raises as `start_backfill` does."""
    task = visible(task_id, namespace=namespace)
    if task.status == TaskStatus.DELETED:
        raise TaskDeleted
    slots = _slots(task, given, now=now)
    _refuse_second(task)
    connection, size = connections.current(), backfills.SLOTS_PER_READ
    left_out = sum(
        len(backfills.settled(connection, task, slots[at : at + size], rerun=given.values["rerun"], now=now))
        for at in range(0, len(slots), size)
    )
    return Plan(task, slots, left_out)


def _refuse_second(task: Task) -> None:
    """Refuse two at once: each would count what the other runs among its own."""
    first = Operation.objects.filter(task=task, kind=OperationKind.BACKFILL, status__in=UNFINISHED).first()
    if first is not None:
        raise BackfillOpen(f"Backfill {first.id} of this task has not ended: wait for it, or abort it.")


def _slots(task: Task, given: Given, *, now: datetime) -> list[datetime]:
    """Return the slots of the period that run. Raises InvalidInput, with all that is wrong."""
    faults = list(given.faults) or _period_faults(given, now=now) or _schedule_faults(task)
    if faults:
        raise InvalidInput(faults)
    begin, end = given.values["begin"], given.values["to"]
    try:
        slots = list(islice(schedules.running(task).between(begin, end), MOST_SLOTS + 1))
    except (InvalidSchedule, InvalidCalendar) as refusal:
        raise InvalidInput([_impossible("from", f"The task's slots cannot be worked out: {refusal}")]) from None
    if not slots:
        raise InvalidInput([_impossible("from", "The task has no slot in this period that runs; choose another one.")])
    if len(slots) > MOST_SLOTS:
        message = (
            f"There are more than {MOST_SLOTS:,} slots in this period; ask for fewer at a time: {MOST_SLOTS:,} of them "
            f"lie before {instant(slots[-1])}."
        )
        raise InvalidInput([_impossible("to", message)])
    return slots


def _period_faults(given: Given, *, now: datetime) -> list[Fault]:
    begin, end = given.values["begin"], given.values["to"]
    faults = []
    if end <= begin:
        faults.append(_impossible("to", "This must be later than from: the slots are from <= slot < to."))
    if end > now:
        faults.append(_impossible("to", f"Slots to come fire by themselves; end at {instant(now)} or before."))
    return faults


def _schedule_faults(task: Task) -> list[Fault]:
    if schedules.is_fixed_delay(task):
        message = "A task with FIXED_DELAY has no slots in the past: each counts from an end. Trigger it instead."
        return [_impossible("from", message)]
    if isinstance(schedules.grid(task), NeverSchedule):
        return [_impossible("from", "This task has no schedule, and no slots; trigger it instead.")]
    return []


def _impossible(field: str, message: str) -> Fault:
    return Fault(field, "impossible", message, is_impossible=True)
