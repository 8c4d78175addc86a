"""Registers all records of some files, prunes what they no longer name, and counts what became of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from itertools import chain, islice
from typing import Any, Protocol

from django.db import transaction

from register import bulk, ordering, ownership, plan, services
from register.bulk import FAILED, Key
from register.errors import TaskInUse
from register.formats.record import Record
from register.services import DEFAULT_NAMESPACE
from scheduler.errors import Fault, TaskNotFound
from scheduler.models import Task

PRUNED = "pruned"
LOOKED_UP_AT_ONCE = 100

Say = Callable[[str], None]


class HasRecords(Protocol):
    """A file, or whatever else can be read as records."""

    def records(self) -> Iterator[Record]:
        """Yield the records with their places. Raises UnreadableFile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How records are to be registered."""

    mode: str = bulk.CREATE
    namespace: str | None = None
    owner: str | None = None
    prune: bool = False
    dry_run: bool = False
    atomic: bool = False


@dataclass(slots=True, kw_only=True)
class Batch:
    """One run. `complain` is told each fault, `tell` each line of a dry run's plan, `advance` each record's end."""

    wishes: Wishes
    now: datetime
    complain: Say
    tell: Say
    advance: Callable[[], None] = lambda: None
    counts: Counter[str] = field(default_factory=Counter)
    _named: set[bytes] = field(default_factory=set)

    def run(self, sources: Sequence[HasRecords], *, is_complete: bool) -> None:
        """Register the files; with `is_complete` False some others could not be read, so that nothing is pruned."""
        if not self.wishes.atomic:
            self._run(sources, is_complete=is_complete)
            return
        with transaction.atomic():
            self._run(sources, is_complete=is_complete)
            if self.counts[FAILED] or not is_complete:
                transaction.set_rollback(True)

    def _run(self, sources: Sequence[HasRecords], *, is_complete: bool) -> None:
        records = ordering.upstreams_first(
            chain.from_iterable(source.records() for source in sources), home=self.wishes.namespace or DEFAULT_NAMESPACE
        )
        while some := list(islice(records, LOOKED_UP_AT_ONCE)):
            self._register_some(some)
        if self.wishes.prune and is_complete and not self.counts[FAILED]:
            self._prune()

    def _register_some(self, records: Sequence[Record]) -> None:
        completed = [self._completed(record.fields) for record in records]
        is_upsert = self.wishes.mode == bulk.UPSERT
        existing = bulk.find([key for key in map(bulk.key_of, completed) if key]) if is_upsert else {}
        for record, fields in zip(records, completed, strict=True):
            key = bulk.key_of(fields)
            task = existing.get(key) if key else None
            self._register(record, ownership.stamped(fields, self.wishes.owner, existing=task), task)
            self.advance()

    def _register(self, record: Record, fields: Any, existing: Task | None) -> None:
        faults = record.faults or tuple(self._known_faults(fields))
        if faults and not isinstance(fields, dict):
            result = bulk.Result(FAILED, faults)
        else:
            result = self._stored(fields, faults, existing)
            if self.wishes.dry_run and _waits_only(result):
                # What it waits for was planned, and taken back.
                result = self._stored(ordering.without(fields, self._has_named), faults, existing)
        self.counts[result.outcome] += 1
        for fault in result.faults:
            self.complain(f"{record.place}{f'.{fault.field}' if fault.field else ''}: {fault.message}")
        if self.wishes.dry_run:
            for line in plan.lines_of(result, now=self.now):
                self.tell(line)

    def _stored(self, fields: Any, faults: Sequence[Fault], existing: Task | None) -> bulk.Result:
        return bulk.register(
            fields,
            faults=faults,
            existing=existing,
            mode=self.wishes.mode,
            actor=ownership.ACTOR,
            now=self.now,
            dry_run=self.wishes.dry_run,
        )

    def _has_named(self, key: Key) -> bool:
        return _digest(key) in self._named

    def _completed(self, fields: Any) -> Any:
        if isinstance(fields, dict) and self.wishes.namespace is not None:
            fields = {"namespace": self.wishes.namespace} | fields
        return fields

    def _known_faults(self, fields: Any) -> Iterator[Fault]:
        """Yield what is wrong with a record beyond what is in it: another one of the files has its name."""
        key = bulk.key_of(fields)
        if key is None:
            return
        digest = _digest(key)
        if digest in self._named:
            yield Fault("name", "taken", "An earlier record of these files has this name.")
        self._named.add(digest)

    def _prune(self) -> None:
        # Listed first: a cursor would not survive the transactions of the deletions.
        owner = self.wishes.owner or ""
        surplus = [
            (task_id, key)
            for task_id, key in ownership.registered_by(owner, namespace=self.wishes.namespace)
            if not self._has_named(key)
        ]
        if self.wishes.dry_run:
            for _, key in surplus:
                self.tell(plan.prune_line(key))
            self.counts[PRUNED] += len(surplus)
            return
        for _, key in ordering.dependents_first(surplus, self._prune_one):
            self.counts[FAILED] += 1
            self.complain(f"{'/'.join(key)}: it is not pruned, for other tasks depend on it.")

    def _prune_one(self, one: tuple[Any, Key]) -> bool:
        """Delete a task; False where others still depend on it."""
        try:
            services.delete_task(one[0], namespace=None, now=self.now)
        except TaskNotFound:
            return True  # somebody else was faster
        except TaskInUse:
            return False
        self.counts[PRUNED] += 1
        return True


def _waits_only(result: bulk.Result) -> bool:
    """Tell whether nothing is wrong with a record but that what it depends on is not there."""
    return bool(result.faults) and all(fault.code == "unknown_task" for fault in result.faults)


def _digest(key: Key) -> bytes:
    """Return what stands for a name: a million of them take 60 MB, whatever their length."""
    return blake2b("\0".join(key).encode("utf-8", "surrogatepass"), digest_size=16).digest()
