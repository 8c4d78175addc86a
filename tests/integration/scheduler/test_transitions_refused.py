"""Every write of a status is conditional on what the writer believes: where that is wrong, nothing changes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from scheduler import publications, transitions
from scheduler.engine.states import Reason, Status
from scheduler.records import Started
from tests.hot_paths import LEASE, SECOND, change, executions, task
from tests.integration.scheduler.lifecycle import end

Write = Callable[[psycopg.Connection, Started, datetime], object]


def renew(connection: psycopg.Connection, started: Started, now: datetime) -> object:
    return transitions.renew(connection, [(started.id, started.fence)], lease_expires_at=now + LEASE)


def finish(connection: psycopg.Connection, started: Started, now: datetime) -> object:
    return end(connection, started, now=now, status=Status.FAILED)


def hand_back(connection: psycopg.Connection, started: Started, now: datetime) -> object:
    return transitions.hand_back(connection, [(started.id, started.fence)], reason="x", now=now)


def release(connection: psycopg.Connection, started: Started, now: datetime) -> object:
    return transitions.release(connection, [started.id], now=now)


def cancel(connection: psycopg.Connection, started: Started, now: datetime) -> object:
    return transitions.cancel_waiting(connection, [started.id], reason=Reason.DELETED, now=now)


def mark(connection: psycopg.Connection, started: Started, now: datetime) -> None:
    publications.mark(connection, [started.id], now=now)


def forget(connection: psycopg.Connection, started: Started, now: datetime) -> None:
    publications.forget(connection, [started.id])


@pytest.mark.parametrize("write", [renew, finish, hand_back])
def test_it_writes_nothing_with_a_stale_fence(
    connection: psycopg.Connection, running: Started, now: datetime, write: Write
):
    change(connection, "task_execution_history", running.id, fence=running.fence + 1)
    before = executions(connection)
    assert not write(connection, running, now + SECOND)
    assert executions(connection) == before


def wrong(write: Write, *right: Status) -> list[Any]:
    return [pytest.param(write, status, id=f"{write.__name__} {status}") for status in Status if status not in right]


@pytest.mark.parametrize(
    ("write", "status"),
    [
        *wrong(renew, Status.RUNNING),
        *wrong(finish, Status.RUNNING),
        *wrong(hand_back, Status.RUNNING),
        *wrong(release, Status.SCHEDULED),
        *wrong(cancel, Status.SCHEDULED, Status.QUEUED),
        *wrong(mark, Status.QUEUED),
        *wrong(forget, Status.QUEUED),
    ],
)
def test_it_writes_nothing_in_the_wrong_status(
    connection: psycopg.Connection, report: UUID, running: Started, now: datetime, write: Write, status: Status
):
    change(connection, "task_execution_history", running.id, status=status)
    before = (executions(connection), task(connection, report))
    assert not write(connection, running, now + SECOND)
    assert (executions(connection), task(connection, report)) == before
