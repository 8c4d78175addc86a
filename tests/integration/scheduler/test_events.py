"""What a node does about events whose listeners have not all been started."""

from datetime import datetime
from uuid import uuid4

import psycopg
import pytest

from scheduler.node import SchedulerNode
from tests.hot_paths import add_task, statuses

pytestmark = pytest.mark.usefixtures("told")


@pytest.fixture
def told(connection: psycopg.Connection, now: datetime) -> None:
    """An event, and a task that listens for it."""
    listening = '[{"event": "a", "match": {}}]'
    add_task(connection, next_slot_for=None, claim_at=None, listens_to=listening)
    connection.execute(
        "INSERT INTO scheduler_events (id, name, payload, received_at) VALUES (%s, 'a', '{}', %s)", (uuid4(), now)
    )


def test_it_starts_them_and_publishes(node: SchedulerNode, connection: psycopg.Connection) -> None:
    node.sweeping.turn(connection)

    handed = node.publisher.batches.get_nowait()
    assert handed is not None
    assert (statuses(connection), len(handed[0])) == (["QUEUED"], 1)


def test_it_starts_nothing_while_too_much_waits_for_the_broker(
    node: SchedulerNode, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.sweep.MOST_UNPUBLISHED", -1)

    node.sweeping.turn(connection)

    assert statuses(connection) == []
