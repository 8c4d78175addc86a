"""Brings an old definition of a task back: a change like any other, by today's rules, which makes a new version."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from register import services
from register.api.reading import read_changes
from register.given import Given
from register.locking import visible
from scheduler import revisions
from scheduler.errors import RevisionNotFound
from scheduler.models import Revision, Task
from scheduler.representations import definition_as_json


def restore_revision(
    task_id: UUID,
    version: int,
    given: Given,
    *,
    namespace: str | None,
    now: datetime,
    versions: frozenset[int] | None = None,
) -> Task:
    """Give a task the definition that it had as `version`; where it has it already, nothing changes.

    `versions` are those that If-Match accepts, None accepts any. Raises RevisionNotFound, and what change_task raises:
    InvalidInput names each field whose old value is impossible today.
    """
    visible(task_id, namespace=namespace)
    revision = Revision.objects.filter(task_id=task_id, version=version).first()
    if revision is None:
        raise RevisionNotFound
    old = read_changes(definition_as_json(revisions.as_task(revision.definition)) | given.values)
    # Well-formed, for it was stored: what is wrong with it is wrong by the rules of today.
    impossible = tuple(replace(fault, is_impossible=True) for fault in old.faults)
    return services.change_task(
        task_id,
        replace(old, faults=(*given.faults, *impossible)),
        namespace=namespace,
        versions=versions,
        restored_from=version,
        now=now,
    )
