"""Which tasks belong to whose files: a label says so, and only what files have created is ever pruned."""

from collections.abc import Iterator
from typing import Any

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


def registered_by(owner: str, *, namespace: str | None) -> Iterator[tuple[Any, tuple[str, str]]]:
    """Yield id and key of the tasks that this owner's files have created, in one namespace or in all."""
    tasks = Task.objects.filter(created_by=ACTOR, labels__contains={LABEL: owner}).exclude(status=TaskStatus.DELETED)
    if namespace is not None:
        tasks = tasks.filter(namespace=namespace)
    rows = tasks.order_by("namespace", "name", "id").values_list("id", "namespace", "name")
    for task_id, at, name in rows.iterator(chunk_size=_CHUNK):
        yield task_id, (at, name)
