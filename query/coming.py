"""Which slots come next over all tasks, in the order in which they are due."""

from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Final, NamedTuple

from django.db import connection

from query import selectors
from query.cache import Cache
from scheduler.models import Task
from scheduler.upcoming import upcoming

KEPT_SECONDS: Final = 2.0
# A task that fires each second would fill the list by itself.
MOST_OF_A_TASK: Final = 10


class Slot(NamedTuple):
    """When a task runs next, once or once more."""

    at: datetime
    task: Task


@dataclass(frozen=True, slots=True)
class Coming:
    """The slots that come after `at`, and those that are late."""

    at: datetime
    slots: tuple[Slot, ...]


kept: Cache[Coming] = Cache(KEPT_SECONDS)


def coming(*, namespace: str | None, now: datetime, count: int) -> Coming:
    """Return the next `count` slots, at most ten of each task; without jitter, which the next of each has alone."""
    return kept.get((connection.alias, namespace, count), lambda: Coming(now, _slots(namespace, count)))


def _slots(namespace: str | None, count: int) -> tuple[Slot, ...]:
    due = selectors.visible_tasks(namespace=namespace).filter(claim_at__isnull=False)
    # Whoever is not among the first by their next slot has none among the first slots.
    tasks = due.order_by("claim_at", "id")[:count]
    of_each = ([Slot(slot, task) for slot in upcoming(task, count=MOST_OF_A_TASK)] for task in tasks)
    return tuple(islice(merge(*of_each, key=lambda slot: (slot.at, slot.task.id)), count))
