"""What a scheduler node sees of the whole platform, for those who watch it from outside: gauges, and a sign of life.

In a loop of its own, which counts and calls slowly: nothing that is to be on time waits for it.
"""

import logging
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPException
from urllib.parse import urlsplit

import psycopg
from prometheus_client import CollectorRegistry, Gauge

from scheduler import claims, clock, ended, nodes, partitions
from scheduler.engine.explanations import CLAIM_LATE_AFTER, START_LATE_AFTER
from scheduler.engine.states import Status
from scheduler.exposition import NAMESPACE
from scheduler.loops import Loop
from scheduler.models.choices import NodeRole
from scheduler.neighbours import Neighbours

logger = logging.getLogger(__name__)

EVERY_SECONDS = 15
# Also where nothing is late for long: the next look after one that was late.
SOON_SECONDS = 5
CALL_EVERY_SECONDS = 60
CALL_TIMEOUT_SECONDS = 10
# Counting a flood to its end would take longer than is worth it.
MOST_COUNTED = 10_000

_UNCLAIMED = "SELECT count(*) FROM (SELECT FROM scheduler_tasks WHERE claim_at < %(before)s LIMIT %(limit)s) bounded"

_WAITING = """
SELECT count(*) FROM (
    SELECT FROM task_execution_history
    WHERE status = 'QUEUED' AND queued_at < %(before)s AND id >= %(low)s LIMIT %(limit)s
) bounded
"""

_LATE = """
SELECT count(*) FROM (
    (SELECT id FROM scheduler_tasks WHERE claim_at < %(due_before)s LIMIT %(limit)s)
    UNION
    (SELECT task_id FROM task_execution_history
     WHERE status = 'QUEUED' AND queued_at < %(queued_before)s AND id >= %(low)s LIMIT %(limit)s)
) late
"""

_NODES = """
SELECT role, count(*) FILTER (WHERE heartbeat_at > %(alive)s), count(*) FILTER (WHERE heartbeat_at <= %(alive)s)
FROM scheduler_nodes WHERE heartbeat_at > %(since)s AND ended_at IS NULL GROUP BY role
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen: tasks due for more than 5 s and not claimed, executions QUEUED for more than 60 s, tasks to which
    one of both happens (10,001 is more than 10,000); what ended of the last hour's slots; by role how many nodes live
    and how many fell silent within a day; for how many days there is room in history."""

    unclaimed_count: int
    waiting_count: int
    late_task_count: int
    ended: dict[Status, int]
    nodes: dict[str, tuple[int, int]]
    days_ahead: float


def look(connection: psycopg.Connection, *, now: datetime) -> Seen:
    """Look at the whole platform."""
    limit = MOST_COUNTED + 1
    due_before, queued_before, low = now - CLAIM_LATE_AFTER, now - START_LATE_AFTER, claims.recent(now)
    late = {"due_before": due_before, "queued_before": queued_before, "low": low, "limit": limit}
    silent = {"alive": now - nodes.SILENT_AFTER, "since": now - nodes.SHOWN_FOR}
    found = {role: (alive, silent) for role, alive, silent in connection.execute(_NODES, silent)}
    return Seen(
        unclaimed_count=_count(connection, _UNCLAIMED, {"before": due_before, "limit": limit}),
        waiting_count=_count(connection, _WAITING, {"before": queued_before, "low": low, "limit": limit}),
        late_task_count=_count(connection, _LATE, late),
        ended=ended.since(connection, ended.minute_of(now - ended.HOUR)),
        nodes={role.value: found.get(role.value, (0, 0)) for role in NodeRole},
        days_ahead=partitions.room_ahead(connection, now=now) / timedelta(days=1),
    )


def _count(connection: psycopg.Connection, statement: str, parameters: dict[str, object]) -> int:
    row = connection.execute(statement, parameters).fetchone()
    return row[0] if row else 0


class Observer:
    """One node's look at the whole, each 15 s, and its call of `watchdog_url`, each minute while all is on time.

    `is_claiming` and `speaks_for_all` are asked at each turn: whether this node's own claims go on, and whether it is
    the one that calls, so that one call a minute comes however many nodes there are. `neighbours` looks who else uses
    the broker.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        watchdog_url: str | None,
        is_claiming: Callable[[], bool],
        speaks_for_all: Callable[[], bool],
        neighbours: Neighbours | None = None,
    ) -> None:
        self._watchdog_url = watchdog_url
        self._is_claiming = is_claiming
        self._speaks_for_all = speaks_for_all
        self._neighbours = neighbours
        self._called_at: float | None = None
        self.loop = Loop("observe", self.turn)
        self._late = Gauge(
            "late", "What is late, of all nodes, counted up to 10,001: `unclaimed` tasks, `waiting` executions.",
            ["kind"], namespace=NAMESPACE, registry=registry,
        )  # fmt: skip
        self._late_tasks = Gauge(
            "late_tasks", "Tasks that are late by one or the other, as the dashboard counts them; up to 10,001.",
            namespace=NAMESPACE, registry=registry,
        )  # fmt: skip
        self._ended = Gauge(
            "last_hour_executions", "What ended of the slots since the minute an hour ago, of all nodes.",
            ["status"], namespace=NAMESPACE, registry=registry,
        )  # fmt: skip
        self._nodes = Gauge(
            "nodes", "Nodes that live, and those that fell silent within the last day without taking their leave.",
            ["role", "state"], namespace=NAMESPACE, registry=registry,
        )  # fmt: skip
        self._days_ahead = Gauge(
            "partitions_ahead_days", "Days to come for which history has a partition.",
            namespace=NAMESPACE, registry=registry,
        )  # fmt: skip
        self._calls = Gauge(
            "watchdog_called_timestamp_seconds", "When this node last reached WATCHDOG_URL, as Unix time.",
            namespace=NAMESPACE, registry=registry,
        )  # fmt: skip

    def turn(self, connection: psycopg.Connection) -> float:
        """Look, show what was seen, and call the watchdog where it is time; return the seconds until the next look."""
        now = clock.read(connection)
        seen = look(connection, now=now)
        self._show(seen)
        if self._neighbours is not None:
            self._neighbours.look(connection)
        if not self._watchdog_url or not self._speaks_for_all() or not self._is_time():
            return EVERY_SECONDS
        is_on_time = seen.unclaimed_count == 0 and self._is_claiming()
        if not is_on_time:
            logger.warning("Slots are not recorded on time: the watchdog is not called.")
        if not is_on_time or not call(self._watchdog_url):
            return SOON_SECONDS
        self._called_at = clock.monotonic()
        self._calls.set(now.timestamp())
        return EVERY_SECONDS

    def _is_time(self) -> bool:
        # A look's length early rather than late: who listens outside counts minutes.
        since = CALL_EVERY_SECONDS - EVERY_SECONDS / 2
        return self._called_at is None or clock.monotonic() - self._called_at >= since

    def _show(self, seen: Seen) -> None:
        self._late.labels(kind="unclaimed").set(seen.unclaimed_count)
        self._late.labels(kind="waiting").set(seen.waiting_count)
        self._late_tasks.set(seen.late_task_count)
        for status, count in seen.ended.items():
            self._ended.labels(status=status).set(count)
        for role, (alive, silent) in seen.nodes.items():
            self._nodes.labels(role=role, state="alive").set(alive)
            self._nodes.labels(role=role, state="silent").set(silent)
        self._days_ahead.set(seen.days_ahead)


def call(url: str) -> bool:
    """Ask `url` with GET, within 10 s; tell whether it answered 2xx. Of the address only the host is ever logged."""
    try:
        with urllib.request.urlopen(url, timeout=CALL_TIMEOUT_SECONDS) as answer:  # noqa: S310 - http(s), by the settings
            answer.read(1024)
            return True
    except (OSError, HTTPException) as error:
        logger.warning("The watchdog at %s was not reached: %s", urlsplit(url).hostname, error)
        return False
