"""Reads what a deployment sets: every value comes from the environment and is refused where it is unsafe."""

import json
import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import EnvError, FileAwareEnv
from limits import RateLimitItem, parse_many
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from platform_scheduler.settings import brokers, refusals
from scheduler.engine import protection
from scheduler.engine.protection import Limit

refusals.install()


class Environment(FileAwareEnv):
    """Reads NAME, or the file that NAME_FILE names: secrets that are mounted as files stand in no list of processes."""

    def _get_value(self, env_key: str, default: Any) -> Any:
        try:
            return super()._get_value(env_key, default)
        except EnvError:
            raise
        except (ValueError, OSError):
            raise ImproperlyConfigured(f"{env_key}_FILE names no file that can be read as text.") from None


env = Environment(strip_whitespace=True)

# Compose files hand on what is not set as an empty text.
EMPTY_IS_UNSET = (
    "ALLOWED_HOSTS", "AUDIT_KEPT_DAYS", "BEHIND_TLS", "BUNDLE_MAX", "CLEANUP_ROOTS", "CSRF_TRUSTED_ORIGINS",
    "EMAIL_BACKEND", "EMAIL_FROM", "EMAIL_PORT", "EMAIL_USE_TLS",
    "HANDLER_MODULES", "HEALTH_HOST", "HEALTH_PORT", "HISTORY_KEPT_DAYS", "HISTORY_MAX_GB",
    "HTTP_ALLOWED_ADDRESSES",
    "LEASE_SECONDS", "LOG_LEVEL", "METRICS_OPEN", "METRICS_PORT", "REPUBLISH_AFTER_SECONDS", "REQUIRE_IF_MATCH",
    "CATCH_UP_APPROVAL_ABOVE", "CATCH_UP_AT_ONCE", "CATCH_UP_GROUP_BY", "CATCH_UP_PER_SECOND",
    "FAILURE_BACKOFF", "SHELL_HANDLER", "WEB_REQUESTS_AT_ONCE", "WEB_WRITES_AT_ONCE", "WORKER_CONCURRENCY",
    "WORKER_CRITICAL_ONLY", "WORKER_LEAD_SECONDS",
)  # fmt: skip

for _name in EMPTY_IS_UNSET:
    if os.environ.get(_name) == "":
        del os.environ[_name]

SECRET_KEY_MIN_LENGTH = 50
SECRET_KEY_MIN_DISTINCT = 10
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def secret_key() -> str:
    """Return SECRET_KEY; raise ImproperlyConfigured where it is missing or weak (Django check security.W009)."""
    key: str = env.str("SECRET_KEY", "")
    weak = (
        len(key) < SECRET_KEY_MIN_LENGTH
        or len(set(key)) < SECRET_KEY_MIN_DISTINCT
        or key.startswith("django-insecure-")
    )
    if weak:
        raise ImproperlyConfigured(
            f"SECRET_KEY is missing or weak: set {SECRET_KEY_MIN_LENGTH} or more random characters in the environment, "
            "for example from `python -c 'import secrets; print(secrets.token_urlsafe(50))'`. "
            "`make up` makes one by itself; beside it `. .local/environment` has all of this."
        )
    return key


# A server whose machine or network is gone says nothing: its connections are given up after five seconds, or each would
# hold its thread for a quarter of an hour.
_WAITS: Final = {
    "connect_timeout": 5,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
# Requests are many and each is short: a parallel worker first reads what all partitions and their indexes are, which
# takes it longer than the question itself, and so does compiling it.
_PLAIN_PLANS = "-c jit=off -c max_parallel_workers_per_gather=0"


def database(name: str, *, pool_size: int | None = None, longest_wait: int = 5) -> dict[str, Any]:
    """Return Django's settings for the PostgreSQL whose URL stands in the variable `name`.

    `pool_size` None opens one connection a thread and keeps it; a number shares that many among all threads,
    and a request that waits longer than `longest_wait` seconds for one is answered 503.
    """
    url: str = env.str(name, "")
    if not url:
        raise ImproperlyConfigured(f"{name} is missing: set postgresql://user:password@host:port/database.")
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError as error:
        raise ImproperlyConfigured(f"{name} is not a PostgreSQL URL: {error}") from error
    options: dict[str, Any] = {
        key: value
        for key, value in parts.items()
        if key not in {"host", "port", "user", "password", "dbname"} and value is not None
    }
    options = _WAITS | {"application_name": "platform-scheduler"} | options
    options["options"] = f"{_PLAIN_PLANS} {options.get('options', '')}".rstrip()
    if pool_size is not None:
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": longest_wait}
    return {
        "ENGINE": "platform_scheduler.postgresql",
        "NAME": parts.get("dbname") or "postgres",
        "USER": parts.get("user") or "",
        "PASSWORD": parts.get("password") or "",
        "HOST": parts.get("host") or "",
        "PORT": parts.get("port") or "",
        "CONN_MAX_AGE": 0 if pool_size is not None else 60,
        # A server that was restarted leaves dead connections behind, one 503 each, unless they are tried when lent.
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }


def broker_url() -> str:
    """Return BROKER_URL, else REDIS_URL; raise ImproperlyConfigured where neither is set, or it is no such URL."""
    for name, schemes in (("BROKER_URL", brokers.SCHEMES), ("REDIS_URL", brokers.REDIS_SCHEMES)):
        url: str = env.str(name, "")
        if url:
            fault = brokers.fault_of(url, schemes=schemes)
            if fault:
                raise ImproperlyConfigured(f"{name} {fault}.")
            return url
    raise ImproperlyConfigured(
        "REDIS_URL is missing: set redis://:password@host:port/0, or BROKER_URL for another broker."
    )


def broker_options(url: str) -> dict[str, Any]:
    """Return what kombu is told of the broker at `url`; raise ImproperlyConfigured where sentinels watch nobody."""
    master: str = env.str("REDIS_SENTINEL_MASTER", "")
    if brokers.is_sentinel(url) and not master:
        raise ImproperlyConfigured(
            "REDIS_SENTINEL_MASTER is missing: set the name under which the sentinels watch Redis."
        )
    return brokers.transport_options(url, master=master, sentinel_password=env.str("REDIS_SENTINEL_PASSWORD", ""))


def critical_only(url: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return `options` for one who takes priority 10 alone; raise ImproperlyConfigured where the broker cannot."""
    if brokers.is_amqp(url):
        raise ImproperlyConfigured(
            "WORKER_CRITICAL_ONLY needs Redis: RabbitMQ hands out a queue as a whole. Give what is critical a queue of"
            " its own, and a worker that takes from that alone."
        )
    return {**options, "priority_steps": brokers.CRITICAL_STEPS}


def seconds(name: str, default: int, *, least: int) -> int:
    """Return the whole seconds in the variable `name`; raise ImproperlyConfigured below `least`."""
    return _long_enough(name, default, least=least, unit="seconds")


def days(name: str, default: int, *, least: int) -> int:
    """Return the whole days in the variable `name`; raise ImproperlyConfigured below `least`."""
    return _long_enough(name, default, least=least, unit="days")


def port(name: str) -> int | None:
    """Return the number of a port in the variable `name`, None where it is not set; raise ImproperlyConfigured."""
    value: int | None = env.int(name, None)
    if value is not None and not 1 <= value <= brokers.LAST_PORT:
        raise ImproperlyConfigured(f"{name}={value} is no port: set 1 to {brokers.LAST_PORT}.")
    return value


def log_level(name: str) -> str:
    """Return the level in the variable `name`, INFO where it is not set; raise ImproperlyConfigured for another."""
    level: str = env.str(name, "INFO").upper()
    if level not in LOG_LEVELS:
        raise ImproperlyConfigured(f"{name}={level} is no level: set {', '.join(LOG_LEVELS)}.")
    return level


def _long_enough(name: str, default: int, *, least: int, unit: str) -> int:
    value: int = env.int(name, default)
    if value < least:
        raise ImproperlyConfigured(f"{name}={value} is too short: set {least} or more {unit}.")
    return value


def whole_number(name: str, default: int, *, least: int, most: int) -> int:
    """Return the number in the variable `name`; raise ImproperlyConfigured outside of its bounds."""
    value: int = env.int(name, default)
    if not least <= value <= most:
        raise ImproperlyConfigured(f"{name}={value} is none of its values: set {least} to {most}.")
    return value


def gigabytes(name: str) -> int | None:
    """Return the size in the variable `name` in bytes, None where it is not set; raise ImproperlyConfigured below 1."""
    size: float | None = env.float(name, None)
    if size is not None and not size >= 1:
        raise ImproperlyConfigured(f"{name}={size} is too small: set 1 or more gigabytes, or leave it unset.")
    return None if size is None else int(min(size, 1e9) * 1e9)


def hours(name: str, default: str) -> tuple[int, int]:
    """Return from which hour until which, from 22-6 in the variable `name`; raise ImproperlyConfigured otherwise."""
    text: str = env.str(name, "") or default
    found = re.fullmatch(r"([01]?[0-9]|2[0-3])-([01]?[0-9]|2[0-3])", text)
    if found is None or found[1] == found[2]:
        raise ImproperlyConfigured(f"{name}={text} is no part of a day: set two different hours, as in 22-6.")
    return int(found[1]), int(found[2])


def json_object(name: str) -> dict[str, Any]:
    """Return the JSON object in the variable `name`; {} where it is not set."""
    text: str = env.str(name, "") or "{}"
    try:
        value = json.loads(text)
    except ValueError as error:
        # The text itself may hold a broker's password.
        raise ImproperlyConfigured(f"{name} is not JSON: {type(error).__name__}.") from None
    if not isinstance(value, dict):
        raise ImproperlyConfigured(f"{name} must be a JSON object.")
    return value


def name_lists(name: str) -> dict[str, list[str]]:
    """Return the JSON object in the variable `name`, each of whose values is a list of texts."""
    lists = json_object(name)
    for key, names in lists.items():
        # A text would do for a list wherever `in` asks, and allow every part of itself.
        if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
            raise ImproperlyConfigured(f'{name}: what stands under {key!r} must be a list of texts, as in ["NAME"].')
    return lists


def one_of(name: str, *values: str) -> str:
    """Return the word in the variable `name`, the first of `values` where it is not set; raise ImproperlyConfigured."""
    value: str = env.str(name, "") or values[0]
    if value not in values:
        raise ImproperlyConfigured(f"{name}={value} is none of its values: set {' or '.join(values)}.")
    return value


def web_address(name: str) -> str | None:
    """Return the http or https address in the variable `name`, None where it is not set; raise ImproperlyConfigured."""
    url: str = env.str(name, "")
    if not url:
        return None
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or not url.isprintable() or " " in url:
        # Not the value: what stands in such an address is often the key to it.
        raise ImproperlyConfigured(f"{name} is no address, as in https://watchdog.example/ping/scheduler.")
    return url


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Return the networks and addresses in the variable `name`, separated by commas; raise ImproperlyConfigured."""
    texts = [text.strip() for text in env.str(name, "").split(",") if text.strip()]
    try:
        return [ip_network(text) for text in texts]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}; write networks as 10.0.0.0/8, addresses as 10.1.2.3.") from None


def protection_limits(name: str) -> dict[str, Limit]:
    """Return from which values of which signals on less is let go: the defaults, with what the variable changes."""
    limits = dict(protection.DEFAULT_LIMITS)
    for part in filter(None, (part.strip() for part in env.str(name, "").split(";"))):
        signal, _, bounds = (word.strip() for word in part.partition("="))
        if signal not in protection.SIGNALS:
            raise ImproperlyConfigured(
                f"{name} names {signal!r}: {', '.join(sorted(protection.SIGNALS))} are measured."
            )
        limit = _limit(bounds)
        if limit is None and bounds != "off":
            raise ImproperlyConfigured(
                f"{name} has {part!r}: say signal=soft:hard with soft below hard, or signal=off."
            )
        limits.pop(signal, None)
        limits |= {} if limit is None else {signal: limit}
    return limits


def _limit(bounds: str) -> Limit | None:
    soft, _, hard = bounds.partition(":")
    try:
        limit = Limit(float(soft), float(hard))
    except ValueError:
        return None
    return limit if 0 < limit.soft < limit.hard else None


def request_rates(name: str) -> list[RateLimitItem]:
    """Return rates such as "100/second; 2000/minute"; none where it is unset."""
    text: str = env.str(name, "").strip()
    if not text:
        return []
    try:
        rates = parse_many(text)
    except ValueError:
        rates = []
    if not rates or any(rate.amount < 1 for rate in rates):
        raise ImproperlyConfigured(
            f"{name} is {text!r}: say how many requests a token may send, such as 100/second; 2000/minute."
        )
    return rates


def grouping(name: str) -> str:
    """Return by what tasks are grouped: namespace, taskClass or label:<name>. Raises ImproperlyConfigured."""
    by: str = env.str(name, "namespace")
    if by not in ("namespace", "taskClass") and not by.removeprefix("label:") != by:
        raise ImproperlyConfigured(f"{name} is namespace, taskClass or label:<name>.")
    return by
