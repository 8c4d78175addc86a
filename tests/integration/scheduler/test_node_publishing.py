"""What a node publishes, and publishes again where the broker was away or has lost it."""

import queue
from datetime import datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
import redis

from scheduler.broker import GENERATION_KEY, Broker
from scheduler.errors import BrokerUnavailable
from scheduler.node import SchedulerNode
from scheduler.records import Ready
from tests.hot_paths import DAY, SECOND, add_task, executions, key_prefix, queue_one
from tests.integration.scheduler.hands import Hands


def test_it_publishes_what_the_claim_hands_over(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker, now: datetime
):
    add_task(connection, next_slot_for=now)
    node._claim(connection)
    node.publisher.turn(connection)
    assert (broker.depth("default"), executions(connection)[0]["published_at"]) == (1, now)


def test_it_leaves_rows_to_the_sweep_where_publishing_is_behind(node: SchedulerNode):
    for _ in range(node.publisher.batches.maxsize + 1):
        node.publisher.hand_over([Ready(uuid4(), "default", 5, 60)])
    assert node.publisher.batches.full()


def test_what_is_critical_is_published_before_what_waits(node: SchedulerNode):
    handed = [[Ready(uuid4(), "default", priority, 60)] for priority in (5, 9, 10, 1, 10)]
    for ready in handed:
        node.publisher.hand_over(ready)

    went = [node.publisher.batches.get() for _ in handed]
    assert [ready for ready, _ in filter(None, went)] == [handed[2], handed[4], handed[0], handed[1], handed[3]]


def fails(*_: object, **__: object) -> None:
    raise BrokerUnavailable("away")


def test_it_lets_the_broker_rest_after_a_failure(
    node: SchedulerNode, connection: psycopg.Connection, hands: Hands, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Broker, "has_lost_data", fails)
    node.publisher.batches.put(([], None))
    node.publisher.turn(connection)
    assert node.live()[1]["isBrokerReachable"] is False


def test_it_wakes_up_when_something_is_due(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker, hands: Hands, monkeypatch: pytest.MonkeyPatch
):
    waited: list[float] = []

    def nothing(timeout: float) -> None:
        waited.append(timeout)
        raise queue.Empty

    monkeypatch.setattr(node.publisher.batches, "get", nothing)
    node.publisher.turn(connection)
    node.publisher.turn(connection)
    assert waited == [0.5, 1]


def test_it_publishes_what_nobody_has_once_the_broker_is_back(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker, now: datetime, hands: Hands,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    add_task(connection, next_slot_for=now)
    node._claim(connection)
    with monkeypatch.context() as patch:
        patch.setattr(Broker, "publish", fails)
        node.publisher.turn(connection)
    hands.move(6 * SECOND)
    node.publisher.batches.put(([], None))
    node.publisher.turn(connection)
    assert (broker.depth("default"), node.publisher.outlet.is_open) == (1, True)


def test_it_publishes_old_slots_ids_too(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker, now: datetime
):
    """A retry of a slot that was caught up weeks late keeps that slot's id."""
    queue_one(connection, add_task(connection, next_slot_for=now + DAY), now=now - 20 * DAY)
    node.publisher.batches.put(([], None))
    node.publisher.turn(connection)
    assert broker.depth("default") == 1


def test_it_publishes_all_again_where_the_broker_has_lost_its_data(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker, store: redis.Redis, now: datetime, hands: Hands
):
    for number in range(3):
        queue_one(connection, add_task(connection, next_slot_for=now + DAY), now=now - number * SECOND)
    for _ in range(3):
        hands.move(6 * SECOND)
        node.publisher.batches.put(([], None))
        node.publisher.turn(connection)
    empty(store)
    store.delete(f"{key_prefix()}{GENERATION_KEY}")
    for _ in range(2):
        hands.move(6 * SECOND)
        node.publisher.batches.put(([], None))
        node.publisher.turn(connection)
    assert (broker.depth("default"), {row["publish_count"] for row in executions(connection)}) == (3, {2})


def test_it_remembers_the_broker_that_it_has_filled(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker
):
    node.publisher.batches.put(([], None))
    node.publisher.turn(connection)
    assert not broker.has_lost_data()


def empty(store: redis.Redis) -> None:
    """Take the messages away, and nothing else."""
    for key in store.scan_iter(f"{key_prefix()}default*"):
        store.delete(key)


def test_it_publishes_again_what_the_broker_has_lost_singly(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker, store: redis.Redis, now: datetime, hands: Hands
):
    broker.remember()
    queue_one(connection, add_task(connection, next_slot_for=now + DAY), now=now - 6 * SECOND)
    node.publisher.batches.put(([], None))
    node.publisher.turn(connection)
    empty(store)
    for _ in range(2):
        hands.move(timedelta(minutes=6))
        node.publisher.batches.put(([], None))
        node.publisher.turn(connection)
    assert broker.depth("default") == 1


def test_it_publishes_nothing_again_while_the_queue_is_long(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker, now: datetime, hands: Hands
):
    broker.remember()
    queue_one(connection, add_task(connection, next_slot_for=now + DAY), now=now - 6 * SECOND)
    for _ in range(4):
        node.publisher.batches.put(([], None))
        node.publisher.turn(connection)
        hands.move(timedelta(minutes=6))
    assert broker.depth("default") == 1
