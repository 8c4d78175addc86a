"""Registers many records one by one, each in a transaction of its own; a bad one stops no other."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from register import services
from register.api.reading import read_changes, read_new_task
from register.errors import NamespaceForbidden, NameTaken
from register.services import DEFAULT_NAMESPACE
from scheduler.engine.states import TaskStatus
from scheduler.errors import Fault, InvalidInput
from scheduler.models import Task

CREATED, UPDATED, UNCHANGED, FAILED = "created", "updated", "unchanged", "failed"
MODES = ("create", "upsert")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one record."""

    outcome: str
    faults: tuple[Fault, ...] = ()


def register(
    fields: Any, *, mode: str, actor: str, namespace: str | None = None, now: datetime, dry_run: bool = False
) -> Result:
    """Store one record of the API's field names: a new task, or with mode upsert the one of its name.

    `namespace` is where records go that name none. A dry run does everything and takes it back.
    """
    if isinstance(fields, dict) and namespace is not None:
        fields = {"namespace": namespace} | fields
    try:
        with transaction.atomic():
            result = _store(fields, mode=mode, actor=actor, now=now)
            if dry_run:
                transaction.set_rollback(True)
            return result
    except InvalidInput as refusal:
        return Result(FAILED, refusal.faults)
    except NameTaken as refusal:
        return Result(FAILED, (Fault("name", "taken", str(refusal) or str(NameTaken.__doc__)),))
    except NamespaceForbidden as refusal:
        return Result(FAILED, (Fault("namespace", "forbidden", str(refusal.__doc__)),))


def _store(fields: Any, *, mode: str, actor: str, now: datetime) -> Result:
    existing = _find(fields) if mode == "upsert" else None
    if existing is None:
        services.create_task(read_new_task(fields), actor=actor, namespace=None, now=now)
        return Result(CREATED)
    task = services.change_task(existing.id, read_changes(fields), namespace=None, now=now)
    return Result(UNCHANGED if task.version == existing.version else UPDATED)


def _find(fields: Any) -> Task | None:
    """Return the task of this name and namespace, if both can be names at all."""
    if not isinstance(fields, dict):
        return None
    name, namespace = fields.get("name"), fields.get("namespace", DEFAULT_NAMESPACE)
    if not isinstance(name, str) or not isinstance(namespace, str) or "\0" in name + namespace:
        return None
    found = Task.objects.filter(name=name.strip(), namespace=namespace.strip())
    return found.exclude(status=TaskStatus.DELETED).first()
