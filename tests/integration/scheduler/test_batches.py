"""Batches: what a claim has queued is published, whoever dies on the way."""

from datetime import datetime, timedelta

import psycopg
import pytest
import redis

from scheduler import batches, claims, dispatch, firing, transitions
from scheduler.broker import Broker
from scheduler.errors import BrokerUnavailable
from tests.hot_paths import LEASE, Open, add_task, executions

WHILE = batches.LOST_AFTER + timedelta(seconds=1)


def count(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM scheduler_batches").fetchone()
    assert row is not None
    number: int = row[0]
    return number


def unpublished(connection: psycopg.Connection) -> int:
    return len([row for row in executions(connection) if row["published_at"] is None])


@pytest.fixture
def claimed(connection: psycopg.Connection, now: datetime) -> firing.Claimed:
    """A claim of three tasks, committed and not published."""
    for _ in range(3):
        add_task(connection, next_slot_for=now)
    return firing.claim(connection, now=now)


def test_a_batch_ends_when_the_broker_has_it(
    connection: psycopg.Connection, store: redis.Redis, broker: Broker, claimed: firing.Claimed
):
    assert claimed.batch is not None
    dispatch.dispatch_batch(connection, broker, claimed.ready, batch=claimed.batch)
    assert (count(connection), broker.depth("default"), unpublished(connection)) == (0, 3, 0)


def test_a_claim_that_queues_nothing_has_none(connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now - timedelta(hours=1), misfire_policy="SKIP", end_at=now)
    assert (firing.claim(connection, now=now + timedelta(hours=1)).batch, count(connection)) == (None, 0)


def test_a_claim_that_does_not_commit_has_none(connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now)
    with connection.transaction(force_rollback=True):
        firing.claim(connection, now=now)
    assert count(connection) == 0


def test_the_broker_that_is_away_leaves_its_rows_to_the_sweep(
    connection: psycopg.Connection, claimed: firing.Claimed, broker: Broker, monkeypatch: pytest.MonkeyPatch
):
    def refuse(*_: object, **__: object) -> None:
        raise BrokerUnavailable("away")

    assert claimed.batch is not None
    monkeypatch.setattr(broker, "publish", refuse)
    with pytest.raises(BrokerUnavailable):
        dispatch.dispatch_batch(connection, broker, claimed.ready, batch=claimed.batch)
    assert (count(connection), unpublished(connection)) == (0, 3)


def test_what_a_dead_publisher_had_is_recovered(connection: psycopg.Connection, claimed: firing.Claimed, now: datetime):
    assert batches.recover(connection, now=now + WHILE) == 3
    assert (count(connection), unpublished(connection)) == (0, 3)


def test_what_is_on_its_way_is_left_alone(connection: psycopg.Connection, claimed: firing.Claimed, now: datetime):
    assert batches.recover(connection, now=now + batches.LOST_AFTER) == 0
    assert count(connection) == 1


def test_what_has_started_meanwhile_is_left_alone(
    connection: psycopg.Connection, claimed: firing.Claimed, now: datetime
):
    first = claimed.ready[0].id
    transitions.start(connection, first, node_id="node-1", lease_expires_at=now + LEASE, now=now)
    assert batches.recover(connection, now=now + WHILE) == 2


def test_two_nodes_recover_a_batch_once(
    connection: psycopg.Connection, open_connection: Open, claimed: firing.Claimed, now: datetime
):
    with connection.transaction():
        assert len(claims.batches(connection, before=now + WHILE, limit=9)) == 1
        assert batches.recover(open_connection(), now=now + 2 * WHILE) == 0


def test_a_recovery_that_dies_is_repeated(connection: psycopg.Connection, claimed: firing.Claimed, now: datetime):
    with connection.transaction(force_rollback=True):
        batches.recover(connection, now=now + WHILE)
    assert batches.recover(connection, now=now + WHILE) == 3
