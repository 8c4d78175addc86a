"""pytest plugin: throw-away PostgreSQL and Valkey for a test run, started before the settings are read."""

import atexit
import os
import secrets
from collections.abc import Generator
from urllib.parse import urlsplit

import pytest

from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.throw_away import ThrowAwayServers, remove_leftovers

PREFIX = "platform-scheduler-tests-"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Start before pytest-django reads the settings: a wrapper precedes every plain hook."""
    os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(60))
    missing = {name for name in ("TEST_DATABASE_URL", "TEST_REDIS_URL") if not os.environ.get(name)}
    if missing and not _is_only_a_question(early_config):
        _start(early_config, missing)  # xdist's workers inherit the environment and find nothing missing
    number = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    if number and os.environ.get("TEST_REDIS_URL"):
        os.environ["TEST_REDIS_URL"] = numbered(os.environ["TEST_REDIS_URL"], int(number))
    yield


def numbered(url: str, number: int) -> str:
    """Return the URL of the Redis database so many after that of `url`: each test process has one of its own.

    Two platforms on one would take each other's messages.
    """
    parts = urlsplit(url)
    return parts._replace(path=f"/{int(parts.path.strip('/') or 0) + number}").geturl()


def _start(config: pytest.Config, missing: set[str]) -> None:
    remove_leftovers(prefix=PREFIX)
    servers = ThrowAwayServers(prefix=PREFIX)
    config.add_cleanup(servers.stop)
    atexit.register(servers.stop)
    try:
        servers.start(postgres="TEST_DATABASE_URL" in missing, valkey="TEST_REDIS_URL" in missing)
    except CannotStart as refusal:
        servers.stop()
        raise pytest.UsageError(str(refusal)) from None
    if servers.cluster:
        os.environ["TEST_DATABASE_URL"] = servers.cluster.url
    if servers.store:
        os.environ["TEST_REDIS_URL"] = servers.store.url


def _is_only_a_question(config: pytest.Config) -> bool:
    options = config.known_args_namespace
    return bool(options.help or options.version)
