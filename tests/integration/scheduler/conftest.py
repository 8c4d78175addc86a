"""Committed rows, seen by every connection; a task that runs; a node, its broker and its clocks."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import psycopg
import pytest
import redis

from scheduler import clock
from scheduler.broker import Broker
from scheduler.node import SchedulerNode
from scheduler.records import Started
from tests.hot_paths import DAY, MINUTE, add_task, connection, now, open_connection, set_clock, start_one, store
from tests.integration.scheduler.hands import Hands

__all__ = ["connection", "now", "open_connection", "store"]


@pytest.fixture
def hands(now: datetime, monkeypatch: pytest.MonkeyPatch) -> Hands:
    """Both clocks in the test's hands."""
    hands = Hands(now)
    set_clock(monkeypatch, lambda: hands.now)
    monkeypatch.setattr(clock, "monotonic", lambda: hands.second)
    return hands


@pytest.fixture
def node(hands: Hands, store: redis.Redis) -> Iterator[SchedulerNode]:
    """A node whose passes the test makes."""
    made = SchedulerNode()
    for timer in (made._lease_timer, made._release_timer, *made.sweeping._timers, *made.publisher.timers):
        timer.due_at = hands.second
    yield made


@pytest.fixture
def broker(store: redis.Redis) -> Iterator[Broker]:
    """The same broker from outside."""
    opened = Broker()
    yield opened
    opened.close()


@pytest.fixture
def gap(connection: psycopg.Connection, now: datetime) -> Iterator[datetime]:
    """An instant whose partition of history is away, as one that retention has removed."""
    instant = now + 3 * DAY
    with connection.transaction(force_rollback=True):
        connection.execute(
            f"ALTER TABLE task_execution_history DETACH PARTITION task_execution_history_p{instant:%Y%m%d}"
        )
        yield instant


@pytest.fixture
def report(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task that may not overlap, retried once."""
    return add_task(
        connection,
        next_slot_for=now + MINUTE,
        overlap_policy="SKIP",
        max_retry_count=1,
        retry_policy='{"delaySeconds": 30, "jitter": false}',
        task_data='{"a": 1}',
        version=4,
    )


@pytest.fixture
def running(connection: psycopg.Connection, report: UUID, now: datetime) -> Started:
    """An execution of it that node-1 runs."""
    return start_one(connection, report, now=now)
