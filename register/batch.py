"""Registers all records of some files, prunes what they no longer name, and counts what became of it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import chain, islice
from typing import Any, Protocol
from uuid import UUID

from django.db import connection, transaction

from register import bulk, dependencies, locking, ordering, ownership, plan, services, turns
from register.bulk import FAILED, Entry, Key, Registrar, Result, Work, key_of
from register.catalogue_file import Catalogue
from register.drafting import DEFAULT_NAMESPACE
from register.errors import TaskInUse
from register.formats.record import Record
from register.stored import Stored
from scheduler import claims, connections
from scheduler.errors import Fault, TaskNotFound

PRUNED = "pruned"

# As many as a request may have.
MOST_IN_ORDER = 10_000

Say = Callable[[str], None]

_Registered = tuple[list[Record], list[Result]]


class HasRecords(Protocol):
    """A file, or whatever else can be read as records."""

    def records(self) -> Iterator[Record]:
        """Yield the records with their places. Raises UnreadableFile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How records are to be registered; what is unchanged a plan counts, and names from verbosity 2 on."""

    mode: str = bulk.CREATE
    namespace: str | None = None
    owner: str | None = None
    prune: bool = False
    dry_run: bool = False
    atomic: bool = False
    verbosity: int = 1


@dataclass(kw_only=True)
class Batch:
    """One run. `complain` is told each fault, `tell` each line of a dry run's plan, `advance` each record's end.

    With a `catalogue` its handlers are there, and no others.
    """

    wishes: Wishes
    now: datetime
    complain: Say
    tell: Say
    advance: Callable[[], None] = lambda: None
    catalogue: Catalogue | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def run(self, sources: Sequence[HasRecords], *, is_complete: bool) -> None:
        """Register the files; with `is_complete` False some others could not be read, so that nothing is pruned."""
        if not self.wishes.atomic:
            self._run(sources, is_complete=is_complete)
            return
        with transaction.atomic():
            # Before any task, as wherever the graph changes. Looked for first: memory stays flat.
            if any(ordering.edits_graph(record.fields) for record in _every(sources)):
                claims.edit_graph(connections.current())
            self._run(self._in_order(sources), is_complete=is_complete)
            if self.counts[FAILED] or not is_complete:
                transaction.set_rollback(True)

    def _in_order(self, sources: Sequence[HasRecords]) -> Sequence[HasRecords]:
        """Lock the tasks that the records name, and return these by name, as requests go through theirs.

        So two that register the same never wait for each other. More than a request has are not kept in memory.
        """
        records = list(islice(_every(sources), MOST_IN_ORDER + 1))
        if len(records) > MOST_IN_ORDER:
            return sources
        keys = [
            key_of({"namespace": self._home} | one.fields if isinstance(one.fields, dict) else None) for one in records
        ]
        locking.lock_named(keys)
        places = sorted(range(len(records)), key=lambda place: keys[place] or ordering.NAMELESS)
        return [_Kept([records[place] for place in places])]

    @property
    def _home(self) -> str:
        return self.wishes.namespace or DEFAULT_NAMESPACE

    def _run(self, sources: Sequence[HasRecords], *, is_complete: bool) -> None:
        batches = _batches(ordering.upstreams_first(_every(sources), home=self._home))
        # Inside a transaction every statement goes over its connection.
        in_turn = connection.in_atomic_block
        for records, results in self._registered(batches) if in_turn else self._registered_side_by_side(batches):
            for record, result in zip(records, results, strict=True):
                self._note(record, result)
                self.advance()
        if self.wishes.prune and is_complete and not self.counts[FAILED]:
            self._prune()

    def _registered(self, batches: Iterable[list[Record]]) -> Iterator[_Registered]:
        for records in batches:
            yield records, self._registrar.store(self._prepared(records))

    def _registered_side_by_side(self, batches: Iterable[list[Record]]) -> Iterator[_Registered]:
        """Check a batch here while PostgreSQL stores the one before for another thread: each takes about as long."""
        with turns.short(), ThreadPoolExecutor(max_workers=1, thread_name_prefix="store") as storing:
            try:
                before: tuple[list[Record], Future[list[Result]]] | None = None
                for records in batches:
                    works = self._prepared(records)
                    if before is not None:
                        yield before[0], before[1].result()
                    # With its context: what the log says of this run, it says there too.
                    before = records, storing.submit(copy_context().run, self._registrar.store, works)
                if before is not None:
                    yield before[0], before[1].result()
            finally:
                storing.submit(_disconnect)

    def _prepared(self, records: Sequence[Record]) -> list[Work]:
        return self._registrar.prepare([Entry(record.fields, record.faults) for record in records])

    @cached_property
    def _registrar(self) -> Registrar:
        return Registrar(
            mode=self.wishes.mode,
            actor=ownership.ACTOR,
            home=self._home,
            owner=self.wishes.owner,
            dry_run=self.wishes.dry_run,
            now=self.now,
            among=Stored(self.catalogue.handlers if self.catalogue else None),
        )

    def _note(self, record: Record, result: Result) -> None:
        self.counts[result.outcome] += 1
        for fault in result.faults:
            self.complain(said(record, fault))
        if self.wishes.dry_run and (result.outcome != bulk.UNCHANGED or self.wishes.verbosity > 1):
            for line in plan.lines_of(result, now=self.now):
                self.tell(line)

    def _prune(self) -> None:
        owned = ownership.registered_by(self.wishes.owner or "", namespace=self.wishes.namespace)
        # Listed first: a cursor would not survive the transactions of the deletions.
        surplus = [(task_id, key) for task_id, key in owned if not self._registrar.has_named(key)]
        if self.wishes.dry_run:
            for _, key in surplus:
                self.tell(plan.prune_line(key))
            self.counts[PRUNED] += len(surplus)
            return
        joined = ordering.joined([task_id for task_id, _ in surplus])
        alone = [task_id for task_id, _ in surplus if task_id not in joined]
        for at in range(0, len(alone), bulk.BATCH):
            self._prune_alone(alone[at : at + bulk.BATCH])
        for _, key in ordering.dependents_first([one for one in surplus if one[0] in joined], self._prune_one):
            self.counts[FAILED] += 1
            self.complain(f"{'/'.join(key)}: it is not pruned, for other tasks depend on it.")

    def _prune_alone(self, some: Sequence[UUID]) -> None:
        with transaction.atomic():
            # Fewer where somebody else was faster: deleted them, or took them over for his files.
            deleted = services.delete_tasks(ownership.still(self.wishes.owner or "", some), now=self.now)
        self.counts[PRUNED] += len(deleted)

    def _prune_one(self, one: tuple[Any, Key]) -> bool:
        """Delete a task; False where others still depend on it."""
        try:
            with transaction.atomic():
                dependencies.lock_linked(one[0])
                if not ownership.still(self.wishes.owner or "", [one[0]]):
                    return True  # it is somebody else's by now
                services.delete_task(one[0], namespace=None, now=self.now)
        except TaskNotFound:
            return True  # somebody else was faster
        except TaskInUse:
            return False
        self.counts[PRUNED] += 1
        return True


def said(record: Record, fault: Fault) -> str:
    """Return the line for a fault of a record, with its place."""
    return f"{record.place}{f'.{fault.field}' if fault.field else ''}: {fault.message}"


@dataclass(frozen=True, slots=True)
class _Kept:
    """Records that have been read."""

    kept: Sequence[Record]

    def records(self) -> Iterator[Record]:
        return iter(self.kept)


def _every(sources: Sequence[HasRecords]) -> Iterator[Record]:
    return chain.from_iterable(source.records() for source in sources)


def _disconnect() -> None:
    """Close the connection of the thread that this runs in: each has one of its own."""
    connection.close()


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    while some := list(islice(records, bulk.BATCH)):
        yield some
