"""The revisions of a task, each with what it changed. Every version of a definition is one, also of a deleted task."""

from django.db.models import OuterRef, QuerySet, Subquery

from scheduler import revisions
from scheduler.engine.changes import changes
from scheduler.errors import RevisionNotFound
from scheduler.models import Revision, Task
from scheduler.representations import Json, definition_as_json, instant


def listed(task: Task) -> QuerySet[Revision]:
    """Return the revisions of a task, each with the definition of the one before it as `before`, None of the first."""
    earlier = Revision.objects.filter(task_id=task.id, version__lt=OuterRef("version")).order_by("-version")
    return Revision.objects.filter(task_id=task.id).annotate(before=Subquery(earlier.values("definition")[:1]))


def before(revision: Revision) -> Json | None:
    """Return the kept definition of the revision before a listed one; None of the first."""
    definition: Json | None = getattr(revision, "before", None)
    return definition


def find(task: Task, version: int) -> Revision:
    """Return one revision of a task. Raises RevisionNotFound."""
    revision = listed(task).filter(version=version).first()
    if revision is None:
        raise RevisionNotFound
    return revision


def as_json(revision: Revision, *, against: Json | None) -> Json:
    """Return a revision with what differs in it from another kept definition; from none, nothing does."""
    was, is_now = (_shown(kept) for kept in (against or revision.definition, revision.definition))
    return {
        "version": revision.version,
        "createdAt": instant(revision.created_at),
        "createdBy": revision.created_by,
        "reason": revision.reason,
        "restoredFrom": revision.restored_from,
        "changes": [{"field": one.field, "old": one.old, "new": one.new} for one in changes(was, is_now)],
    }


def whole_as_json(revision: Revision, *, against: Json | None) -> Json:
    """Return a revision with all of its definition."""
    return as_json(revision, against=against) | {"definition": _shown(revision.definition)}


def _shown(kept: Json) -> Json:
    return definition_as_json(revisions.as_task(kept))
