"""What flow control has to do with an execution or a slot: a few short reads, and none where nothing was held."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F

from scheduler.engine import flow as engine
from scheduler.engine.explanations import CLAIM_LATE_AFTER, Flow
from scheduler.engine.gates import limits_of
from scheduler.engine.states import Reason, Status
from scheduler.models import Execution, FlowControl, Permit, Task
from scheduler.standing import flow_at


def of_execution(execution: Execution, *, now: datetime) -> Flow | None:
    """Return what holds an execution, or what held it when it was due; None where flow control did not."""
    task = execution.task
    keys = limits_of(queue=execution.queue, task_class=task.task_class, namespace=execution.namespace)
    if execution.status == Status.SCHEDULED and execution.reason == Reason.FLOW:
        key = execution.held_by or engine.ALL
        return _of_key(flow_at(now), [key]) or Flow(key)
    if execution.status == Status.SCHEDULED and execution.reason == Reason.LIMIT:
        return _of_full_key(keys, now=now)
    if execution.reason == Reason.MISFIRE or _was_late(execution):
        found = _of_key(flow_at(execution.due_at), keys)
        # What was born QUEUED was not held by a rate.
        was_held = execution.published_at != execution.queued_at or execution.status == Status.SKIPPED
        return found if was_held or (found is not None and found.is_paused) else None
    return None


def of_slot(task: Task, *, due_at: datetime, now: datetime) -> Flow | None:
    """Return what keeps a task from the claim whose slot is due; None where flow control does not."""
    if due_at > now:
        return None
    found = _of_key(flow_at(now), limits_of(queue=task.queue, task_class=task.task_class, namespace=task.namespace))
    return found if found is not None and found.is_paused else None


def _was_late(execution: Execution) -> bool:
    queued_at = execution.queued_at
    return execution.attempt == 1 and queued_at is not None and queued_at - execution.due_at > CLAIM_LATE_AFTER


def _of_full_key(keys: Iterable[str], *, now: datetime) -> Flow | None:
    """Return what limits how much runs at once under the first of these keys that has no place left."""
    full = set(Permit.objects.filter(key__in=keys, used__gte=F("capacity")).values_list("key", flat=True))
    row = flow_at(now) if full else None
    key = next((one for one in keys if one in full), None)
    if row is None or key is None or key not in (limits := engine.limits(row.document)):
        return None
    at_once = limits[key].capacity
    return Flow(key, False, None, at_once, row.reason, row.starts_at, row.expires_at, row.created_by)


def _of_key(row: FlowControl | None, keys: Iterable[str]) -> Flow | None:
    """Return what settings say of the first of these keys that they hold up."""
    if row is None:
        return None
    limits = engine.limits(row.document)
    holding = [key for key in keys if key in limits and (limits[key].is_paused or limits[key].per_second is not None)]
    if not holding:
        return None
    key = next((one for one in holding if limits[one].is_paused), holding[0])
    limit = limits[key]
    return Flow(
        key, limit.is_paused, limit.per_second, limit.capacity, row.reason, row.starts_at, row.expires_at,
        row.created_by,
    )  # fmt: skip
