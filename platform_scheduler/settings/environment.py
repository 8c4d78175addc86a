"""Reads what a deployment sets: every value comes from the environment and is refused where it is unsafe."""

import json
import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environs import Env
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from platform_scheduler.settings import brokers, refusals

refusals.install()
env = Env()

# Compose files hand on what is not set as an empty text.
EMPTY_IS_UNSET = (
    "AUDIT_KEPT_DAYS", "BEHIND_TLS", "BUNDLE_MAX", "EMAIL_BACKEND", "EMAIL_FROM", "EMAIL_PORT", "EMAIL_USE_TLS",
    "HEALTH_HOST", "HEALTH_PORT", "HISTORY_KEPT_DAYS", "HISTORY_MAX_GB",
    "LEASE_SECONDS", "LOG_LEVEL", "METRICS_OPEN", "METRICS_PORT", "REPUBLISH_AFTER_SECONDS", "REQUIRE_IF_MATCH",
    "SHELL_HANDLER",
)  # fmt: skip

for _name in EMPTY_IS_UNSET:
    if os.environ.get(_name) == "":
        del os.environ[_name]

SECRET_KEY_MIN_LENGTH = 50
SECRET_KEY_MIN_DISTINCT = 10


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
            "`make up` makes one by itself."
        )
    return key


def database(name: str, *, pool_size: int | None = None) -> dict[str, Any]:
    """Return Django's settings for the PostgreSQL whose URL stands in the variable `name`.

    `pool_size` None opens one connection a thread and keeps it; a number shares that many among all threads,
    and a request that waits longer than 5 s for one is answered 503.
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
    options.setdefault("connect_timeout", 5)
    options.setdefault("application_name", "platform-scheduler")
    if pool_size is not None:
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 5}
    return {
        "ENGINE": "django.db.backends.postgresql",
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


def seconds(name: str, default: int, *, least: int) -> int:
    """Return the whole seconds in the variable `name`; raise ImproperlyConfigured below `least`."""
    return _long_enough(name, default, least=least, unit="seconds")


def days(name: str, default: int, *, least: int) -> int:
    """Return the whole days in the variable `name`; raise ImproperlyConfigured below `least`."""
    return _long_enough(name, default, least=least, unit="days")


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


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """Return the networks and addresses in the variable `name`, separated by commas; raise ImproperlyConfigured."""
    texts = [text.strip() for text in env.str(name, "").split(",") if text.strip()]
    try:
        return [ip_network(text) for text in texts]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}; write networks as 10.0.0.0/8, addresses as 10.1.2.3.") from None
