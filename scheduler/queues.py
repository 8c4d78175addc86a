"""What waits in each queue, what comes to it and goes from it, and how many workers it should have."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import psycopg
from django.conf import settings

from scheduler import dayloads
from scheduler.engine import scaling
from scheduler.engine.flex import DayLoad
from scheduler.engine.identity import lower_bound
from scheduler.engine.scaling import Demand
from scheduler.nodes import SILENT_AFTER
from scheduler.periods import AHEAD

# Rates are those of so long; minutes are counted, and the one that has begun counts with the seconds that it has had.
MEASURED: Final = timedelta(minutes=5)
# Of a flood no more are counted; by then nobody needs the number any more.
MOST_COUNTED: Final = 100_000
# Housekeeping has no rows, and no worker of its own.
PLATFORM: Final = "platform"

_WAITING = """
SELECT queue, count(*), min(queued_at), count(*) FILTER (WHERE queued_at >= %(since)s),
    min(queued_at) FILTER (WHERE published_at IS NULL)
FROM (
    SELECT queue, queued_at, published_at FROM task_execution_history
    WHERE status = 'QUEUED' AND id < %(high)s AND (%(namespace)s::text IS NULL OR namespace = %(namespace)s)
    ORDER BY published_at, id LIMIT %(limit)s
) bounded GROUP BY queue
"""

_RUNNING = """
SELECT queue, count(*), count(*) FILTER (WHERE queued_at >= %(since)s) FROM task_execution_history
WHERE status = 'RUNNING' AND id < %(high)s AND (%(namespace)s::text IS NULL OR namespace = %(namespace)s)
GROUP BY queue
"""

_RATES = """
SELECT queue, sum(arrived), sum(ended), sum(busy_ms) FROM scheduler_queue_rollups WHERE minute >= %(since)s
GROUP BY queue
"""

_WORKERS = """
SELECT q.name, count(*), sum((n.load ->> 'concurrency')::int)
FROM scheduler_nodes n, jsonb_array_elements_text(n.load -> 'queues') AS q (name)
WHERE n.role = 'worker' AND n.ended_at IS NULL AND n.heartbeat_at > %(alive)s
    AND NOT coalesce((n.load ->> 'criticalOnly')::boolean, false)
GROUP BY q.name
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in one queue; `fresh` have come since some instant; of a flood not all, in any queue, were counted."""

    name: str
    depth: int
    oldest_queued_at: datetime
    fresh: int
    oldest_unpublished_at: datetime | None
    is_flood: bool


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue at an instant; rates are means of the last five minutes, `mean_seconds` None where nothing ended.

    `workers` are those that live and take from it, `concurrency` their children together; `forecast_busy` is the most
    that is forecast within the lead, in seconds of work a second.
    """

    name: str
    depth: int = 0
    is_flood: bool = False
    oldest_queued_at: datetime | None = None
    oldest_wait: timedelta = timedelta()
    running: int = 0
    arrivals_per_second: float = 0.0
    served_per_second: float = 0.0
    mean_seconds: float | None = None
    forecast_busy: float = 0.0
    workers: int = 0
    concurrency: int = 0
    suggested_concurrency: int = 0
    suggested_workers: int = 0

    @property
    def oldest_wait_seconds(self) -> float:
        """How long the oldest has waited."""
        return self.oldest_wait.total_seconds()


def waiting(
    connection: psycopg.Connection, *, now: datetime, since: datetime, namespace: str | None = None
) -> list[Waiting]:
    """Return the queues in which something waits, by the rows of history: the broker's lists may be shorter, or gone.

    `fresh` of them have come since `since`. Of a flood only those that were published first are counted.
    """
    bounds = {"since": since, "high": lower_bound(now + AHEAD), "namespace": namespace, "limit": MOST_COUNTED}
    rows = connection.execute(_WAITING, bounds).fetchall()
    is_flood = sum(depth for _, depth, *_ in rows) >= MOST_COUNTED
    return [
        Waiting(name, depth, oldest, fresh, unpublished, is_flood) for name, depth, oldest, fresh, unpublished in rows
    ]


def measured(connection: psycopg.Connection, *, now: datetime, namespace: str | None = None) -> list[Queue]:
    """Return the queues that have work, workers or a forecast, by name.

    Of one `namespace` only what waits and runs is counted: rates and workers are the whole queue's.
    """
    since = now.replace(second=0, microsecond=0) - MEASURED
    facts = _facts(connection, now=now, since=since, namespace=namespace)
    loads = dayloads.all_queues(connection)
    children = [one.concurrency for one in facts.values() if one.workers]
    usual = sum(children) / sum(one.workers for one in facts.values()) if children else settings.WORKER_CONCURRENCY
    return [
        _queue(name, facts.get(name, _NOTHING), loads.get(name), now=now, since=since, usual=usual)
        for name in sorted({*facts, *loads} - {PLATFORM})
    ]


@dataclass(slots=True)
class _Facts:
    """What the tables say of one queue; `fresh` have come since the rates begin and have not ended."""

    depth: int = 0
    is_flood: bool = False
    oldest_queued_at: datetime | None = None
    running: int = 0
    fresh: int = 0
    arrived: int = 0
    ended: int = 0
    busy_ms: int = 0
    workers: int = 0
    concurrency: int = 0


_NOTHING: Final = _Facts()


def _facts(
    connection: psycopg.Connection, *, now: datetime, since: datetime, namespace: str | None
) -> dict[str, _Facts]:
    facts: dict[str, _Facts] = defaultdict(_Facts)
    for one in waiting(connection, now=now, since=since, namespace=namespace):
        of_queue = facts[one.name]
        of_queue.depth, of_queue.is_flood = one.depth, one.is_flood
        of_queue.oldest_queued_at, of_queue.fresh = one.oldest_queued_at, one.fresh
    bounds = {"since": since, "high": lower_bound(now + AHEAD), "namespace": namespace}
    for queue, running, fresh in connection.execute(_RUNNING, bounds):
        facts[queue].running, facts[queue].fresh = running, facts[queue].fresh + fresh
    for queue, arrived, ended, busy_ms in connection.execute(_RATES, {"since": since}):
        facts[queue].arrived, facts[queue].ended, facts[queue].busy_ms = int(arrived), int(ended), int(busy_ms)
    for queue, workers, concurrency in connection.execute(_WORKERS, {"alive": now - SILENT_AFTER}):
        facts[queue].workers, facts[queue].concurrency = workers, concurrency or 0
    return facts


def _queue(name: str, facts: _Facts, load: DayLoad | None, *, now: datetime, since: datetime, usual: float) -> Queue:
    seconds = (now - since).total_seconds()
    mean = facts.busy_ms / 1000 / facts.ended if facts.ended else None
    coming = scaling.forecast(load, now=now, lead_seconds=settings.WORKER_LEAD_SECONDS)
    arrivals = (facts.arrived + facts.fresh) / seconds
    wanted = scaling.concurrency(Demand(facts.depth, arrivals, mean, coming))
    each = facts.concurrency / facts.workers if facts.workers else usual
    oldest = facts.oldest_queued_at
    return Queue(
        name,
        depth=facts.depth,
        is_flood=facts.is_flood,
        oldest_queued_at=oldest,
        oldest_wait=max(now - oldest, timedelta()) if oldest is not None else timedelta(),
        running=facts.running,
        arrivals_per_second=arrivals,
        served_per_second=facts.ended / seconds,
        mean_seconds=mean,
        forecast_busy=max(coming, default=0.0),
        workers=facts.workers,
        concurrency=facts.concurrency,
        suggested_concurrency=wanted,
        suggested_workers=scaling.workers(wanted, concurrency_each=each),
    )
