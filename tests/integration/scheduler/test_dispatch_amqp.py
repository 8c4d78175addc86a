"""Dispatch over RabbitMQ: the same promises as over Redis, kept by other means."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from celery import current_app
from django.conf import LazySettings
from kombu import Connection, Producer

from platform_scheduler.settings.brokers import transport_options
from scheduler import clock, messages
from scheduler.broker import GENERATION_KEY, Broker
from scheduler.errors import BrokerUnavailable
from scheduler.node import SchedulerNode
from scheduler.records import Ready
from tests.hot_paths import queue_one
from tests.integration.scheduler.hands import Hands
from tests.rabbitmq import (
    close_connections,
    delete_queues,
    needs_rabbitmq,
    needs_rabbitmqctl,
    own_vhost,
    rabbitmqctl,
    vhost_of,
)
from tests.valve import valve

pytestmark = needs_rabbitmq


@pytest.fixture(scope="module")
def vhost() -> Iterator[str]:
    """An empty vhost."""
    with own_vhost() as url:
        yield url


def point_to(url: str, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = transport_options(url)
    monkeypatch.setattr(current_app.conf, "broker_url", url)


@pytest.fixture
def url(vhost: str, settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The broker's URL, its queues gone after each test."""
    point_to(vhost, settings, monkeypatch)
    yield vhost
    delete_queues(vhost, "default", "reports", GENERATION_KEY)


@pytest.fixture
def broker(url: str) -> Iterator[Broker]:
    """The broker, empty."""
    opened = Broker()
    yield opened
    opened.close()


@pytest.fixture
def consumer(url: str) -> Iterator[Connection]:
    """A connection that reads as Celery's workers do."""
    with current_app.connection_for_read() as opened:
        yield opened


@pytest.fixture
def publisher(node: SchedulerNode, url: str) -> Iterator[SchedulerNode]:
    """A node that publishes there."""
    yield node
    node.publisher.outlet._broker.close()


@pytest.fixture
def silent(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A broker that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"amqp://guest:guest@127.0.0.1:{server.getsockname()[1]}//"
        point_to(url, settings, monkeypatch)
        yield url


@pytest.fixture
def nowhere(silent: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A broker that is not there."""
    url = "amqp://guest:guest@127.0.0.1:1//"
    monkeypatch.setattr(current_app.conf, "broker_url", url)
    return url


def ready(*, priority: int = 5, queue: str = "default", timeout_seconds: int = 60) -> Ready:
    return Ready(uuid4(), queue, priority, timeout_seconds)


def receive(consumer: Connection, queue: str = "default") -> Any:
    channel: Any = consumer.default_channel
    return channel.message_to_python(channel.basic_get(queue, no_ack=True))


def received_ids(consumer: Connection, count: int, queue: str = "default") -> list[str]:
    return [receive(consumer, queue).payload[0][0] for _ in range(count)]


# The form of a message


def test_it_sends_what_celery_can_read(broker: Broker, consumer: Connection):
    item = ready(priority=7)
    broker.publish([item])
    message = receive(consumer)
    args, kwargs, _ = message.payload
    assert (args, kwargs, message.headers["task"]) == ([str(item.id)], {}, "workers.execute")
    assert (message.properties["priority"], message.properties["delivery_mode"]) == (7, 2)


def test_it_sends_short_executions_in_bundles(broker: Broker, consumer: Connection):
    items = [replace(ready(), expected_ms=1.0) for _ in range(8)]
    broker.publish(items)
    received = [receive(consumer).payload[0] for _ in range(4)]
    assert received == [[str(one.id), str(two.id)] for one, two in pairwise(items)][::2]


def test_it_sends_neither_a_delay_nor_an_expiry(broker: Broker, consumer: Connection):
    broker.publish([ready()])
    message = receive(consumer)
    assert (message.headers["eta"], message.headers["expires"], message.properties.get("expiration")) == (None,) * 3


@pytest.mark.parametrize(("seconds", "task"), [(1_500, "workers.execute"), (1_501, "workers.execute_long")])
def test_it_names_long_executions_apart(broker: Broker, consumer: Connection, seconds: int, task: str):
    broker.publish([ready(timeout_seconds=seconds)])
    assert receive(consumer).headers["task"] == task


def test_it_sends_each_execution_to_its_queue(broker: Broker, consumer: Connection):
    items = [ready(queue="default"), ready(queue="reports")]
    broker.publish(items)
    assert [received_ids(consumer, 1, queue)[0] for queue in ("default", "reports")] == [str(one.id) for one in items]


def test_it_sends_more_than_one_batch(broker: Broker):
    broker.publish([ready() for _ in range(1_203)])
    assert broker.depth("default") == 1_203


# Priorities


def test_it_delivers_the_larger_priority_first(broker: Broker, consumer: Connection):
    items = [ready(priority=priority) for priority in (1, 5, 10, 3, 9)]
    broker.publish(items)
    by_priority = sorted(items, key=lambda item: -item.priority)
    assert received_ids(consumer, 5) == [str(item.id) for item in by_priority]


def test_it_tells_all_ten_priorities_apart(broker: Broker, consumer: Connection):
    items = [ready(priority=priority) for priority in range(1, 11)]
    broker.publish(items)
    assert received_ids(consumer, 10) == [str(item.id) for item in reversed(items)]


def test_it_delivers_in_order_within_a_priority(broker: Broker, consumer: Connection):
    items = [ready() for _ in range(5)]
    broker.publish(items)
    assert received_ids(consumer, 5) == [str(item.id) for item in items]


# Queues


def declare_as_a_worker(consumer: Connection) -> None:
    """What a worker does at its start, with names of `-Q` that nobody has configured."""
    queues = current_app.amqp.Queues([])
    queues.select(["default", "reports"])
    channel: Any = consumer.channel()
    for queue in queues.consume_from.values():
        queue(channel).declare()


def test_it_declares_a_queue_as_a_worker_has(broker: Broker, consumer: Connection):
    declare_as_a_worker(consumer)
    broker.publish([ready(), ready(queue="reports")])
    assert (broker.depth("default"), broker.depth("reports")) == (1, 1)


def test_a_worker_declares_a_queue_as_it_has(broker: Broker, consumer: Connection):
    broker.publish([ready(), ready(queue="reports")])
    declare_as_a_worker(consumer)
    assert (broker.depth("default"), broker.depth("reports")) == (1, 1)


def test_it_says_that_a_queue_is_another_than_it_needs(broker: Broker, consumer: Connection):
    channel: Any = consumer.default_channel
    channel.queue_declare("reports", durable=True, auto_delete=False)
    with pytest.raises(BrokerUnavailable, match="x-max-priority"):
        broker.publish([ready(queue="reports")])


def test_it_measures_a_queue_over_all_priorities(broker: Broker):
    broker.publish([ready(priority=1), ready(priority=10), ready(queue="reports")])
    assert broker.depth("default") == 2


def test_it_measures_a_queue_that_is_not_there_as_empty(broker: Broker):
    assert broker.depth("never-used") == 0


def test_it_still_works_after_measuring_a_queue_that_is_not_there(broker: Broker):
    broker.depth("never-used")
    broker.publish([ready()])
    assert broker.depth("default") == 1


def test_it_publishes_no_message_that_no_queue_takes(broker: Broker, url: str):
    broker.publish([ready()])
    delete_queues(url, "default")
    with pytest.raises(BrokerUnavailable, match="NO_ROUTE"):
        broker.publish([ready()])
    broker.publish([ready()])
    assert broker.depth("default") == 1


@needs_rabbitmqctl
def test_it_says_that_the_server_refuses_a_message(broker: Broker, url: str):
    """A full queue that rejects is the one way to make RabbitMQ answer with a nack."""
    broker.publish([ready()])
    arguments = ("-p", vhost_of(url), "--apply-to", "queues", "full", "^default$")
    rabbitmqctl("set_policy", *arguments, '{"max-length": 1, "overflow": "reject-publish"}')
    try:
        with pytest.raises(BrokerUnavailable, match="refused"):
            broker.publish([ready(), ready(), ready()])
    finally:
        rabbitmqctl("clear_policy", "-p", vhost_of(url), "full")


# What the broker has, and has lost


def test_it_takes_an_empty_broker_for_one_that_has_lost_its_data(broker: Broker):
    assert broker.has_lost_data()


def test_it_recognises_the_broker_that_remembers(broker: Broker):
    broker.remember()
    assert not broker.has_lost_data()


def test_it_remembers_twice(broker: Broker):
    broker.remember()
    broker.remember()
    assert not broker.has_lost_data()


def test_it_notices_that_the_data_are_gone(broker: Broker, url: str):
    broker.remember()
    delete_queues(url, GENERATION_KEY)
    assert broker.has_lost_data()


@needs_rabbitmqctl
def test_it_recognises_the_broker_that_was_restarted_with_its_data(broker: Broker, url: str):
    broker.remember()
    broker.publish([ready()])
    rabbitmqctl("restart_vhost", "-p", vhost_of(url))
    assert (broker.has_lost_data(), broker.depth("default")) == (False, 1)


def test_it_publishes_everything_again_for_a_broker_that_lost_it(
    publisher: SchedulerNode,
    connection: psycopg.Connection,
    hands: Hands,
    broker: Broker,
    url: str,
    report: UUID,
    now: datetime,
):
    queue_one(connection, report, now=now)
    broker.remember()
    pass_twice(publisher, connection, hands)
    delete_queues(url, GENERATION_KEY, "default")
    pass_twice(publisher, connection, hands)
    assert (broker.depth("default"), broker.has_lost_data()) == (1, False)


def pass_twice(node: SchedulerNode, connection: psycopg.Connection, hands: Hands) -> None:
    """Let every timer of the publish loop come twice: what the first forgets, the second publishes."""
    for _ in range(2):
        hands.move(timedelta(minutes=2))
        node.publisher.batches.put(([], None))
        node.publisher.turn(connection)


# A broker that is away


@pytest.mark.usefixtures("nowhere")
def test_it_says_that_the_broker_is_away():
    with pytest.raises(BrokerUnavailable):
        Broker().publish([ready()])


@pytest.mark.usefixtures("nowhere")
def test_it_does_not_wait_for_a_broker_that_is_away():
    began = clock.monotonic()
    with pytest.raises(BrokerUnavailable):
        Broker().has_lost_data()
    assert clock.monotonic() - began < 2


def test_it_turns_to_the_next_node_of_a_cluster(url: str, nowhere: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(current_app.conf, "broker_url", f"{nowhere};{url}")
    broker = Broker()
    broker.publish([ready()])
    assert broker.depth("default") == 1
    broker.close()


@pytest.mark.usefixtures("silent")
def test_it_waits_a_second_for_a_broker_that_does_not_answer():
    began = clock.monotonic()
    with pytest.raises(BrokerUnavailable):
        Broker().publish([ready()])
    assert clock.monotonic() - began < 3


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("publish", ([Ready(uuid4(), "default", 5, 60)],)),
        ("depth", ("default",)),
        ("has_lost_data", ()),
        ("remember", ()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_waits_a_second_for_a_broker_that_falls_silent(
    url: str, settings: LazySettings, monkeypatch: pytest.MonkeyPatch, verb: str, arguments: tuple[Any, ...]
):
    parts = urlsplit(url)
    with valve(parts.hostname or "", parts.port or 5672) as between:
        there = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{between.port}")
        point_to(there.geturl(), settings, monkeypatch)
        broker = Broker()
        broker.publish([ready()])
        between.shut()
        began = clock.monotonic()
        with pytest.raises(BrokerUnavailable):
            getattr(broker, verb)(*arguments)
    assert 1 <= clock.monotonic() - began < 5


@needs_rabbitmqctl
def test_it_connects_again_where_the_server_has_closed_the_connection(broker: Broker, url: str):
    broker.publish([ready()])
    close_connections(url)
    broker.publish([ready()])
    assert broker.depth("default") == 2


def test_it_connects_again_where_the_connection_is_dead(broker: Broker):
    broker.publish([ready()])
    underlying: Any = broker.open().connection
    underlying.sock.shutdown(socket.SHUT_RDWR)
    broker.publish([ready()])
    assert broker.depth("default") == 2


def test_it_opens_another_connection_after_a_failure(broker: Broker, monkeypatch: pytest.MonkeyPatch):
    broker.publish([ready()])
    with monkeypatch.context() as patch:
        patch.setattr(messages, "publish", fail)
        with pytest.raises(BrokerUnavailable):
            broker.publish([ready()])
    broker.publish([ready()])
    assert broker.depth("default") == 2


def fail(_: Producer, *_args: object, **_options: object) -> None:
    raise ConnectionResetError("gone")
