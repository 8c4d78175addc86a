"""A bulk request: thousands of records at once, in an order that two requests share."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

from register import bulk, ordering
from register.bulk import FAILED, Entry, Registrar, Result, key_of
from register.drafting import DEFAULT_NAMESPACE
from register.errors import UNAVAILABLE, RecordsRefused, StoredInPart
from register.locking import lock_named
from scheduler import claims, connections
from scheduler.errors import Fault

MOST_FAULTS: Final = 1_000


class _Numbered(NamedTuple):
    """A record with its place in the request."""

    number: int
    fields: Any


def submit(
    entries: Sequence[Entry], *, mode: str, is_atomic: bool, actor: str, namespace: str | None, now: datetime
) -> list[Result]:
    """Register the records, each by itself or all or none, and return what became of each, in their order.

    They are stored by name, so that two requests never wait for each other; what depends on others after those.
    Raises RecordsRefused where `is_atomic` and some are bad; where the database fails, StoredInPart or, if nothing was
    written, what it raises or PartitionMissing.
    """
    home = namespace or DEFAULT_NAMESPACE
    registrar = Registrar(mode=mode, actor=actor, home=home, namespace=namespace, now=now)
    records = [entry.fields for entry in entries]
    keys = [key_of({"namespace": home} | fields if isinstance(fields, dict) else fields) for fields in records]
    by_name = sorted(range(len(records)), key=lambda index: keys[index] or ordering.NAMELESS)
    in_turn = ordering.upstreams_first([_Numbered(index, records[index]) for index in by_name], home=home)
    order = [record.number for record in in_turn]
    results: dict[int, Result] = {}
    with transaction.atomic() if is_atomic else nullcontext():
        if connection.in_atomic_block:
            if any(map(ordering.edits_graph, records)):
                claims.edit_graph(connections.current())  # before any task, as wherever the graph changes
            lock_named(keys)
        for at in range(0, len(order), bulk.BATCH):
            indexes = order[at : at + bulk.BATCH]
            some = [entries[index] for index in indexes]
            try:
                results |= zip(indexes, registrar.register(some), strict=True)
            except UNAVAILABLE as error:
                if connection.in_atomic_block or not (at or _is_piecemeal(some)):
                    raise  # nothing was written
                stored = sum(result.outcome != FAILED for result in results.values())
                raise StoredInPart(stored, of=len(records)) from error
        in_order = [results[index] for index in range(len(records))]
        if is_atomic and (failed := sum(result.outcome == FAILED for result in in_order)):
            raise RecordsRefused(failed, of=len(records), faults=list(placed(in_order))[:MOST_FAULTS])
    return in_order


def _is_piecemeal(entries: Sequence[Entry]) -> bool:
    """Tell whether a batch is more than one transaction: what depends on others is stored one by one."""
    return len(entries) > 1 and any(ordering.edits_graph(entry.fields) for entry in entries)


def placed(results: Sequence[Result]) -> Iterator[Fault]:
    """Yield the faults of all records under their places: tasks[17].cronExpression."""
    for index, result in enumerate(results):
        yield from place(result.faults, index=index)


def place(faults: Sequence[Fault], *, index: int) -> Iterator[Fault]:
    """Yield the faults of one record under its place."""
    for fault in faults:
        yield replace(fault, field=f"tasks[{index}]{f'.{fault.field}' if fault.field else ''}")
