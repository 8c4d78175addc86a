"""Finds and locks the task that a verb is about; its slots up to now are recorded first."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from register.versions import refuse_stale
from scheduler import claims, connections, dispatch, firing, pauses
from scheduler.engine.states import TaskStatus
from scheduler.errors import SchedulerError, TaskDeleted, TaskNotFound
from scheduler.models import Task
from scheduler.records import Ready


def visible(task_id: UUID, *, namespace: str | None) -> Task:
    """Return the task, deleted or not, where a caller bound to `namespace` may see it. Raises TaskNotFound."""
    tasks = Task.objects.select_related("calendar").filter(id=task_id)
    if namespace is not None:
        tasks = tasks.filter(namespace=namespace)
    task = tasks.first()
    if task is None:
        raise TaskNotFound
    return task


def lock(
    task_id: UUID,
    *,
    namespace: str | None,
    now: datetime,
    versions: frozenset[int] | None = None,
    if_deleted: type[SchedulerError] = TaskDeleted,
) -> tuple[Task, list[Ready]]:
    """Record the task's slots up to `now`, which locks it, and return it as it then is with what to publish.

    Raises TaskNotFound, `if_deleted`, VersionStale.
    """
    visible(task_id, namespace=namespace)
    ready = record_due([task_id], now=now)
    task = visible(task_id, namespace=namespace)
    if task.status == TaskStatus.DELETED:
        raise if_deleted
    refuse_stale(task.version, accepted=versions)
    return task, ready


def record_due(task_ids: Collection[UUID], *, now: datetime) -> list[Ready]:
    """Record the tasks' slots up to `now` and return what to publish; they stay locked until the caller commits.

    A pause whose end has come is over, whether or not a sweep has seen it.
    """
    connection = connections.current()
    pauses.end_if_over(connection, task_ids, now=now)
    return firing.record_all_due(connection, task_ids, now=now)


def publish_after_commit(ready: Sequence[Ready], *, now: datetime) -> None:
    """Publish what the transaction has queued once it has committed."""
    transaction.on_commit(lambda: dispatch.publish_after_commit(ready, now=now))


def lock_named(keys: Collection[tuple[str, str] | None]) -> None:
    """Lock all tasks that have these names, in order of id, for batches of one transaction cannot keep to it."""
    names = {key for key in keys if key is not None}
    named = Task.objects.filter(namespace__in={at for at, _ in names}, name__in={name for _, name in names})
    tasks = named.exclude(status=TaskStatus.DELETED)  # whose names are others' by now
    found = [id for id, *key in tasks.values_list("id", "namespace", "name") if tuple(key) in names]
    claims.lock_tasks(connections.current(), found)
