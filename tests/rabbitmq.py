"""The tests' RabbitMQ: the server of TEST_AMQP_URL, with a vhost of its own where its command line is at hand."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest
from kombu import Connection

NAME = "TEST_AMQP_URL"
QUEUES = ("default", "platform", "reports", "platform-scheduler:generation")

HERE = ("127.0.0.1", "localhost", "::1")


@cache
def may_administer() -> bool:
    """Tell whether the server is this machine's, and its command line is at hand and obeys."""
    if not shutil.which("rabbitmqctl") or urlsplit(os.environ[NAME]).hostname not in HERE:
        return False
    asked = subprocess.run(["rabbitmqctl", "-q", "list_vhosts"], capture_output=True, timeout=60, check=False)
    return asked.returncode == 0


needs_rabbitmq = pytest.mark.skipif(not os.environ.get(NAME), reason=f"{NAME} is not set")
needs_rabbitmqctl = pytest.mark.skipif(
    not (os.environ.get(NAME) and may_administer()), reason=f"{NAME}, or a rabbitmqctl that obeys, is not here"
)


def rabbitmqctl(*arguments: str) -> str:
    """Run a command of the server's own; return what it says."""
    done = subprocess.run(["rabbitmqctl", "-q", *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def close_connections(url: str) -> None:
    """Have the server close all connections to the vhost of `url`."""
    rabbitmqctl("close_all_connections", "--vhost", vhost_of(url), "the tests say so")


def vhost_of(url: str) -> str:
    """Return the name of the vhost."""
    return urlsplit(url).path[1:] or "/"


@contextmanager
def own_vhost() -> Iterator[str]:
    """The URL of an empty vhost, deleted afterwards; without rabbitmqctl the given one, what we declare deleted."""
    given = os.environ[NAME]
    if not may_administer():
        try:
            yield given
        finally:
            delete_queues(given, *QUEUES)
        return
    name = f"platform-scheduler-tests-{secrets.token_hex(4)}"
    rabbitmqctl("add_vhost", name)
    try:
        rabbitmqctl("set_permissions", "-p", name, urlsplit(given).username or "guest", ".*", ".*", ".*")
        yield urlsplit(given)._replace(path=f"/{name}").geturl()
    finally:
        rabbitmqctl("delete_vhost", name)


def delete_queues(url: str, *names: str) -> None:
    """Delete queues with what is in them, and the exchanges of their names; what is not there is no fault."""
    with Connection(url) as connection:
        channel: Any = connection.default_channel
        for name in names:
            channel.queue_delete(name)
            channel.exchange_delete(name)
