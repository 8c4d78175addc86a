"""In which order records are registered and tasks pruned, where some depend on others."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

from django.db.models import Q

from register.bulk import key_of
from register.drafting import DEFAULT_NAMESPACE
from scheduler.models import Task

Item = TypeVar("Item")


# Where records stand that have no name: they are bad, and store nothing.
NAMELESS: Final = ("", "")


class HasFields(Protocol):
    """A record, wherever it came from."""

    @property
    def fields(self) -> Any: ...


R = TypeVar("R", bound=HasFields)


def upstreams_first(records: Iterable[R], *, home: str = DEFAULT_NAMESPACE) -> Iterator[R]:
    """Yield the records, those with dependencies last, each after the ones of them that it names.

    Only those are kept in memory. A cycle is told of each of its records, in the order in which they came. `home` is
    the namespace of records that name none.
    """
    waiting: list[R] = []
    for record in records:
        if names(record.fields):
            waiting.append(record)
        else:
            yield record
    yield from _sorted(waiting, home)


def _sorted(records: Sequence[R], home: str) -> Iterator[R]:
    keys = [key_of({"namespace": home} | record.fields) for record in records]
    at = {key: index for index, key in enumerate(keys) if key is not None}
    sorter = TopologicalSorter[int]()
    for index, record in enumerate(records):
        named = ((key[0], name) for key in [keys[index]] if key is not None for name in names(record.fields))
        sorter.add(index, *(at[key] for key in named if key in at))
    try:
        order = list(sorter.static_order())
    except CycleError:
        order = list(range(len(records)))
    return (records[index] for index in order)


def edits_graph(fields: Any) -> bool:
    """Tell whether a record says what its task depends on: by name, by id, or that it is nothing."""
    return isinstance(fields, dict) and "dependencies" in fields


def names(fields: Any) -> list[str]:
    """Return the names in a record's dependencies, whatever else may be wrong with it."""
    given = fields.get("dependencies") if isinstance(fields, dict) else None
    entries = given if isinstance(given, list) else []
    named = (entry.get("name") for entry in entries if isinstance(entry, dict))
    return [name.strip() for name in named if isinstance(name, str)]


def joined(task_ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these tasks depend on others, or have others depend on them."""
    either = Q(has_dependencies=True) | Q(has_dependents=True)
    return set(Task.objects.filter(either, id__in=task_ids).values_list("id", flat=True))


def dependents_first(items: Sequence[Item], delete: Callable[[Item], bool]) -> list[Item]:
    """Delete in as many rounds as it takes for what depends on others to go before them; return what cannot go."""
    left = list(items)
    while left:
        refused = [item for item in left if not delete(item)]
        if len(refused) == len(left):
            return refused
        left = refused
    return []
