"""Registers all records of some files, prunes what they no longer name, and counts what became of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Protocol

from django.db import transaction

from register import bulk, ownership, plan, services
from register.bulk import FAILED, Entry, Registrar, Result
from register.drafting import DEFAULT_NAMESPACE
from register.formats.record import Record

PRUNED = "pruned"

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


@dataclass(kw_only=True)
class Batch:
    """One run. `complain` is told each fault, `tell` each line of a dry run's plan, `advance` each record's end."""

    wishes: Wishes
    now: datetime
    complain: Say
    tell: Say
    advance: Callable[[], None] = lambda: None
    counts: Counter[str] = field(default_factory=Counter)

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
        for source in sources:
            records = source.records()
            while some := list(islice(records, bulk.BATCH)):
                self._register_some(some)
        if self.wishes.prune and is_complete and not self.counts[FAILED]:
            self._prune()

    def _register_some(self, records: Sequence[Record]) -> None:
        results = self._registrar.register([Entry(record.fields, record.faults) for record in records])
        for record, result in zip(records, results, strict=True):
            self._note(record, result)
            self.advance()

    @cached_property
    def _registrar(self) -> Registrar:
        return Registrar(
            mode=self.wishes.mode,
            actor=ownership.ACTOR,
            home=self.wishes.namespace or DEFAULT_NAMESPACE,
            owner=self.wishes.owner,
            dry_run=self.wishes.dry_run,
            now=self.now,
        )

    def _note(self, record: Record, result: Result) -> None:
        self.counts[result.outcome] += 1
        for fault in result.faults:
            self.complain(f"{record.place}{f'.{fault.field}' if fault.field else ''}: {fault.message}")
        if self.wishes.dry_run:
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
        for at in range(0, len(surplus), bulk.BATCH):
            some = [task_id for task_id, _ in surplus[at : at + bulk.BATCH]]
            # Fewer where somebody else was faster.
            self.counts[PRUNED] += len(services.delete_tasks(some, now=self.now))
