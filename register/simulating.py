"""Which tasks a simulation plays: those that are registered, or those of files as they would be."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from register.batch import HasRecords, said
from register.catalogue_file import Catalogue
from register.drafting import DEFAULT_NAMESPACE
from register.offline import Check
from scheduler.engine.states import TaskStatus
from scheduler.models import Task

PAGE: Final = 5_000


class BadRecords(Exception):
    """Some records cannot be registered; the lines say why."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__(f"{len(lines)} faults: nothing was simulated.")


def registered(namespace: str | None) -> Iterator[Task]:
    """Yield the active tasks, of one namespace or of all, in order of their ids."""
    tasks = Task.objects.filter(status=TaskStatus.ACTIVE).select_related("calendar").order_by("id")
    if namespace is not None:
        tasks = tasks.filter(namespace=namespace)
    yield from tasks.iterator(chunk_size=PAGE)


def of_files(
    sources: Iterable[HasRecords], catalogue: Catalogue, *, namespace: str | None, now: datetime
) -> list[Task]:
    """Return the tasks of files as they would be at `now`; no database is asked. Raises BadRecords, UnreadableFile.

    Their ids follow from their names, so that jitter and flex are the same each time.
    """
    check = Check(catalogue=catalogue, home=namespace or DEFAULT_NAMESPACE, owner=None, now=now)
    tasks: list[Task] = []
    faults: list[str] = []
    for record in (record for source in sources for record in source.records()):
        result = check.check(record)
        faults += [said(record, fault) for fault in result.faults]
        if result.task is not None:
            result.task.id = uuid5(NAMESPACE_URL, f"{result.task.namespace}/{result.task.name}")
            tasks.append(result.task)
    if faults:
        raise BadRecords(faults)
    return tasks


def children_of(given: Iterable[str]) -> dict[str, int]:
    """Return how many children queues have, from texts like `reports=8`. Raises ValueError, which says why not."""
    found: Counter[str] = Counter()
    for text in given:
        queue, sign, count = text.partition("=")
        if not (queue and sign and count.isdecimal() and int(count) > 0):
            raise ValueError(f"{text!r}: write a queue and how many it runs at once, as in reports=8.")
        found[queue] = int(count)
    return dict(found)
