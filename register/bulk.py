"""Registers one record after another, each by itself: a bad one stops no other."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.db import DataError, transaction

from register import services
from register.api.reading import read_changes, read_new_task
from register.drafting import DEFAULT_NAMESPACE
from register.errors import NamespaceForbidden, NameTaken
from register.given import Given
from scheduler.engine.states import TaskStatus
from scheduler.errors import Fault, InvalidInput, TaskDeleted, TaskNotFound
from scheduler.models import Task

CREATED, UPDATED, UNCHANGED, FAILED = "created", "updated", "unchanged", "failed"
MODES = CREATE, UPSERT = ("create", "upsert")

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one record; `before` and `task` are the task as it was and as it is."""

    outcome: str
    faults: tuple[Fault, ...] = ()
    task: Task | None = None
    before: Task | None = None


def key_of(fields: Any) -> Key | None:
    """Return namespace and name of a record, where both can be such at all."""
    if not isinstance(fields, dict):
        return None
    name, namespace = fields.get("name"), fields.get("namespace", DEFAULT_NAMESPACE)
    if not isinstance(name, str) or not isinstance(namespace, str) or "\0" in name + namespace:
        return None
    return namespace.strip(), name.strip()


def find(keys: Collection[Key]) -> dict[Key, Task]:
    """Return the tasks of these namespaces and names, in one query."""
    tasks = Task.objects.select_related("calendar").filter(
        namespace__in={at for at, _ in keys}, name__in={name for _, name in keys}
    )
    return {(task.namespace, task.name): task for task in tasks.exclude(status=TaskStatus.DELETED)}


def register(
    fields: Any,
    *,
    faults: Sequence[Fault] = (),
    existing: Task | None,
    mode: str,
    actor: str,
    now: datetime,
    dry_run: bool = False,
) -> Result:
    """Store one record of the API's field names: a new task, or with mode upsert as a change of `existing`.

    `faults` are those that reading the record has found already: it is checked all the same, then refused. A dry run
    does everything and takes it back.
    """

    attempt = partial(_attempt, fields, known_faults=tuple(faults), actor=actor, now=now, dry_run=dry_run)
    try:
        if mode == CREATE:
            return attempt(None)
        try:
            return attempt(existing)
        except _OVERTAKEN:
            # Somebody has registered or deleted it since we looked; once more tells which of the two it is to be.
            return attempt(_found_anew(fields))
    except (InvalidInput, NamespaceForbidden, DataError, *_OVERTAKEN) as refusal:
        return Result(FAILED, _faults_of(refusal))


_OVERTAKEN = (NameTaken, TaskNotFound, TaskDeleted)


def _faults_of(refusal: Exception) -> tuple[Fault, ...]:
    if isinstance(refusal, InvalidInput):
        return tuple(refusal.faults)
    if isinstance(refusal, NamespaceForbidden):
        return (Fault("namespace", "forbidden", str(NamespaceForbidden.__doc__)),)
    if isinstance(refusal, DataError):
        return (Fault("", "invalid", "A value cannot be stored."),)
    return (Fault("name", "taken", str(NameTaken.__doc__)),)


def _attempt(
    fields: Any,
    existing: Task | None,
    *,
    known_faults: tuple[Fault, ...],
    actor: str,
    now: datetime,
    dry_run: bool,
) -> Result:
    if existing is None:
        given = _with(known_faults, read_new_task(fields))
    else:
        given = _with(known_faults, read_changes(fields))
        # Most records of a file say what is stored already: those need neither lock nor transaction.
        if not given.faults and _says_nothing_new(existing, given):
            return Result(UNCHANGED, task=existing)
    with transaction.atomic():
        result = _store(given, existing, actor=actor, now=now)
        if dry_run:
            transaction.set_rollback(True)
        return result


def _store(given: Given, existing: Task | None, *, actor: str, now: datetime) -> Result:
    if existing is None:
        return Result(CREATED, task=services.create_task(given, actor=actor, namespace=None, now=now))
    task = services.change_task(existing.id, given, namespace=None, now=now)
    return Result(UNCHANGED if task.version == existing.version else UPDATED, task=task, before=existing)


def _found_anew(fields: Any) -> Task | None:
    key = key_of(fields)
    return find([key]).get(key) if key is not None else None


def _with(faults: tuple[Fault, ...], given: Given) -> Given:
    """Return what was given with the faults known before; that such a field is missing then is no news."""
    if not faults:
        return given
    known = {fault.field for fault in faults}
    found = tuple(fault for fault in given.faults if fault.field not in known)
    return Given(given.values, faults + found, given.faulty, allow_unknown_task_class=given.allow_unknown_task_class)


def _says_nothing_new(task: Task, given: Given) -> bool:
    return all(getattr(task, column) == value for column, value in given.values.items())
