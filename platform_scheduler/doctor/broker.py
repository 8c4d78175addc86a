"""The broker: whether it answers, whether it may forget what it holds, and whether it is this platform's alone."""

from collections.abc import Iterator
from typing import Any, Final

import psycopg
from django.db import Error

from platform_scheduler.doctor.finding import Finding, error, ok, warning
from scheduler import neighbours
from scheduler.broker import Broker
from scheduler.connections import current
from scheduler.errors import BrokerUnavailable

LEAST_VERSION: Final = 7


def check() -> Iterator[Finding]:
    """Look at the broker that BROKER_URL or REDIS_URL names, whichever way leads to it."""
    broker = Broker()
    try:
        yield from _of_redis(told, broker) if (told := broker.info()) else [_of_rabbitmq(broker)]
    except BrokerUnavailable as trouble:
        yield _unreachable(trouble)
    finally:
        broker.close()


def _of_rabbitmq(broker: Broker) -> Finding:
    broker.has_lost_data()
    return ok("broker.reachable", "RabbitMQ answers.")


def _unreachable(trouble: Exception) -> Finding:
    return error(
        "broker.reachable",
        f"The broker does not answer: {' '.join(str(trouble).split())[:200]}",
        "See its server, and BROKER_URL or REDIS_URL. Slots are recorded meanwhile, and run when it is back.",
    )


def _of_redis(told: dict[str, Any], broker: Broker) -> Iterator[Finding]:
    yield ok("broker.reachable", f"Redis {told['redis_version']} answers.")
    yield _version(str(told["redis_version"]))
    yield _memory(told)
    yield _persistence(told)
    try:
        own = neighbours.platform_of(current())
    except (Error, psycopg.Error):
        return  # that the database does not answer stands elsewhere
    yield _shared(neighbours.others(broker, own))


def _shared(others: set[str]) -> Finding:
    if others:
        return error(
            "broker.shared",
            f"Another platform uses this database of Redis: {'; '.join(sorted(others))}. Each takes messages of the"
            " other, and what it takes starts minutes late.",
            "Give each platform a number of its own in REDIS_URL or BROKER_URL, as in redis://…:6379/1.",
        )
    return ok("broker.shared", "No other platform uses this database of Redis.")


def _version(version: str) -> Finding:
    if int(version.partition(".")[0]) < LEAST_VERSION:
        return error("broker.version", f"Redis {version} is too old.", f"Upgrade to Redis {LEAST_VERSION} or newer.")
    return ok("broker.version", f"Redis {version}.")


def _memory(info: dict[str, Any]) -> Finding:
    policy, limit, used = info.get("maxmemory_policy"), info.get("maxmemory", 0), info.get("used_memory", 0)
    if policy != "noeviction":
        return error(
            "broker.memory",
            f"Redis may throw away what it holds (maxmemory-policy {policy}): messages would vanish, and go again only"
            " after minutes.",
            "Set maxmemory-policy noeviction; share this Redis with no cache.",
        )
    if limit and used > 0.8 * limit:
        return warning("broker.memory", "Redis has used more than four fifths of maxmemory.", "Raise maxmemory.")
    return ok("broker.memory", "Redis keeps what it holds (noeviction).")


def _persistence(info: dict[str, Any]) -> Finding:
    if not info.get("aof_enabled"):
        return warning(
            "broker.persistence",
            "Redis keeps nothing over a restart (appendonly no): nothing is lost by that, but all that is queued is"
            " published again.",
            "Set appendonly yes.",
        )
    return ok("broker.persistence", "Redis keeps its messages over a restart.")
