"""The broker as the scheduler sees it: one connection that publishes, measures queues and notices lost data."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from celery import current_app
from django.conf import settings
from kombu import Connection, Producer, Queue
from kombu.exceptions import KombuError

from scheduler.errors import BrokerUnavailable
from scheduler.records import Ready

BATCH = 500
TIMEOUT_SECONDS = 1
# Above this an execution is acknowledged before it runs: RabbitMQ closes channels after 30 min without an
# acknowledgement, Redis delivers again after an hour. Row, lease and sweep cover what the broker then forgets.
LATE_ACKNOWLEDGEMENT_MAX_SECONDS = 1_500

GENERATION_KEY = "platform-scheduler:generation"


def broker_priority(priority: int, *, transport: str) -> int:
    """Return the broker's number for our 1-10: on AMQP the largest is the most urgent, on Redis 0 is."""
    return priority if transport == "amqp" else 10 - priority


class Broker:
    """Publishes with timeouts of a second and no retries: what fails stays QUEUED, and the sweep sends it.

    Not safe for two threads at once. After BrokerUnavailable the next call opens a new connection.
    """

    def __init__(self) -> None:
        self._connection: Connection | None = None

    def publish(self, ready: Sequence[Ready]) -> None:
        """Send one message for each; all of them, or raise BrokerUnavailable with none, some or all sent."""
        with _Guard(self) as connection:
            producer: Any = Producer(connection)  # its stubs do not know batch()
            transport = connection.transport.driver_type
            with producer.batch(max_size=BATCH):
                for item in ready:
                    _publish(producer, item, transport)

    def has_lost_data(self) -> bool:
        """Tell whether the key that we keep in the broker is missing: it was emptied, or never knew us."""
        with _Guard(self) as connection:
            return _knows_keys(connection) and not _client(connection).hlen(GENERATION_KEY)

    def remember(self) -> None:
        """Put the key back, once everything that the broker had lost is on its way again."""
        with _Guard(self) as connection:
            if _knows_keys(connection):
                # A hash: kombu puts its `global_keyprefix` before the keys of few commands, EXISTS not among them.
                _client(connection).hset(GENERATION_KEY, "known", "1")

    def depth(self, queue: str) -> int:
        """Return how many messages wait in `queue`, over all priorities."""
        with _Guard(self) as connection:
            channel: Any = connection.default_channel
            try:
                # On Redis a declaration only counts; a passive one there asks for a key without its prefix.
                return int(channel.queue_declare(queue, passive=not _knows_keys(connection)).message_count)
            except connection.channel_errors:
                return 0

    def open(self) -> Connection:
        """Return the connection, opening it where there is none."""
        if self._connection is None:
            options = {
                "socket_timeout": TIMEOUT_SECONDS,
                "socket_connect_timeout": TIMEOUT_SECONDS,
                "max_retries": 0,
            }
            self._connection = current_app.connection_for_write(
                connect_timeout=TIMEOUT_SECONDS,
                transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS | options,
            )
        return self._connection

    def close(self) -> None:
        """Drop the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()


class _Guard:
    """Turns whatever the client libraries raise about the broker into BrokerUnavailable, connection dropped."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def __enter__(self) -> Connection:
        return self._broker.open()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: object) -> None:
        if error is None:
            return
        connection = self._broker.open()
        if isinstance(error, (*connection.connection_errors, *connection.channel_errors, KombuError, OSError)):
            self._broker.close()
            raise BrokerUnavailable(str(error)) from error


def _knows_keys(connection: Connection) -> bool:
    return bool(connection.transport.driver_type == "redis")


def _client(connection: Connection) -> Any:
    channel: Any = connection.default_channel
    return channel.client


def _publish(producer: Producer, item: Ready, transport: str) -> None:
    execution = str(item.id)
    is_long = item.timeout_seconds > LATE_ACKNOWLEDGEMENT_MAX_SECONDS
    name = settings.EXECUTE_LONG_TASK_NAME if is_long else settings.EXECUTE_TASK_NAME
    headers, embed = _envelope(name)
    producer.publish(
        ((execution,), {}, embed),
        exchange="",
        routing_key=item.queue,
        serializer="json",
        headers={**headers, "id": execution, "root_id": execution, "argsrepr": execution},
        priority=broker_priority(item.priority, transport=transport),
        delivery_mode=2,
        declare=[_queue(item.queue)],
        correlation_id=execution,
    )


@lru_cache
def _envelope(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Build a message the way Celery does, once a task name: only ids differ from one to the next."""
    message = current_app.amqp.as_task_v2("", name, args=(), kwargs={}, ignore_result=True)
    return message.headers, message.body[2]


@lru_cache(maxsize=1_000)
def _queue(name: str) -> Queue:
    queue: Queue = current_app.amqp.queues[name]
    return queue
