"""The revisions of a task: what each has changed, and which of them an execution went by."""

from django.db.models import OuterRef, QuerySet, Subquery

from scheduler import revisions
from scheduler.engine.changes import changes
from scheduler.engine.states import Status
from scheduler.errors import RevisionNotFound
from scheduler.models import Calendar, CalendarRevision, Execution, Revision, Task
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


# What a task's row says besides its definition; there are no versions of it.
_STANDING = (
    "id", "status", "created_at", "updated_at", "pause_reason", "paused_until", "skip_slots", "last_slot_for",
    "next_slot_for", "claim_at",
)  # fmt: skip


def rules_of(execution: Execution) -> Task:
    """Return an execution's task with the definition of its revision and the rules that its calendar had then.

    What was not kept is as it is today. An execution was read with its task and that task's calendar.
    """
    task = _defined_as_then(execution)
    kept = _calendar_then(task.calendar, execution) if task.calendar is not None else None
    if kept is not None and task.calendar is not None:
        task.calendar = Calendar(id=kept.calendar_id, name=task.calendar.name, rules=kept.rules)
    return task


def _defined_as_then(execution: Execution) -> Task:
    task = execution.task
    if execution.revision in (None, task.version):
        return task
    revision = Revision.objects.filter(task_id=task.id, version=execution.revision).first()
    if revision is None:
        return task
    calendar = Calendar.objects.filter(id=revision.definition["calendar_id"]).first()
    standing = {name: getattr(task, name) for name in _STANDING}
    return revisions.as_task(revision.definition, rules=calendar.rules if calendar else None, **standing)


def _calendar_then(calendar: Calendar, execution: Execution) -> CalendarRevision | None:
    """Return the rules by which a slot was left out; only of those is anybody told."""
    if execution.status != Status.SKIPPED or execution.end_time is None:
        return None
    before = CalendarRevision.objects.filter(calendar_id=calendar.id, created_at__lte=execution.end_time)
    return before.order_by("-version").first()
