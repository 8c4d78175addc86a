"""Which tasks belong to whose files: a label says so, and only what files have created is ever pruned."""

from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from scheduler import claims, connections
from scheduler.engine.states import TaskStatus
from scheduler.models import Task

# Who registers from files: shown as createdBy. A clone made over the API has its label, but not its creator.
ACTOR = "register_tasks"
LABEL = "registered-by"

_CHUNK = 1000


def stamped(fields: Any, owner: str | None, *, existing: Task | None) -> Any:
    """Return a record with the label of its files' owner, who also answers for it where nobody does yet.

    Labels that neither record nor owner speak of stay with the task that exists.
    """
    if owner is None or not isinstance(fields, dict):
        return fields
    labels = fields.get("labels", existing.labels if existing else {})
    if not isinstance(labels, dict):
        return fields
    answers = (existing.owner if existing else None) or owner
    return {"owner": answers} | fields | {"labels": labels | {LABEL: owner}}


def still(owner: str, task_ids: Collection[UUID]) -> list[UUID]:
    """Lock tasks until the transaction ends, and return those that are this owner's now."""
    claims.lock_tasks(connections.current(), task_ids)
    return list(_of(owner).filter(id__in=task_ids).values_list("id", flat=True))


def _of(owner: str) -> QuerySet[Task]:
    return Task.objects.filter(created_by=ACTOR, labels__contains={LABEL: owner}).exclude(status=TaskStatus.DELETED)


def registered_by(owner: str, *, namespace: str | None) -> Iterator[tuple[Any, tuple[str, str]]]:
    """Yield id and key of the tasks that this owner's files have created, in one namespace or in all."""
    tasks = _of(owner)
    if namespace is not None:
        tasks = tasks.filter(namespace=namespace)
    rows = tasks.order_by("namespace", "name", "id").values_list("id", "namespace", "name")
    for task_id, at, name in rows.iterator(chunk_size=_CHUNK):
        yield task_id, (at, name)
