"""The verbs of registration: create, change, clone, delete. Each is one transaction and never sees a request.

`namespace` is the one that the caller is bound to, None for a caller of every namespace; what lies in another one
is not found. `now` is read once, at the caller's edge.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from register import dependencies, drafting, journal, storing, timing
from register.calendars import naming
from register.drafting import Draft
from register.errors import NameTaken
from register.given import Given
from register.locking import lock, publish_after_commit, visible
from register.stored import Stored
from register.surroundings import Surroundings
from register.uniqueness import one_name
from scheduler import connections, dayloads, pauses, revisions, verbs
from scheduler.engine.states import TaskStatus
from scheduler.errors import InvalidInput, TaskNotFound
from scheduler.models import Task
from scheduler.models.choices import AuditVerb

_NAME_ONCE = "scheduler_tasks_name_once"


def create_task(given: Given, *, actor: str, namespace: str | None, now: datetime) -> Task:
    """Store a new task and return it. Raises InvalidInput, NameTaken, NamespaceForbidden."""
    among = Stored()
    with transaction.atomic():
        at = given.values.get("namespace", namespace or drafting.DEFAULT_NAMESPACE)
        given = dependencies.lock(given, namespace=at, bound_to=namespace)
        draft = drafting.of_new(given, actor=actor, namespace=namespace, among=among, now=now)
        _find_cycles(draft, given, bound_to=namespace)
        keep_calendars([draft], among=among)
        _refuse_faults(draft)
        if not store_new([draft], now=now):
            raise NameTaken
    return draft.task


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
    among = Stored()
    with transaction.atomic():
        at = visible(task_id, namespace=namespace).namespace
        given = dependencies.lock(given, task_id=task_id, namespace=at, bound_to=namespace)
        task, ready = lock(task_id, namespace=namespace, versions=versions, now=now)
        draft = drafting.of_change(task, given, among=among, now=now)
        _find_cycles(draft, given, bound_to=namespace)
        keep_calendars([draft], among=among)
        _refuse_faults(draft)
        with one_name(_NAME_ONCE, taken=NameTaken):
            store_changes([draft], restored_from=restored_from, now=now)
        publish_after_commit(ready, now=now)
    return task


def clone_task(task_id: UUID, given: Given, *, actor: str, namespace: str | None, now: datetime) -> Task:
    """Register a new task with another's definition, changed by what is given; neither its slots nor its pause.

    Raises TaskNotFound, InvalidInput, NameTaken, NamespaceForbidden.
    """
    source = visible(task_id, namespace=namespace)
    return create_task(drafting.copied(source, given), actor=actor, namespace=namespace, now=now)


def delete_task(task_id: UUID, *, namespace: str | None, now: datetime, versions: frozenset[int] | None = None) -> None:
    """Mark the task DELETED and cancel what waits; what runs ends. Raises TaskNotFound, VersionStale."""
    with transaction.atomic():
        dependencies.lock_linked(task_id)
        # Slots up to now belong to the history even so: they are recorded, then cancelled with all that waits.
        task, _ = lock(task_id, namespace=namespace, versions=versions, if_deleted=TaskNotFound, now=now)
        dependencies.refuse_in_use(task)
        verbs.end(connections.current(), [task_id], now=now)
        dependencies.mark({upstream.task_id for upstream in task.upstreams})
        before, after = {"status": task.status}, {"status": TaskStatus.DELETED}
        journal.note(AuditVerb.DELETE, task, before=before, after=after, now=now)


def delete_tasks(task_ids: Sequence[UUID], *, now: datetime) -> set[UUID]:
    """Mark tasks DELETED as `delete_task` does, in one transaction; return those that were not so already."""
    with transaction.atomic():
        return set(verbs.delete(connections.current(), task_ids, now=now).done)


def keep_calendars(drafts: Collection[Draft], *, among: Surroundings) -> None:
    """Keep the calendars that drafts set from being deleted until the transaction ends; one that is gone is a fault."""
    setting = [draft for draft in drafts if "calendar_id" in draft.changed]
    gone = naming.keep([draft.task for draft in setting], among=among)
    for draft in setting:
        if (fault := gone.get(draft.task.id)) is not None:
            draft.faults.append(fault)


def store_new(drafts: Sequence[Draft], *, now: datetime) -> set[UUID]:
    """Store drafts without faults as new tasks; return the ids of those whose name was free."""
    stored = storing.insert([draft.task for draft in drafts])
    _link([draft for draft in drafts if draft.task.id in stored])
    if stored:
        journal.defined(AuditVerb.CREATE, [draft.task for draft in drafts if draft.task.id in stored], now=now)
    return stored


def store_changes(drafts: Sequence[Draft], *, now: datetime, restored_from: int | None = None) -> None:
    """Store drafts without faults as the new definitions of tasks that the caller has locked.

    Those that change nothing are left as they are.
    """
    changed = [draft for draft in drafts if draft.changed]
    if not changed:
        return
    moving = [draft.task for draft in changed if draft.moves]
    # The next slot is about to move; the old definition's slots of a pause are recorded while it is there.
    paused = [task.id for task in moving if task.status == TaskStatus.PAUSED]
    pauses.record(connections.current(), paused, until=now, now=now)
    running, loads = timing.running(moving), dayloads.of(connections.current(), moving)
    for draft in changed:
        drafting.place(draft, running=running, loads=loads, now=now)
    revisions.keep_missing(connections.current(), [draft.task.id for draft in changed])
    storing.update(changed)
    _link(changed)
    journal.defined(AuditVerb.CHANGE, [draft.task for draft in changed], restored_from=restored_from, now=now)


def _find_cycles(draft: Draft, given: Given, *, bound_to: str | None) -> None:
    """Add what is wrong with the graph that a draft would make; the caller has locked it (`dependencies.lock`)."""
    if "upstreams" in draft.changed and "upstreams" not in given.faulty:
        draft.faults += dependencies.broken(draft.task, bound_to=bound_to)


def _link(drafts: Sequence[Draft]) -> None:
    """Store what tasks depend on; before their revisions are kept, which hold it."""
    for draft in drafts:
        if "upstreams" in draft.changed:
            dependencies.link(draft.task)


def _refuse_faults(draft: Draft) -> None:
    if draft.faults:
        raise InvalidInput(draft.faults)
