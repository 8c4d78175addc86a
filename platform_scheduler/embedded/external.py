"""Servers that are somebody else's: reachable, and new enough."""

from typing import Any

import psycopg
import redis
from kombu import Connection
from kombu.exceptions import KombuError

from platform_scheduler.settings import brokers

from .binaries import OLDEST_POSTGRES, OLDEST_REDIS
from .errors import CannotStart
from .variables import value_of

CONNECT_SECONDS = 5


def require_postgres(url: str) -> str:
    """Answer the version of the PostgreSQL at DATABASE_URL, or refuse it."""
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            version = connection.info.server_version
    except psycopg.Error as error:
        raise CannotStart(
            f"DATABASE_URL cannot be used: {_one_line(error)}. "
            "Start that server and create its database, or correct the URL."
        ) from None
    if version < OLDEST_POSTGRES * 10_000:
        raise CannotStart(
            f"DATABASE_URL leads to PostgreSQL {version // 10_000}: {OLDEST_POSTGRES} or newer is needed."
        )
    return str(version // 10_000)


def require_broker(url: str) -> str:
    """Answer name and version of the broker at BROKER_URL, or refuse it."""
    fault = brokers.fault_of(url, schemes=brokers.SCHEMES)
    if fault:
        raise CannotStart(f"BROKER_URL {fault}.")
    if brokers.is_sentinel(url):
        return f"Redis {_require_watched(url)}, by its sentinels"
    if not brokers.is_amqp(url):
        return f"Redis {require_redis(url, variable='BROKER_URL')}"
    with Connection(url, connect_timeout=CONNECT_SECONDS) as connection:
        refusals: tuple[type[BaseException], ...] = (
            KombuError,
            *connection.connection_errors,
            *connection.channel_errors,
        )
        try:
            server: Any = connection.ensure_connection(max_retries=1).connection
        except refusals as error:
            raise CannotStart(
                f"BROKER_URL cannot be used: {_one_line(error)}. Start that server, or correct the URL."
            ) from None
        return f"{server.server_properties['product']} {server.server_properties['version']}"


def _require_watched(url: str) -> str:
    """Answer the version of the Redis that these sentinels watch, or refuse it."""
    master = value_of("REDIS_SENTINEL_MASTER")
    if not master:
        raise CannotStart("REDIS_SENTINEL_MASTER is missing: set the name under which the sentinels watch Redis.")
    password = value_of("REDIS_SENTINEL_PASSWORD")
    options = brokers.transport_options(url, master=master, sentinel_password=password)
    with Connection(url, transport_options=options | {"max_retries": url.count(";")}) as connection:
        refusals: tuple[type[BaseException], ...] = (
            KombuError,
            *connection.connection_errors,
            *connection.channel_errors,
        )
        try:
            channel: Any = connection.default_channel
            version = str(channel.client.info("server")["redis_version"])
        except refusals as error:
            raise CannotStart(
                f"BROKER_URL cannot be used: {_one_line(error)}. Start those servers, or correct the URL."
            ) from None
    return _new_enough(version, variable="BROKER_URL")


def require_redis(url: str, *, variable: str = "REDIS_URL") -> str:
    """Answer the version of the Redis at REDIS_URL, or refuse it."""
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS
        ) as client:
            version = str(client.info("server")["redis_version"])
    except (redis.RedisError, ValueError) as error:
        raise CannotStart(
            f"{variable} cannot be used: {_one_line(error)}. Start that server, or correct the URL."
        ) from None
    return _new_enough(version, variable=variable)


def _new_enough(version: str, *, variable: str) -> str:
    if int(version.split(".")[0]) < OLDEST_REDIS:
        raise CannotStart(f"{variable} leads to Redis {version}: {OLDEST_REDIS} or newer is needed.")
    return version


def _one_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
