"""Brokers that the platform can use: what their URLs look like, what kombu's drivers for them are told."""

from typing import Any
from urllib.parse import SplitResult, urlsplit

REDIS_SCHEMES = ("redis", "rediss")
AMQP_SCHEMES = ("amqp", "amqps")
# Several Redis behind sentinels, which say who of them takes writes now.
SENTINEL_SCHEMES = ("sentinel",)
SCHEMES = (*REDIS_SCHEMES, *SENTINEL_SCHEMES, *AMQP_SCHEMES)
LAST_PORT = 65_535

REDIS_OPTIONS: dict[str, Any] = {
    # Without a socket timeout kombu's own checks never run and a half-open connection leaves a worker deaf.
    "socket_timeout": 5,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 5,
    # Redis knows no acknowledgement. kombu's imitation keeps each message a second time in Redis until it is
    # acknowledged, which is half of what a message costs a worker, and returns it after an hour. What a dead worker
    # held is published again within seconds of its death by the schedulers: the queue only says "this id is ready".
    "ack_emulation": False,
    # Both sides need the same steps: a change strands messages in lists that nobody reads.
    "priority_steps": list(range(10)),
    "queue_order_strategy": "priority",
}
# The first step alone: the list of priority 10 (`scheduler.messages.broker_priority`).
CRITICAL_STEPS = [0]
AMQP_OPTIONS: dict[str, Any] = {
    # Whatever Celery itself sends; without it RabbitMQ loses silently what it does not take.
    "confirm_publish": True,
}


def transport_options(url: str, *, master: str = "", sentinel_password: str = "") -> dict[str, Any]:
    """Return what kombu's driver for such a URL is told; `master` names what the sentinels watch."""
    if is_amqp(url):
        return dict(AMQP_OPTIONS)
    if not is_sentinel(url):
        return dict(REDIS_OPTIONS)
    # The sentinels' own password; that in the URL is Redis'.
    own = {"password": sentinel_password} if sentinel_password else {}
    waits = {name: REDIS_OPTIONS[name] for name in ("socket_timeout", "socket_connect_timeout")}
    return REDIS_OPTIONS | {"master_name": master, "sentinel_kwargs": waits | own}


def is_amqp(url: str) -> bool:
    """Tell whether the URL leads to RabbitMQ."""
    return url.partition("://")[0].lower() in AMQP_SCHEMES


def is_sentinel(url: str) -> bool:
    """Tell whether the URL leads to Redis by its sentinels."""
    return url.partition("://")[0].lower() in SENTINEL_SCHEMES


def fault_of(url: str, *, schemes: tuple[str, ...]) -> str | None:
    """Say what is wrong with a broker's URL, None where nothing is; repeats nothing of it, for it holds a password.

    RabbitMQ's may be several, separated by semicolons: the nodes of a cluster. So may sentinels.
    """
    urls = url.split(";") if is_amqp(url) or is_sentinel(url) else [url]
    same = (AMQP_SCHEMES if is_amqp(url) else SENTINEL_SCHEMES) if len(urls) > 1 else schemes
    return next((fault for fault in (_fault_of_one(one, same) for one in urls) if fault), None)


def _fault_of_one(url: str, schemes: tuple[str, ...]) -> str | None:
    if url.partition("://")[0].lower() not in schemes:
        return f"must begin with one of {', '.join(f'{scheme}://' for scheme in schemes)}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"is not a URL, or its port is no number up to {LAST_PORT}"
    if not parts.hostname or port == 0:
        return f"names no host and port, as in {_example(parts)}"
    if parts.scheme in (*REDIS_SCHEMES, *SENTINEL_SCHEMES) and not _is_number(parts.path.strip("/")):
        return f"names no database by its number, as in {_example(parts)}"
    return None


def _is_number(text: str) -> bool:
    return not text or (text.isascii() and text.isdecimal())


def _example(parts: SplitResult) -> str:
    if parts.scheme in AMQP_SCHEMES:
        return f"{parts.scheme}://user:password@host:5672/vhost"
    return f"{parts.scheme}://:password@host:{26379 if parts.scheme in SENTINEL_SCHEMES else 6379}/0"
