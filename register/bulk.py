"""Registers many records in a few statements: each by itself, so that a bad one stops no other."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any

import psycopg
from django.db import DataError, transaction
from django.db.models import prefetch_related_objects

from register import drafting, ownership, services
from register.api.fields import task_data_text
from register.api.reading import read_changes, read_new_task
from register.api.serializers import TaskInput
from register.drafting import DEFAULT_NAMESPACE, Draft
from register.errors import NamespaceForbidden, NameTaken
from register.given import Given
from register.locking import publish_after_commit, record_due
from register.stored import Stored
from scheduler.engine.changes import same
from scheduler.engine.states import TaskStatus
from scheduler.errors import Fault, InvalidInput, TaskDeleted, TaskNotFound
from scheduler.models import Task

CREATED, UPDATED, UNCHANGED, FAILED = "created", "updated", "unchanged", "failed"
MODES = CREATE, UPSERT = ("create", "upsert")

# Tasks that change stay locked for as long as their batch takes, and claims pass over them meanwhile.
BATCH = 500

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of the API's field names, with the faults that reading it has found already."""

    fields: Any
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one record; `before` and `task` are the task as it was and as it is."""

    outcome: str
    faults: tuple[Fault, ...] = ()
    task: Task | None = None
    before: Task | None = None


@dataclass(slots=True)
class Work:
    """A record on its way: the task that has its name, what was given, and in the end what became of it."""

    entry: Entry
    key: Key | None
    existing: Task | None = None
    given: Given = field(default_factory=lambda: Given({}))
    draft: Draft | None = None
    result: Result | None = None
    is_overtaken: bool = False

    @property
    def is_joined(self) -> bool:
        """Tell whether it says what the task depends on: the graph is changed one task at a time."""
        return bool(self.given.values.get("upstreams")) or (
            "upstreams" in self.given.values and self.existing is not None and self.existing.has_dependencies
        )

    def fail(self, faults: Iterable[Fault]) -> None:
        """Note why it cannot be stored."""
        self.result = Result(FAILED, tuple(faults))

    def begin_again(self) -> None:
        """Forget what was found: somebody has overtaken it."""
        self.existing = self.draft = None
        self.is_overtaken = False


@dataclass(slots=True, kw_only=True)
class Registrar:
    """Registers the records of one request or of one run of files, batch by batch.

    `home` is the namespace of records that name none, `namespace` the one that the caller is bound to. With an `owner`
    the records are stamped as those of its files. A dry run does everything and takes it back. A name stands once.
    """

    mode: str
    actor: str
    now: datetime
    home: str = DEFAULT_NAMESPACE
    namespace: str | None = None
    owner: str | None = None
    dry_run: bool = False
    among: Stored = field(default_factory=Stored)
    _named: set[bytes] = field(default_factory=set)

    def register(self, entries: Sequence[Entry]) -> list[Result]:
        """Store a batch of records and return what became of each, in order. Raises PartitionMissing."""
        return self.store(self.prepare(entries))

    def prepare(self, entries: Sequence[Entry]) -> list[Work]:
        """Look up and check a batch of records; what is new is worked out, and nothing is locked or written."""
        works = [self._begun(entry) for entry in entries]
        self._prepare([work for work in works if work.result is None])
        return works

    def store(self, works: Sequence[Work]) -> list[Result]:
        """Store what has been prepared and return what became of each record, in order. Raises PartitionMissing."""
        self._store_all(works)
        overtaken = [work for work in works if work.is_overtaken]
        if overtaken and self.mode == UPSERT:
            # Somebody has registered or deleted them since we looked; once more tells which of the two each is to be.
            for work in overtaken:
                work.begin_again()
            self._prepare(overtaken)
            self._store_all(overtaken)
        for work in overtaken:
            work.result = work.result or Result(FAILED, (Fault("name", "taken", str(NameTaken.__doc__)),))
        return [work.result or Result(FAILED) for work in works]

    def has_named(self, key: Key) -> bool:
        """Tell whether a record of this run has had the name."""
        return _digest(key) in self._named

    def _begun(self, entry: Entry) -> Work:
        fields = entry.fields
        if isinstance(fields, dict):
            fields = {"namespace": self.home} | fields
        key = key_of(fields)
        faults = entry.faults or tuple(self._name_faults(key))
        work = Work(Entry(fields, faults), key)
        if faults and not isinstance(fields, dict):
            work.fail(faults)
        return work

    def _name_faults(self, key: Key | None) -> Iterator[Fault]:
        """Yield what is wrong with a record beyond what is in it: an earlier one has its name."""
        if key is None:
            return
        digest = _digest(key)
        if digest in self._named:
            yield Fault("name", "taken", "An earlier record has this name.")
        self._named.add(digest)

    def _prepare(self, works: Sequence[Work]) -> None:
        if not works:
            return
        self._look_up(works)
        for work in works:
            self._read(work)
            if work.result is None and work.existing is None and not work.is_joined:
                self._draft_new(work)

    def _store_all(self, works: Sequence[Work]) -> None:
        pending = [work for work in works if work.result is None]
        alone = [work for work in pending if not work.is_joined]
        if alone:
            self._store_or_halve(alone)
        for work in pending:
            if work.is_joined:
                self._store_joined(work)

    def _look_up(self, works: Sequence[Work]) -> None:
        existing = find([work.key for work in works if self._may_exist(work)]) if self.mode == UPSERT else {}
        for work in works:
            work.existing = existing.get(work.key) if work.key and self._may_exist(work) else None
        named = (work.entry.fields.get("taskClass") for work in works if isinstance(work.entry.fields, dict))
        self.among.look_up({name.strip() for name in named if isinstance(name, str) and "\0" not in name})

    def _may_exist(self, work: Work) -> bool:
        return work.key is not None and self.namespace in (None, work.key[0])

    def _read(self, work: Work) -> None:
        fields = ownership.stamped(work.entry.fields, self.owner, existing=work.existing)
        if work.existing is None:
            work.given = _with(work.entry.faults, read_new_task(fields, among=self.among))
            return
        # Most records of a file say what is stored already: those need neither reading nor lock nor transaction.
        if not work.entry.faults and _is_stored(fields, work.existing):
            work.result = Result(UNCHANGED, task=work.existing)
            return
        work.given = _with(work.entry.faults, read_changes(fields))
        if work.given.faults:
            task = work.existing
            work.fail(drafting.of_change(task, work.given, among=self.among, now=self.now).faults)
        elif _says_nothing_new(work.existing, work.given):
            work.result = Result(UNCHANGED, task=work.existing)

    def _store_or_halve(self, works: Sequence[Work]) -> None:
        """Store in one transaction; a record that the database refuses is found by halves."""
        try:
            with transaction.atomic():
                self._store(works)
                if self.dry_run:
                    transaction.set_rollback(True)
        except (DataError, psycopg.DataError):
            if len(works) == 1:
                works[0].fail([Fault("", "invalid", "A value cannot be stored.")])
                return
            middle = len(works) // 2
            for half in (works[:middle], works[middle:]):
                self._store_or_halve(half)

    def _store(self, works: Sequence[Work]) -> None:
        new = [work for work in works if work.existing is None]
        changing = [work for work in works if work.existing is not None]
        self._draft_changes(changing)
        drafts = [work.draft for work in works if work.draft is not None]
        services.keep_calendars(drafts, among=self.among)
        self._store_changes([work for work in changing if work.draft is not None])
        self._store_new([work for work in new if work.draft is not None])

    def _store_joined(self, work: Work) -> None:
        """Store one record with dependencies by itself, under the lock of the graph that it changes."""
        try:
            with transaction.atomic():
                work.result = self._change_graph(work)
                if self.dry_run:
                    transaction.set_rollback(True)
        except InvalidInput as refusal:
            if self.dry_run and (less := self._without_planned(work, refusal)):
                work.given = less
                self._store_joined(work)
                if work.result is not None and work.result.task is not None:
                    work.result.task.has_dependencies = True  # as it will have: the plan says what it waits for
            else:
                work.fail(refusal.faults)
        except NamespaceForbidden:
            work.fail([Fault("namespace", "forbidden", str(NamespaceForbidden.__doc__))])
        except (NameTaken, TaskNotFound, TaskDeleted):
            work.is_overtaken = True
        except (DataError, psycopg.DataError):
            work.fail([Fault("", "invalid", "A value cannot be stored.")])

    def _change_graph(self, work: Work) -> Result:
        if work.existing is None:
            task = services.create_task(work.given, actor=self.actor, namespace=self.namespace, now=self.now)
            return Result(CREATED, task=task)
        task = services.change_task(work.existing.id, work.given, namespace=self.namespace, now=self.now)
        is_new = task.version != work.existing.version
        return Result(UPDATED if is_new else UNCHANGED, task=task, before=work.existing)

    def _without_planned(self, work: Work, refusal: InvalidInput) -> Given | None:
        """Return what was given without dependencies on tasks that this run has planned and taken back, if only those
        are lacking."""
        asked = work.given.values.get("upstreams") or ()
        at = str(work.entry.fields.get("namespace"))
        left = [one for one in asked if one.get("name") is None or not self.has_named((at, one["name"]))]
        if len(left) == len(asked) or any(fault.code != "unknown_task" for fault in refusal.faults):
            return None
        return replace(work.given, values=work.given.values | {"upstreams": left})

    def _draft_new(self, work: Work) -> None:
        try:
            work.draft = drafting.of_new(
                work.given, actor=self.actor, namespace=self.namespace, among=self.among, now=self.now
            )
        except NamespaceForbidden:
            work.fail([Fault("namespace", "forbidden", str(NamespaceForbidden.__doc__))])

    def _draft_changes(self, works: Sequence[Work]) -> None:
        ids = [work.existing.id for work in works if work.existing is not None]
        if not ids:
            return
        # As the claim would do it in a moment; it is not taken back where a record turns out to be bad after all.
        publish_after_commit(record_due(ids, now=self.now), now=self.now)
        tasks = Task.objects.select_related("calendar").exclude(status=TaskStatus.DELETED).in_bulk(ids)
        for work in works:
            task = tasks.get(work.existing.id) if work.existing is not None else None
            if task is None or (task.namespace, task.name) != work.key:
                work.is_overtaken = True
            else:
                work.draft = drafting.of_change(task, work.given, among=self.among, now=self.now)

    def _store_changes(self, works: Sequence[Work]) -> None:
        good = _without_faults(works)
        services.store_changes([draft for _, draft in good], now=self.now)
        for work, draft in good:
            work.result = Result(UPDATED if draft.changed else UNCHANGED, task=draft.task, before=draft.was)

    def _store_new(self, works: Sequence[Work]) -> None:
        good = _without_faults(works)
        stored = services.store_new([draft for _, draft in good], now=self.now)
        for work, draft in good:
            work.is_overtaken = draft.task.id not in stored
            work.result = None if work.is_overtaken else Result(CREATED, task=draft.task)


def key_of(fields: Any) -> Key | None:
    """Return namespace and name of a record, where both can be such at all."""
    if not isinstance(fields, dict):
        return None
    name, namespace = fields.get("name"), fields.get("namespace", DEFAULT_NAMESPACE)
    if not isinstance(name, str) or not isinstance(namespace, str) or "\0" in name + namespace:
        return None
    return namespace.strip(), name.strip()


def find(keys: Collection[Key | None]) -> dict[Key, Task]:
    """Return the tasks of these namespaces and names, with what they depend on."""
    known = [key for key in keys if key is not None]
    named = Task.objects.filter(namespace__in={at for at, _ in known}, name__in={name for _, name in known})
    tasks = list(named.select_related("calendar").exclude(status=TaskStatus.DELETED))
    # Of these few alone: to be told that there are none costs each task a query set.
    prefetch_related_objects([task for task in tasks if task.has_dependencies], "dependencies__upstream")
    return {(task.namespace, task.name): task for task in tasks}


def _without_faults(works: Sequence[Work]) -> list[tuple[Work, Draft]]:
    """Return the records that can be stored, with their drafts; the others have failed."""
    good = []
    for work in works:
        if work.draft is not None and work.draft.faults:
            work.fail(work.draft.faults)
        elif work.draft is not None:
            good.append((work, work.draft))
    return good


def _with(faults: tuple[Fault, ...], given: Given) -> Given:
    """Return what was given with the faults known before; that such a field is missing then is no news."""
    if not faults:
        return given
    known = {fault.field for fault in faults}
    found = tuple(fault for fault in given.faults if fault.field not in known)
    return Given(given.values, faults + found, given.faulty, allow_unknown_task_class=given.allow_unknown_task_class)


_COLUMNS = {name: str(field.source) for name, field in TaskInput().fields.items()}


def _is_stored(fields: dict[str, Any], task: Task) -> bool:
    """Tell whether each field of a record, as it stands there, is what the task has."""
    for name, value in fields.items():
        stored = getattr(task, _COLUMNS.get(name, ""), _MISSING)
        if name == "taskData" and isinstance(value, dict):
            value = task_data_text(value)
        if type(value) is not type(stored) or not same(value, stored):
            return False
    return True


_MISSING = object()


def _says_nothing_new(task: Task, given: Given) -> bool:
    return all(same(getattr(task, column), value) for column, value in given.values.items())


def _digest(key: Key) -> bytes:
    """Return what stands for a name: a million of them take 60 MB, whatever their length."""
    return blake2b("\0".join(key).encode("utf-8", "surrogatepass"), digest_size=16).digest()
