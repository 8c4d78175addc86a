"""What waits in the queues, each number with the list of what it counts."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from query.numbers import ALWAYS, EXECUTIONS, Number, link
from scheduler import connections, queues
from scheduler.engine.states import Status


@dataclass(frozen=True, slots=True)
class Queue:
    """How many executions wait in a queue, and since when the oldest of them, and of those the broker has not taken.

    `is_served` tells whether a worker that lives takes from it.
    """

    name: str
    depth: Number
    oldest_queued_at: datetime
    oldest_unpublished_at: datetime | None
    is_served: bool


def waiting(*, namespace: str | None, served: Collection[str], now: datetime) -> tuple[Queue, ...]:
    """Return the queues in which something waits, the deepest first; `served` are those that workers take from."""
    found = queues.waiting(connections.current(), now=now, since=now, namespace=namespace)
    return tuple(
        Queue(
            one.name,
            Number(one.depth, _rows_of(one.name), is_estimated=one.is_flood),
            one.oldest_queued_at,
            one.oldest_unpublished_at,
            one.name in served,
        )
        for one in sorted(found, key=lambda one: (-one.depth, one.name))
    )


def _rows_of(queue: str) -> str:
    return link(EXECUTIONS, status=Status.QUEUED, queue=queue, startDate=ALWAYS)
