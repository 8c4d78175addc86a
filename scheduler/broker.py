"""The broker as the scheduler sees it: one connection that publishes, measures queues and notices lost data."""

from collections.abc import Sequence
from typing import Any

from celery import current_app
from django.conf import settings
from kombu import Connection, Producer
from kombu.exceptions import KombuError

from scheduler import messages
from scheduler.errors import BrokerUnavailable
from scheduler.records import Ready

BATCH = 500
TIMEOUT_SECONDS = 1

GENERATION_KEY = "platform-scheduler:generation"


class Broker:
    """Publishes with timeouts of a second and no retries: what fails stays QUEUED, and the sweep sends it.

    Not safe for two threads at once. After BrokerUnavailable the next call opens a new connection.
    """

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._publisher: messages.RedisPublisher | None = None
        self._declared: set[str] = set()

    def publish(self, ready: Sequence[Ready]) -> None:
        """Send one message for each; all of them, or raise BrokerUnavailable with none, some or all sent."""
        with _Guard(self) as connection:
            if _knows_keys(connection):
                self._publish_to_redis(connection, ready)
            else:
                self._publish_one_by_one(connection, ready)

    def _publish_to_redis(self, connection: Connection, ready: Sequence[Ready]) -> None:
        channel = connection.default_channel
        if self._publisher is None or self._publisher.channel is not channel:
            self._publisher = messages.RedisPublisher(channel)
        for start in range(0, len(ready), BATCH):
            self._publisher.publish(ready[start : start + BATCH])

    def _publish_one_by_one(self, connection: Connection, ready: Sequence[Ready]) -> None:
        for name in {item.queue for item in ready} - self._declared:
            messages.queue(name)(connection.default_channel).declare()
            self._declared.add(name)
        producer = Producer(connection)
        for item in ready:
            messages.publish(producer, item, transport=connection.transport.driver_type)

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
        self._publisher = None
        self._declared.clear()
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
