"""The verbs of registration: create, change, clone, delete. Each is one transaction and never sees a request.

`namespace` is the one that the caller is bound to, None for a caller of every namespace; what lies in another one
is not found. `now` is read once, at the caller's edge.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from register import catalogue, dependencies, journal, rules, secrets, timing
from register.calendars import naming
from register.errors import NamespaceForbidden, NameTaken
from register.given import Given
from register.locking import lock, publish_after_commit, visible
from scheduler import claims, connections, pauses, revisions, transitions
from scheduler.engine.admission import TURN_TAKERS
from scheduler.engine.retry import RetryPolicy
from scheduler.engine.states import OPEN, Reason, Status, TaskStatus
from scheduler.errors import Fault, InvalidInput, TaskNotFound
from scheduler.models import Execution, Task
from scheduler.models.choices import AuditVerb, OverlapPolicy

DEFAULT_NAMESPACE = "default"
CREATED_BY_LENGTH = 100

_NAME_ONCE = "scheduler_tasks_name_once"


def create_task(given: Given, *, actor: str, namespace: str | None, now: datetime) -> Task:
    """Store a new task and return it. Raises InvalidInput, NameTaken, NamespaceForbidden."""
    # Stored in full: what a policy leaves out must not change under a task when a default does.
    presets = {"namespace": namespace or DEFAULT_NAMESPACE, "retry_policy": RetryPolicy().as_json()}
    values = presets | given.values
    values, faults = naming.resolved(values, namespace=values["namespace"])
    if namespace not in (None, values["namespace"]):
        raise NamespaceForbidden
    with transaction.atomic():
        given = replace(given, values=values, faults=(*given.faults, *faults))
        given = dependencies.lock(given, namespace=values["namespace"], bound_to=namespace)
        task = Task(**given.values, created_at=now, updated_at=now, created_by=actor[:CREATED_BY_LENGTH])
        task.status = TaskStatus.ACTIVE
        _settle(task, given=given.values)
        _refuse_faults(task, given, changed=frozenset(values), now=now, bound_to=namespace)
        timing.set_first_slot(task, now=now)
        with _one_name():
            task.save(force_insert=True)
        if task.has_dependencies:
            dependencies.link(task)
        journal.defined(AuditVerb.CREATE, [task], now=now)
    return task


def change_task(
    task_id: UUID,
    given: Given,
    *,
    namespace: str | None,
    now: datetime,
    versions: frozenset[int] | None = None,
    restored_from: int | None = None,
) -> Task:
    """Change the fields given and return the task; its version grows where that changes the definition.

    The old definition answers for its own slots up to `now` first. `versions` are those that If-Match accepts, None
    accepts any; `restored_from` is the version whose definition this is. Raises TaskNotFound, TaskDeleted,
    VersionStale, InvalidInput, NameTaken.
    """
    with transaction.atomic():
        at = visible(task_id, namespace=namespace).namespace
        given = dependencies.lock(given, task_id=task_id, namespace=at, bound_to=namespace)
        task, ready = lock(task_id, namespace=namespace, versions=versions, now=now)
        before = {name: getattr(task, name) for name in (*revisions.DEFINITION, "upstreams")}
        values, faults = naming.resolved(_resolved(given.values), namespace=task.namespace)
        given = replace(given, faults=(*given.faults, *faults))
        for column, value in values.items():
            setattr(task, column, value)
        _settle(task, given=given.values)
        changed = frozenset(column for column, value in before.items() if getattr(task, column) != value)
        if changed & timing.SCHEDULE_COLUMNS:
            # The next slot is about to move; of a paused task, nobody has recorded those of the pause yet.
            task.last_slot_for = pauses.record(connections.current(), task_id, until=now, now=now) or task.last_slot_for
        _refuse_faults(task, given, changed=changed, now=now, bound_to=namespace, old_namespace=before["namespace"])
        if changed:
            revisions.keep_missing(connections.current(), [task_id])
            _store_change(task, changed, now=now)
            journal.defined(AuditVerb.CHANGE, [task], restored_from=restored_from, now=now)
        publish_after_commit(ready, now=now)
    return task


def clone_task(task_id: UUID, given: Given, *, actor: str, namespace: str | None, now: datetime) -> Task:
    """Register a new task with another's definition, changed by what is given; neither its slots nor its pause.

    Raises TaskNotFound, InvalidInput, NameTaken, NamespaceForbidden.
    """
    source = visible(task_id, namespace=namespace)
    definition = {column: getattr(source, column) for column in revisions.DEFINITION if column != "anchor_at"}
    definition["upstreams"] = [
        {"task_id": upstream.task_id, "condition": upstream.condition} for upstream in source.upstreams
    ]
    if "calendar_name" in given.values:
        del definition["calendar_id"]
    values = definition | _resolved(given.values)
    return create_task(replace(given, values=values), actor=actor, namespace=namespace, now=now)


def delete_task(task_id: UUID, *, namespace: str | None, now: datetime, versions: frozenset[int] | None = None) -> None:
    """Mark the task DELETED and cancel what waits; what runs ends. Raises TaskNotFound, VersionStale."""
    with transaction.atomic():
        dependencies.lock_linked(task_id)
        # Slots up to now belong to the history even so: they are recorded, then cancelled with all that waits.
        task, _ = lock(task_id, namespace=namespace, versions=versions, if_deleted=TaskNotFound, now=now)
        dependencies.refuse_in_use(task)
        pauses.record(connections.current(), task_id, until=now, now=now)
        Task.objects.filter(id=task_id).update(
            status=TaskStatus.DELETED, claim_at=None, next_slot_for=None, next_execution_time=None
        )
        connection = connections.current()
        waiting = claims.waiting_executions(connection, [task_id])
        transitions.cancel_waiting(connection, waiting, reason=Reason.DELETED, now=now)
        dependencies.mark({upstream.task_id for upstream in task.upstreams})
        before, after = {"status": task.status}, {"status": TaskStatus.DELETED}
        journal.note(AuditVerb.DELETE, task, before=before, after=after, now=now)


def _settle(task: Task, *, given: Collection[str]) -> None:
    """Set what follows from the columns `given`."""
    timing.settle(task, given=given)
    task.has_dependencies = bool(task.upstreams)


def _resolved(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with what they imply: one kind of schedule that is given takes the place of another."""
    kinds = [column for column in timing.KINDS if values.get(column) is not None]
    return dict.fromkeys(timing.KINDS) | values if len(kinds) == 1 else values


def _refuse_faults(
    task: Task,
    given: Given,
    *,
    changed: frozenset[str],
    now: datetime,
    bound_to: str | None,
    old_namespace: str | None = None,
) -> None:
    faults = [*given.faults, *rules.broken(task, changed=changed, faulty=given.faulty, now=now)]
    if old_namespace is not None and task.namespace != old_namespace:
        faults.append(_stays(old_namespace))
    if "calendar_id" in changed:
        faults += naming.kept(task)
    if not {"task_class", "task_data"} & given.faulty and {"task_class", "task_data"} & changed:
        faults += _handler_faults(task, given, changed)
    if "task_data" in changed - given.faulty:
        faults += secrets.unlisted(task.task_data, namespace=task.namespace)
    if "upstreams" in changed - given.faulty:
        faults += dependencies.broken(task, bound_to=bound_to)
    if faults:
        raise InvalidInput(faults)


def _stays(namespace: str) -> Fault:
    # Its history carries the namespace in every row, and tokens see by it.
    message = f"A task stays in its namespace ({namespace}); register it anew in the other one."
    return Fault("namespace", "impossible", message, is_impossible=True)


def _handler_faults(task: Task, given: Given, changed: frozenset[str]) -> list[Fault]:
    handler = catalogue.find_handler(task.task_class)
    if handler is not None:
        return catalogue.task_data_faults(handler, task.task_data)
    if "task_class" in changed and not given.allow_unknown_task_class:
        return [catalogue.unknown_task_class(task.task_class)]
    return []


def _store_change(task: Task, changed: frozenset[str], *, now: datetime) -> None:
    """Write the changed columns; the row is locked, so nobody else's value is overwritten."""
    columns = {*changed, "version", "updated_at"}
    task.version += 1
    task.updated_at = now
    if changed & timing.SCHEDULE_COLUMNS:
        timing.set_first_slot(task, now=now)
        columns.update(timing.TIMING_COLUMNS)
    if changed & {"task_class", "task_data"}:
        # How long it ran says nothing of what it does now.
        task.run_count, task.expected_ms = 0, None
        columns.update(("run_count", "expected_ms"))
    if "overlap_policy" in changed:
        task.open_count = _open_count(task)
        columns.add("open_count")
    if "upstreams" in columns:
        columns = columns - {"upstreams"} | {"has_dependencies"}
        dependencies.link(task)
    with _one_name():
        task.save(update_fields=sorted(columns))


def _open_count(task: Task) -> int:
    """Count afresh, under the task's lock: the counter is not kept while everything may overlap.

    A finish that has not committed yet counts as open here, and takes itself off once it gets the lock.
    """
    if task.overlap_policy == OverlapPolicy.ALLOW:
        return 0
    takes_turns = Q(status=Status.SCHEDULED, reason=Reason.OVERLAP, trigger__in=sorted(TURN_TAKERS))
    awaits = Q(status=Status.SCHEDULED, reason=Reason.DEPENDENCY)
    return Execution.objects.filter(task_id=task.id, status__in=sorted(OPEN)).exclude(takes_turns | awaits).count()


@contextmanager
def _one_name() -> Iterator[None]:
    """Turn the refusal of the unique index into NameTaken: only the index can tell which of two was first."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if _NAME_ONCE in str(error):
            raise NameTaken from error
        raise
