"""What waits in the queues, by the rows of history: the broker's own lists may be shorter, or gone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

from query.numbers import ALWAYS, EXECUTIONS, Number, link
from scheduler.engine.identity import lower_bound
from scheduler.engine.states import Status
from scheduler.periods import AHEAD

MOST_COUNTED: Final = 100_000

_QUEUED = """
SELECT queue, count(*), min(queued_at) FROM (
    SELECT queue, queued_at FROM task_execution_history
    WHERE status = 'QUEUED' AND id < %(high)s AND (%(namespace)s::text IS NULL OR namespace = %(namespace)s)
    ORDER BY published_at, id LIMIT %(limit)s
) bounded GROUP BY queue ORDER BY count(*) DESC, queue
"""


@dataclass(frozen=True, slots=True)
class Queue:
    """How many executions wait in a queue, and since when the oldest of them."""

    name: str
    depth: Number
    oldest_queued_at: datetime


def waiting(*, namespace: str | None, now: datetime) -> tuple[Queue, ...]:
    """Return the queues in which something waits, the deepest first; of a flood only the oldest are counted."""
    with connection.cursor() as cursor:
        cursor.execute(_QUEUED, {"namespace": namespace, "high": lower_bound(now + AHEAD), "limit": MOST_COUNTED})
        rows = cursor.fetchall()
    is_flood = sum(count for _, count, _ in rows) == MOST_COUNTED
    return tuple(
        Queue(name, Number(count, _rows_of(name), is_estimated=is_flood), oldest) for name, count, oldest in rows
    )


def _rows_of(queue: str) -> str:
    return link(EXECUTIONS, status=Status.QUEUED, queue=queue, startDate=ALWAYS)
