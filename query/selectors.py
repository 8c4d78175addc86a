"""Every read of tasks and executions. `namespace` is the one that the caller is bound to, None sees them all."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from scheduler.engine.identity import BACKFILL, lower_bound, slot_cause
from scheduler.engine.predictions import JUDGED, RECENT
from scheduler.engine.states import OPEN, Status
from scheduler.errors import ExecutionNotFound, TaskNotFound
from scheduler.models import Breach, Execution, ExecutionLog, Task

# What an explanation reads at most: attempts at one slot, executions in the way, rows that they are sought among.
MOST_ATTEMPTS: Final = 20
MOST_OPEN: Final = 5
SOME: Final = 100
LOOKED_BACK: Final = 200
RANGES_SOUGHT: Final = 1_000

# A prediction rests on the last successes; as many again judge it, and they are sought among so many rows.
SAMPLED: Final = RECENT
JUDGED_BY: Final = RECENT + JUDGED
SUCCESSES_SOUGHT: Final = 300

# An id begins with its milliseconds; so many bits follow.
_BELOW_MILLISECONDS: Final = 80


def visible_tasks(*, namespace: str | None) -> QuerySet[Task]:
    """Return the tasks that the caller may see, deleted ones among them."""
    tasks = Task.objects.select_related("calendar")
    return tasks if namespace is None else tasks.filter(namespace=namespace)


def find_task(task_id: UUID, *, namespace: str | None) -> Task:
    """Return one task, deleted or not. Raises TaskNotFound."""
    task = visible_tasks(namespace=namespace).filter(id=task_id).first()
    if task is None:
        raise TaskNotFound
    return task


def history_of(task: Task) -> QuerySet[Execution]:
    """Return a task's executions."""
    return Execution.objects.filter(task_id=task.id)


def visible_executions(*, namespace: str | None) -> QuerySet[Execution]:
    """Return the executions that the caller may see, with their tasks."""
    executions = Execution.objects.select_related("task")
    return executions if namespace is None else executions.filter(namespace=namespace)


def listed_executions(*, namespace: str | None) -> QuerySet[Execution]:
    """Return the executions that the caller may see, with the names of their tasks."""
    own = [field.attname for field in Execution._meta.concrete_fields]  # noqa: SLF001 - documented
    return visible_executions(namespace=namespace).only(*own, "task__name")


def find_execution(execution_id: UUID, *, namespace: str | None) -> Execution:
    """Return one execution with its task. Raises ExecutionNotFound."""
    return _only(visible_executions(namespace=namespace), execution_id)


def find_explained(execution_id: UUID, *, namespace: str | None) -> Execution:
    """Return one execution with its task and that task's calendar. Raises ExecutionNotFound."""
    return _only(visible_executions(namespace=namespace).select_related("task__calendar"), execution_id)


def _only(executions: QuerySet[Execution], execution_id: UUID) -> Execution:
    execution = executions.filter(id=execution_id).first()
    if execution is None:
        raise ExecutionNotFound
    return execution


def executions_by_id(ids: Sequence[UUID]) -> dict[UUID | None, Execution]:
    """Return these executions by their ids."""
    if not ids:
        return {}
    rows = Execution.objects.filter(id__in=ids, id__gte=min(ids), id__lte=max(ids))
    return {row.id: row for row in rows}


def attempts_at(execution: Execution) -> list[Execution]:
    """Return the attempts at an execution's slot up to the one after it, the newest few, oldest first.

    They share the milliseconds of their ids, so that the index of the task's history leads to them.
    """
    low = UUID(int=execution.id.int >> _BELOW_MILLISECONDS << _BELOW_MILLISECONDS)
    rows = Execution.objects.filter(
        task_id=execution.task_id, id__gte=low, id__lt=_a_millisecond_on(low), cause=execution.cause,
        attempt__lte=execution.attempt + 1,
    )  # fmt: skip
    return list(reversed(rows.order_by("-attempt")[:MOST_ATTEMPTS]))


def recorded_at(task: Task, slot: datetime) -> Execution | None:
    """Return the latest attempt at a slot of the schedule, or else what somebody asked for at that very instant."""
    low = lower_bound(slot)
    rows = Execution.objects.filter(task_id=task.id, id__gte=low, id__lt=_a_millisecond_on(low), scheduled_for=slot)
    found = list(rows.order_by("-attempt", "-id")[:MOST_ATTEMPTS])
    return next((row for row in found if row.cause == slot_cause(slot)), found[0] if found else None)


def range_over(task: Task, slot: datetime) -> Execution | None:
    """Return the range row in which a slot lies, sought among the newest rows that begin before it."""
    newest = Execution.objects.filter(task_id=task.id, id__lt=_a_millisecond_on(lower_bound(slot))).order_by("-id")
    among = newest.values("id")[:RANGES_SOUGHT]
    rows = Execution.objects.filter(id__in=among, scheduled_for__lte=slot, scheduled_until__gte=slot)
    return rows.order_by("-id").first()


def backfills_of(task: Task, slot: datetime) -> list[Execution]:
    """Return a backfill's executions of a slot, whose ids are of the instant at which it was asked for."""
    rows = Execution.objects.filter(task_id=task.id, scheduled_for=slot, cause__startswith=BACKFILL)
    # Ordered by the database, they would be sought along the index of the task's whole history.
    return sorted(rows[:SOME], key=lambda row: row.id)[-MOST_OPEN:]


def open_now(task_id: UUID) -> list[Execution]:
    """Return some of a task's open executions, those of the oldest slots first."""
    rows = Execution.objects.filter(task_id=task_id, status__in=sorted(OPEN))
    return sorted(rows[:SOME], key=lambda row: row.id)[:MOST_OPEN]


def last_successes(task_id: UUID) -> list[Execution]:
    """Return a task's last runs that succeeded, oldest first, sought among its newest rows."""
    newest = (
        Execution.objects.filter(task_id=task_id)
        .only("id", "status", "scheduled_for", "execution_time_ms")
        .order_by("-id")[:SUCCESSES_SOUGHT]
    )
    succeeded = [row for row in newest if row.status == Status.SUCCESS and row.execution_time_ms is not None]
    return list(reversed(succeeded[:JUDGED_BY]))


def open_at(execution: Execution, at: datetime) -> list[Execution]:
    """Return some executions of the same task that were open at an instant, among the newest before it.

    When a row was born is not stored: what ended after the instant, or has not, counts as open from its slot on.
    """
    newest = (
        Execution.objects.filter(task_id=execution.task_id, id__lt=_a_millisecond_on(lower_bound(at)))
        .only("id", "task_id", "scheduled_for", "status", "start_time", "end_time")
        .order_by("-id")[:LOOKED_BACK]
    )
    others = [one for one in newest if one.status != Status.SKIPPED and one.id != execution.id]
    return [one for one in others if one.end_time is None or one.end_time >= at][:MOST_OPEN]


def _a_millisecond_on(low: UUID) -> UUID:
    return UUID(int=low.int + (1 << _BELOW_MILLISECONDS))


def find_log(execution: Execution) -> ExecutionLog | None:
    """Return what an execution has logged, None where it has not ended or was silent."""
    return ExecutionLog.objects.filter(id=execution.id).first()


def visible_breaches(*, namespace: str | None) -> QuerySet[Breach]:
    """Return the broken promises that the caller may see, with their tasks."""
    breaches = Breach.objects.select_related("task")
    return breaches if namespace is None else breaches.filter(namespace=namespace)
