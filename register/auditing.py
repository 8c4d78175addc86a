"""Reads the audit. `namespace` is the one that the caller is bound to, None sees every record."""

from typing import Any

from django.db.models import Case, OuterRef, QuerySet, Subquery, UUIDField, When
from django.db.models.functions import Cast

from register.errors import AuditRecordNotFound
from scheduler import revisions
from scheduler.engine.changes import changes
from scheduler.models import AuditRecord, Revision
from scheduler.models.choices import AuditKind
from scheduler.representations import Json, definition_as_json, instant

# Only tasks have revisions, and only their ids are surely UUIDs.
_TASK_ID = Case(When(kind=AuditKind.TASK, then=Cast("object_id", UUIDField())))


def records(*, namespace: str | None) -> QuerySet[Any]:
    """Return the records that the caller may see, with the definitions that they have made."""
    every = AuditRecord.objects.all() if namespace is None else AuditRecord.objects.filter(namespace=namespace)
    return with_definitions(every)


def with_definitions(some: QuerySet[AuditRecord]) -> QuerySet[Any]:
    """Return records, each with the kept definition that it has made as `new`, and that which it replaced as `old`."""
    kept = Revision.objects.filter(task_id=OuterRef("task_key")).values("definition")
    return some.annotate(task_key=_TASK_ID).annotate(
        old=Subquery(kept.filter(version=OuterRef("version") - 1)[:1]),
        new=Subquery(kept.filter(version=OuterRef("version"))[:1]),
    )


def find_record(record_id: int, *, namespace: str | None) -> Any:
    """Return one record. Raises AuditRecordNotFound."""
    record = records(namespace=namespace).filter(id=record_id).first()
    if record is None:
        raise AuditRecordNotFound
    return record


def record_as_json(record: Any) -> Json:
    """Return a record as it is answered; what changed in a definition is told by its revisions."""
    before, after = (record.before, record.after) if record.new is None else _difference(record)
    return {
        "id": record.id,
        "recordedAt": instant(record.recorded_at),
        "actor": record.actor,
        "via": record.via,
        "tokenId": record.token_id,
        "address": record.address,
        "verb": record.verb,
        "kind": record.kind,
        "objectId": record.object_id,
        "objectName": record.object_name,
        "namespace": record.namespace,
        "version": record.version,
        "before": before,
        "after": after,
        "reason": record.reason,
    }


def _difference(record: Any) -> tuple[Json | None, Json]:
    """Return the fields of a definition that differ, as they were and as they are; of a new one, all as they are."""
    new = definition_as_json(revisions.as_task(record.new))
    told: Json = record.after or {}
    if record.old is None:
        return None, new | told
    differing = list(changes(definition_as_json(revisions.as_task(record.old)), new))
    return {one.field: one.old for one in differing}, {one.field: one.new for one in differing} | told
