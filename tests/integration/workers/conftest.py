"""Committed rows, seen by every connection; a worker's desk, and what it runs."""

from collections.abc import Callable, Iterator
from datetime import datetime
from uuid import UUID

import psycopg
import pytest

import workers.handlers  # noqa: F401 - registers the built-in handlers
from scheduler import clock
from scheduler.records import Started
from tests.hot_paths import add_task, connection, now, open_connection, start_one, store
from tests.integration.workers.desk import NODE, Desk
from workers import reporter

__all__ = ["connection", "now", "open_connection", "store"]


@pytest.fixture
def desk(connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A worker's desk."""
    made = Desk(now)
    monkeypatch.setattr(clock, "read", lambda _: made.now)
    monkeypatch.setattr(clock, "monotonic", made.monotonic)
    yield made
    made.close()


@pytest.fixture
def report(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task that is retried."""
    return add_task(connection)


@pytest.fixture
def running(connection: psycopg.Connection, report: UUID, now: datetime) -> Started:
    """An execution of it that this worker has won."""
    return start_one(connection, report, now=now, node_id=str(NODE))


@pytest.fixture
def outage(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """The database is away from now on; a call brings it back."""
    with monkeypatch.context() as patch:

        def away(**_: str) -> None:
            raise psycopg.OperationalError("away")

        patch.setattr(reporter, "connect", away)
        yield patch.undo
