"""The broker as the scheduler sees it: one connection that publishes, measures queues and notices lost data."""

from collections.abc import Sequence
from typing import Any

from celery import current_app
from django.conf import settings
from kombu import Connection
from kombu.exceptions import KombuError

from scheduler import messages
from scheduler.engine.bundles import bundled
from scheduler.errors import BrokerUnavailable
from scheduler.rabbitmq import RabbitMQ
from scheduler.records import Ready

BATCH = 500
TIMEOUT_SECONDS = 1

GENERATION_KEY = "platform-scheduler:generation"
# Whose schedulers use this database of Redis, by when they said so last.
PLATFORMS_KEY = "platform-scheduler:platforms"
ANNOUNCED_SECONDS = 60


class Broker:
    """Publishes with timeouts of a second and no retries: what fails stays QUEUED, and the sweep sends it.

    Not safe for two threads at once. After BrokerUnavailable the next call opens a new connection.
    """

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._publisher: messages.RedisPublisher | None = None
        self._rabbitmq: RabbitMQ | None = None

    def publish(self, ready: Sequence[Ready], *, is_ahead: bool = False) -> int:
        """Send them, short ones in bundles, and return in how many messages.

        All of them, or raise BrokerUnavailable with none, some or all sent. With `is_ahead` they go before all that
        waits in their queues, where the broker can do that: Redis.
        """
        bundles = bundled(ready, most=settings.BUNDLE_MAX)
        with _Guard(self) as connection:
            send = self._redis_publisher(connection) if _knows_keys(connection) else self._server(connection)
            for start in range(0, len(bundles), BATCH):
                send.publish(bundles[start : start + BATCH], is_ahead=is_ahead)
        return len(bundles)

    def has_lost_data(self) -> bool:
        """Tell whether what we keep in the broker is missing, a key or a queue: it was emptied, or never knew us."""
        with _Guard(self) as connection:
            if _knows_keys(connection):
                return not _client(connection).hlen(GENERATION_KEY)
            return self._server(connection).depth(GENERATION_KEY) is None

    def remember(self) -> None:
        """Put it back, once everything that the broker had lost is on its way again."""
        with _Guard(self) as connection:
            if _knows_keys(connection):
                # A hash: kombu puts its `global_keyprefix` before the keys of few commands, EXISTS not among them.
                _client(connection).hset(GENERATION_KEY, "known", "1")
            else:
                self._server(connection).keep(GENERATION_KEY)

    def depth(self, queue: str) -> int:
        """Return how many messages wait in `queue`, over all priorities."""
        with _Guard(self) as connection:
            if _knows_keys(connection):
                # A declaration only counts here; a passive one asks for a key without its prefix.
                channel: Any = connection.default_channel
                return int(channel.queue_declare(queue).message_count)
            return self._server(connection).depth(queue) or 0

    def memory_percent(self) -> float | None:
        """Return what Redis uses of the memory that it may, or of its machine's; None of another broker."""
        with _Guard(self) as connection:
            if not _knows_keys(connection):
                return None
            told = _client(connection).info("memory")
            limit = told.get("maxmemory") or told.get("total_system_memory")
            return round(100 * told["used_memory"] / limit, 1) if limit else None

    def info(self) -> dict[str, Any]:
        """Return what Redis says of itself; nothing of another broker."""
        with _Guard(self) as connection:
            told: dict[str, Any] = _client(connection).info() if _knows_keys(connection) else {}
            return told

    def announce(self, platform: str) -> None:
        """Say that this platform uses the database of Redis, for a minute; another broker keeps nothing of it."""
        with _Guard(self) as connection:
            if not _knows_keys(connection):
                return
            client = _client(connection)
            now = client.time()[0]
            client.zadd(PLATFORMS_KEY, {platform: now})
            client.pexpire(PLATFORMS_KEY, ANNOUNCED_SECONDS * 1000)
            if gone := client.zrange(PLATFORMS_KEY, "-inf", now - ANNOUNCED_SECONDS, byscore=True):
                client.zrem(PLATFORMS_KEY, *gone)

    def announced(self) -> list[str]:
        """Return which platforms have said so within the last minute."""
        with _Guard(self) as connection:
            if not _knows_keys(connection):
                return []
            client = _client(connection)
            since = client.time()[0] - ANNOUNCED_SECONDS
            return [one.decode() for one in client.zrange(PLATFORMS_KEY, since, "+inf", byscore=True)]

    def _redis_publisher(self, connection: Connection) -> messages.RedisPublisher:
        channel = connection.default_channel
        if self._publisher is None or self._publisher.channel is not channel:
            self._publisher = messages.RedisPublisher(channel)
        return self._publisher

    def _server(self, connection: Connection) -> RabbitMQ:
        if self._rabbitmq is None:
            self._rabbitmq = RabbitMQ(connection, timeout_seconds=TIMEOUT_SECONDS)
        return self._rabbitmq

    def open(self) -> Connection:
        """Return the connection, opening it where there is none, or one that RabbitMQ has closed since."""
        if self._rabbitmq is not None and self._rabbitmq.is_gone():
            self.drop()
        if self._connection is None:
            options = {
                "socket_timeout": TIMEOUT_SECONDS,
                "socket_connect_timeout": TIMEOUT_SECONDS,
                # Each node of a cluster once, and none twice.
                "max_retries": current_app.conf.broker_url.count(";"),
                # Batches are confirmed as a whole.
                "confirm_publish": False,
            }
            self._connection = current_app.connection_for_write(
                connect_timeout=TIMEOUT_SECONDS,
                transport_options=settings.CELERY_BROKER_TRANSPORT_OPTIONS | options,
            )
        return self._connection

    def close(self) -> None:
        """Take leave of the broker."""
        connection = self._forget()
        if connection is not None:
            connection.release()

    def drop(self) -> None:
        """Close the connection that has failed: no leave is taken of RabbitMQ, which would last a second a word."""
        connection = self._forget()
        if connection is None:
            return
        if _knows_keys(connection):
            connection.release()
        else:
            connection.collect()

    def _forget(self) -> Connection | None:
        connection, self._connection = self._connection, None
        self._publisher = self._rabbitmq = None
        return connection


class _Guard:
    """Turns whatever the client libraries raise about the broker into BrokerUnavailable, connection dropped."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._connection = broker.open()

    def __enter__(self) -> Connection:
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _traceback: object) -> None:
        if error is None:
            return
        connection = self._connection
        if isinstance(error, (*connection.connection_errors, *connection.channel_errors, KombuError, OSError)):
            self._broker.drop()
            raise BrokerUnavailable(str(error)) from error


def _knows_keys(connection: Connection) -> bool:
    return bool(connection.transport.driver_type == "redis")


def _client(connection: Connection) -> Any:
    channel: Any = connection.default_channel
    return channel.client
