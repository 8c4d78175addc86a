"""Dispatch: QUEUED rows on their way to the broker, in order of priority, in Celery's own form."""

import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import redis
from celery import current_app
from django.conf import LazySettings
from kombu import Connection, Producer

from scheduler import clock, dispatch, messages, transitions
from scheduler.broker import GENERATION_KEY, Broker
from scheduler.errors import BrokerUnavailable
from scheduler.messages import broker_priority
from scheduler.records import Ready
from tests.hot_paths import LEASE, MINUTE, SECOND, Open, add_task, execution, key_prefix, queue_one

EVERYWHERE = UUID(int=0)


@pytest.fixture
def broker(store: redis.Redis) -> Iterator[Broker]:
    """The broker over an empty Valkey."""
    opened = Broker()
    yield opened
    opened.close()


@pytest.fixture
def consumer(store: redis.Redis) -> Iterator[Connection]:
    """A connection that reads as Celery's workers do."""
    with current_app.connection_for_read() as opened:
        yield opened


@pytest.fixture
def nowhere(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> str:
    """A broker that is not there: nothing listens on its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{free.getsockname()[1]}/0"
    monkeypatch.setattr(current_app.conf, "broker_url", url)
    return url


def ready(*, priority: int = 5, queue: str = "default", timeout_seconds: int = 60) -> Ready:
    return Ready(uuid4(), queue, priority, timeout_seconds)


def receive(consumer: Connection, queue: str = "default") -> Any:
    channel: Any = consumer.default_channel
    return channel.basic_get(queue, no_ack=True)


def received_ids(consumer: Connection, count: int, queue: str = "default") -> list[str]:
    return [receive(consumer, queue).payload[0][0] for _ in range(count)]


# The form of a message


def test_it_sends_what_celery_can_read(broker: Broker, consumer: Connection):
    item = ready()
    broker.publish([item])
    message = receive(consumer)
    args, kwargs, embed = message.payload
    assert (args, kwargs, message.headers["task"]) == ([str(item.id)], {}, "workers.execute")
    assert (message.headers["id"], message.properties["correlation_id"]) == (str(item.id), str(item.id))
    assert embed == {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


@pytest.mark.parametrize("timeout_seconds", [60, 3600])
@pytest.mark.parametrize("priority", [1, 5, 10])
@pytest.mark.parametrize("count", [1, 2, 20])
def test_it_fills_in_exactly_what_kombu_pushes(
    broker: Broker, store: redis.Redis, priority: int, timeout_seconds: int, count: int
):
    """A new version of kombu or Celery that makes its messages otherwise is noticed here."""
    bundle = [ready(priority=priority, timeout_seconds=timeout_seconds) for _ in range(count)]
    messages.RedisPublisher(broker.open().default_channel).publish([bundle])
    messages.publish(Producer(broker.open()), bundle, transport="redis")
    keys = [key for key in store.scan_iter(f"{key_prefix()}*") if store.type(key) == b"list"]
    (filled_in, made) = (json.loads(text) for key in keys for text in store.lrange(key, 0, -1)[::-1])
    assert filled_in["properties"].pop("delivery_tag") != made["properties"].pop("delivery_tag")
    assert (len(keys), filled_in) == (1, made)


def test_it_sends_short_executions_in_bundles(broker: Broker, consumer: Connection):
    items = [replace(ready(), expected_ms=1.0) for _ in range(8)]
    broker.publish(items)
    received = [receive(consumer) for _ in range(4)]
    assert [message.payload[0] for message in received] == [[str(one.id), str(two.id)] for one, two in pairwise(items)][
        ::2
    ]
    assert {message.headers["task"] for message in received} == {"workers.execute"}


def test_it_sends_each_alone_where_bundles_are_off(broker: Broker, settings: LazySettings):
    settings.BUNDLE_MAX = 1
    broker.publish([replace(ready(), expected_ms=1.0) for _ in range(8)])
    assert broker.depth("default") == 8


def test_it_never_repeats_a_delivery_tag(broker: Broker, consumer: Connection):
    item = ready()
    broker.publish([item, item])
    broker.publish([item])
    assert len({receive(consumer).delivery_tag for _ in range(3)}) == 3


def test_it_sends_neither_a_delay_nor_an_expiry(broker: Broker, consumer: Connection):
    broker.publish([ready()])
    headers = receive(consumer).headers
    assert (headers["eta"], headers["expires"], headers["timelimit"]) == (None, None, [None, None])


@pytest.mark.parametrize(("seconds", "task"), [(1_500, "workers.execute"), (1_501, "workers.execute_long")])
def test_it_names_long_executions_apart(broker: Broker, consumer: Connection, seconds: int, task: str):
    broker.publish([ready(timeout_seconds=seconds)])
    assert receive(consumer).headers["task"] == task


def test_it_sends_each_execution_to_its_queue(broker: Broker, consumer: Connection):
    items = [ready(queue="default"), ready(queue="reports")]
    broker.publish(items)
    assert [received_ids(consumer, 1, queue)[0] for queue in ("default", "reports")] == [str(one.id) for one in items]


def test_it_sends_more_than_one_round_trip_holds(broker: Broker):
    broker.publish([ready() for _ in range(1_203)])
    assert broker.depth("default") == 1_203


# Priorities


def test_it_delivers_the_larger_priority_first(broker: Broker, consumer: Connection):
    items = [ready(priority=priority) for priority in (1, 5, 10, 3, 9)]
    broker.publish(items)
    by_priority = sorted(items, key=lambda item: -item.priority)
    assert received_ids(consumer, 5) == [str(item.id) for item in by_priority]


def test_it_delivers_in_order_within_a_priority(broker: Broker, consumer: Connection):
    items = [ready() for _ in range(5)]
    broker.publish(items)
    assert received_ids(consumer, 5) == [str(item.id) for item in items]


def test_what_goes_ahead_is_delivered_before_what_waits_in_its_order(broker: Broker, consumer: Connection):
    waiting, ahead = [ready() for _ in range(3)], [ready() for _ in range(3)]
    broker.publish(waiting)
    broker.publish(ahead, is_ahead=True)
    assert received_ids(consumer, 6) == [str(item.id) for item in (*ahead, *waiting)]


def test_it_keeps_each_priority_in_a_list_of_its_own(broker: Broker, store: redis.Redis):
    broker.publish([ready(priority=priority) for priority in range(1, 11)])
    assert len(list(store.scan_iter(f"{key_prefix()}default*"))) == 10


@pytest.mark.parametrize(("priority", "on_redis"), [(10, 0), (5, 5), (1, 9)])
def test_it_turns_priorities_round_for_redis(priority: int, on_redis: int):
    assert broker_priority(priority, transport="redis") == on_redis


@pytest.mark.parametrize("priority", [1, 5, 10])
def test_it_keeps_priorities_for_amqp(priority: int):
    assert broker_priority(priority, transport="amqp") == priority


# What the broker has, and has lost


def test_it_measures_a_queue_over_all_priorities(broker: Broker):
    broker.publish([ready(priority=1), ready(priority=10), ready(queue="reports")])
    assert broker.depth("default") == 2


def test_it_measures_a_queue_that_is_not_there_as_empty(broker: Broker):
    assert broker.depth("never-used") == 0


def test_it_still_works_after_measuring_a_queue_that_is_not_there(broker: Broker):
    broker.depth("never-used")
    broker.publish([ready()])
    assert broker.depth("default") == 1


def test_it_takes_an_empty_broker_for_one_that_has_lost_its_data(broker: Broker):
    assert broker.has_lost_data()


def test_it_recognises_the_broker_that_remembers(broker: Broker):
    broker.remember()
    assert not broker.has_lost_data()


def test_it_notices_that_the_data_are_gone(broker: Broker, store: redis.Redis):
    broker.remember()
    assert store.delete(f"{key_prefix()}{GENERATION_KEY}") == 1
    assert broker.has_lost_data()


# A broker that is away


@pytest.mark.usefixtures("nowhere")
def test_it_says_that_the_broker_is_away():
    with pytest.raises(BrokerUnavailable):
        Broker().publish([ready()])


@pytest.mark.usefixtures("nowhere")
def test_it_does_not_wait_for_a_broker_that_is_away():
    """Kombu alone tries again after two seconds, and a request would wait that long."""
    began = clock.monotonic()
    with pytest.raises(BrokerUnavailable):
        Broker().has_lost_data()
    assert clock.monotonic() - began < 2


def test_it_opens_another_connection_after_a_failure(broker: Broker, monkeypatch: pytest.MonkeyPatch):
    broker.publish([ready()])
    with monkeypatch.context() as patch:
        patch.setattr(messages.RedisPublisher, "publish", fail)
        with pytest.raises(BrokerUnavailable):
            broker.publish([ready()])
    broker.publish([ready()])
    assert broker.depth("default") == 2


def fail(*_: object, **__: object) -> None:
    raise ConnectionResetError("gone")


def test_it_lets_the_broker_rest_after_a_failure(monkeypatch: pytest.MonkeyPatch):
    outlet = dispatch.Outlet()
    monkeypatch.setattr(clock, "monotonic", lambda: 100.0)
    with pytest.raises(BrokerUnavailable), outlet.broker():
        raise BrokerUnavailable
    assert not outlet.is_open
    monkeypatch.setattr(clock, "monotonic", lambda: 101.0)
    assert outlet.is_open


def test_it_refuses_at_once_while_the_broker_rests(monkeypatch: pytest.MonkeyPatch):
    outlet = dispatch.Outlet()
    with pytest.raises(BrokerUnavailable), outlet.broker():
        raise BrokerUnavailable
    with pytest.raises(BrokerUnavailable, match="within the last second"), outlet.broker():
        pytest.fail("the broker was lent")


# Rows and messages together


@pytest.fixture
def report(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task."""
    return add_task(connection, next_slot_for=now + MINUTE)


def as_ready(execution_id: UUID) -> Ready:
    return Ready(execution_id, "default", 5, 60)


def test_it_marks_what_it_has_published(connection: psycopg.Connection, broker: Broker, report: UUID, now: datetime):
    execution_id = queue_one(connection, report, now=now)
    dispatch.dispatch(connection, broker, [as_ready(execution_id)], now=now + SECOND)
    assert (broker.depth("default"), execution(connection, execution_id)["published_at"]) == (1, now + SECOND)


@pytest.mark.usefixtures("nowhere")
def test_it_leaves_unmarked_what_the_broker_did_not_take(connection: psycopg.Connection, report: UUID, now: datetime):
    execution_id = queue_one(connection, report, now=now)
    with pytest.raises(BrokerUnavailable):
        dispatch.dispatch(connection, Broker(), [as_ready(execution_id)], now=now)
    assert execution(connection, execution_id)["published_at"] is None


@pytest.mark.parametrize(("seconds", "count"), [(4, 0), (5, 1)])
def test_it_publishes_what_nobody_has_for_five_seconds(
    connection: psycopg.Connection, broker: Broker, report: UUID, now: datetime, seconds: int, count: int
):
    queue_one(connection, report, now=now)
    later = now + seconds * SECOND
    assert dispatch.dispatch_unpublished(connection, broker, now=later, low=EVERYWHERE) == count


def test_it_publishes_old_rows_in_order_of_their_slots(
    connection: psycopg.Connection, broker: Broker, consumer: Connection, report: UUID, now: datetime
):
    ids = [queue_one(connection, report, now=now + number * SECOND) for number in (3, 1, 2)]
    dispatch.dispatch_unpublished(connection, broker, now=now + MINUTE, low=EVERYWHERE)
    assert received_ids(consumer, 3) == [str(ids[1]), str(ids[2]), str(ids[0])]


def test_it_publishes_old_rows_once(connection: psycopg.Connection, broker: Broker, report: UUID, now: datetime):
    queue_one(connection, report, now=now)
    counts = [dispatch.dispatch_unpublished(connection, broker, now=now + MINUTE, low=EVERYWHERE) for _ in range(2)]
    assert (counts, broker.depth("default")) == ([1, 0], 1)


def test_it_publishes_nothing_that_another_node_is_publishing(
    connection: psycopg.Connection, open_connection: Open, broker: Broker, report: UUID, now: datetime
):
    queue_one(connection, report, now=now)
    other = open_connection()
    with other.transaction():
        dispatch.dispatch_unpublished(other, broker, now=now + MINUTE, low=EVERYWHERE)
        assert dispatch.dispatch_unpublished(connection, broker, now=now + MINUTE, low=EVERYWHERE) == 0


def test_it_publishes_nothing_that_runs(connection: psycopg.Connection, broker: Broker, report: UUID, now: datetime):
    execution_id = queue_one(connection, report, now=now)
    transitions.start(connection, execution_id, node_id="node-1", lease_expires_at=now + LEASE, now=now)
    assert dispatch.dispatch_unpublished(connection, broker, now=now + MINUTE, low=EVERYWHERE) == 0


@pytest.mark.usefixtures("nowhere")
def test_it_leaves_old_rows_for_the_next_time_where_the_broker_is_away(
    connection: psycopg.Connection, report: UUID, now: datetime
):
    execution_id = queue_one(connection, report, now=now)
    with pytest.raises(BrokerUnavailable):
        dispatch.dispatch_unpublished(connection, Broker(), now=now + MINUTE, low=EVERYWHERE)
    assert execution(connection, execution_id)["published_at"] is None


# From a request


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> dispatch.Outlet:
    """The outlet of a web process, opened for this test."""
    outlet = dispatch.Outlet()
    monkeypatch.setattr(dispatch, "_web", outlet)
    return outlet


@pytest.mark.usefixtures("web")
def test_it_publishes_for_a_request(
    connection: psycopg.Connection, broker: Broker, report: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(dispatch, "current", lambda: connection)
    execution_id = queue_one(connection, report, now=now)
    dispatch.publish_after_commit([as_ready(execution_id)], now=now)
    assert (broker.depth("default"), execution(connection, execution_id)["published_at"]) == (1, now)


@pytest.mark.usefixtures("web", "nowhere", "db")
def test_it_never_fails_a_request_for_the_broker(caplog: pytest.LogCaptureFixture, now: datetime):
    dispatch.publish_after_commit([ready()], now=now)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.usefixtures("nowhere", "db")
def test_it_lets_requests_pass_while_the_broker_rests(
    web: dispatch.Outlet, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    dispatch.publish_after_commit([ready()], now=now)
    monkeypatch.setattr(Broker, "publish", lambda *_, **__: pytest.fail("the broker was asked"))
    dispatch.publish_after_commit([ready()], now=now)
    assert not web.is_open


def test_it_does_nothing_for_a_request_that_has_queued_nothing(now: datetime):
    dispatch.publish_after_commit([], now=now)
