"""Servers that are somebody else's: reachable, and new enough."""

import psycopg
import redis

from .binaries import OLDEST_POSTGRES, OLDEST_REDIS
from .errors import CannotStart

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


def require_redis(url: str) -> str:
    """Answer the version of the Redis at REDIS_URL, or refuse it."""
    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS
        ) as client:
            version = str(client.info("server")["redis_version"])
    except (redis.RedisError, ValueError) as error:
        raise CannotStart(
            f"REDIS_URL cannot be used: {_one_line(error)}. Start that server, or correct the URL."
        ) from None
    if int(version.split(".")[0]) < OLDEST_REDIS:
        raise CannotStart(f"REDIS_URL leads to Redis {version}: {OLDEST_REDIS} or newer is needed.")
    return version


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__
