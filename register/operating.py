"""What operators do with a task: run it now, pause it, resume it, leave out a slot. Each verb is one transaction.

`namespace` is the one that the caller is bound to, None for a caller of every namespace; what lies in another one
is not found. `now` is read once, at the caller's edge.
"""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db.transaction import atomic

from register import catalogue, journal, secrets
from register.errors import NotPaused, TaskCompleted
from register.given import Given
from register.locking import lock, publish_after_commit, visible
from register.stored import Stored
from scheduler import claims, connections, dayloads, pauses, schedules, triggers
from scheduler.engine.schedules import InvalidSchedule
from scheduler.engine.states import TaskStatus
from scheduler.errors import Fault, InvalidInput, TaskDeleted
from scheduler.models import Execution, Task
from scheduler.models.choices import AuditVerb
from scheduler.representations import instant

MOST_SKIPPED = 100

_TICK = timedelta(microseconds=1)


def trigger_task(task_id: UUID, given: Given, *, namespace: str | None, now: datetime) -> Execution:
    """Run the task now, whatever its schedule says, and return the execution, QUEUED or SKIPPED.

    Raises TaskNotFound, TaskDeleted, InvalidInput.
    """
    with atomic():
        task = visible(task_id, namespace=namespace)
        task_data: str | None = given.values.get("task_data")
        faults = list(given.faults)
        if task_data is not None and (handler := catalogue.find_handler(task.task_class)):
            faults += catalogue.task_data_faults(handler, task_data)
        if task_data is not None:
            faults += secrets.unlisted(task_data, namespace=task.namespace, among=Stored())
        if faults:
            raise InvalidInput(faults)
        execution, ready = triggers.trigger(
            connections.current(), task_id, request=uuid4(), task_data=task_data, now=now
        )
        publish_after_commit(ready, now=now)
        made = Execution.objects.select_related("task").get(id=execution)
        journal.note(AuditVerb.TRIGGER, task, after={"executionId": str(made.id), "status": made.status}, now=now)
    return made


def pause_task(task_id: UUID, given: Given, *, actor: str, namespace: str | None, now: datetime) -> Task:
    """Stop firing, with a reason and an end if any; what is QUEUED or RUNNING goes on, retries wait.

    A paused task takes the new reason and end. Raises TaskNotFound, TaskDeleted, TaskCompleted, InvalidInput.
    """
    until: datetime | None = given.values.get("until")
    faults = list(given.faults)
    if until is not None and until <= now:
        faults.append(Fault("until", "impossible", "This has passed; leave it out to resume now.", is_impossible=True))
    with atomic():
        task, ready = lock(task_id, namespace=namespace, now=now)
        if faults:
            raise InvalidInput(faults)
        if task.status == TaskStatus.COMPLETED:
            raise TaskCompleted
        before = _standing(task)
        task.status = TaskStatus.PAUSED
        task.pause_reason = given.values.get("reason") or f"Paused by {actor}."
        task.paused_until = until
        task.claim_at = task.next_execution_time = None
        if (after := _standing(task)) != before:
            task.save(update_fields=["status", "pause_reason", "paused_until", "claim_at", "next_execution_time"])
            journal.note(AuditVerb.PAUSE, task, before=before, after=after, now=now)
        publish_after_commit(ready, now=now)
    return task


def resume_task(task_id: UUID, given: Given, *, namespace: str | None, now: datetime) -> Task:
    """Fire again. The slots of the pause become one SKIPPED row, or with `catch_up` the claim applies misfirePolicy.

    Raises TaskNotFound, TaskDeleted, NotPaused, InvalidInput.
    """
    if given.faults:
        raise InvalidInput(given.faults)
    with atomic():
        visible(task_id, namespace=namespace)
        # What was before is asked under the lock: it goes into the audit.
        claims.lock_tasks(connections.current(), [task_id])
        before = _standing(visible(task_id, namespace=namespace))
        catch_up = bool(given.values.get("catch_up"))
        resumed = pauses.resume(connections.current(), [task_id], catch_up=catch_up, now=now)
        if (refusal := resumed.get(task_id)) is not None:
            raise _unworkable(refusal) from refusal
        task = visible(task_id, namespace=namespace)
        if task.status == TaskStatus.DELETED:
            raise TaskDeleted
        if task_id not in resumed:
            raise NotPaused
        journal.note(AuditVerb.RESUME, task, before=before, after=_standing(task) | {"catchUp": catch_up}, now=now)
    return task


def _unworkable(refusal: Exception) -> Exception:
    if isinstance(refusal, InvalidSchedule):
        return InvalidInput([Fault(refusal.field, refusal.code, str(refusal), is_impossible=True)])
    return refusal


def skip_slot(task_id: UUID, given: Given, *, namespace: str | None, now: datetime) -> Task:
    """Leave out one coming slot; it is recorded as SKIPPED when its time comes. Asking twice says no more than once.

    Raises TaskNotFound, TaskDeleted, InvalidInput.
    """
    with atomic():
        task, ready = lock(task_id, namespace=namespace, now=now)
        faults = [*given.faults] or _skip_faults(task, given.values["slot"], now=now)
        if faults:
            raise InvalidInput(faults)
        slot: datetime = given.values["slot"]
        if slot not in (task.skip_slots or []):
            journal.note(AuditVerb.SKIP, task, after={"slot": instant(slot)}, now=now)
        coming = {one for one in task.skip_slots or [] if one > now} | {slot}
        task.skip_slots = sorted(coming)
        if task.status == TaskStatus.ACTIVE:
            loads = dayloads.of(connections.current(), [task])
            place = schedules.place(task, task.next_slot_for, loads=loads)
            task.next_execution_time = place.shown_at
            task.flex_for, task.flex_ms = place.flex_for, place.flex_ms
        task.save(update_fields=["skip_slots", "next_execution_time", "flex_for", "flex_ms"])
        publish_after_commit(ready, now=now)
    return task


def _skip_faults(task: Task, slot: datetime, *, now: datetime) -> list[Fault]:
    if slot <= now:
        return [Fault("slot", "impossible", "This has passed: only coming slots can be left out.", is_impossible=True)]
    if schedules.running(task).next_after(slot - _TICK) != slot:
        return [Fault("slot", "impossible", "This task has no slot at that instant.", is_impossible=True)]
    if len([other for other in task.skip_slots or [] if other > now and other != slot]) >= MOST_SKIPPED:
        message = f"{MOST_SKIPPED} coming slots are left out already; pause the task instead."
        return [Fault("slot", "impossible", message, is_impossible=True)]
    return []


def _standing(task: Task) -> dict[str, str | None]:
    return {"status": task.status, "pauseReason": task.pause_reason, "pausedUntil": instant(task.paused_until)}
