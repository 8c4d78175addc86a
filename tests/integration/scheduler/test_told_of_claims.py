"""A node that waits is told of a task that is to be looked at at another time, by whoever writes it but the claims."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from scheduler import claims, connections, firing
from tests.hot_paths import DAY, add_task

Write = Callable[[psycopg.Connection, UUID, datetime], object]


@pytest.fixture
def heard(connection: psycopg.Connection) -> Iterator[Callable[[], int]]:
    """How many notices have come since the last call, on a connection that listens."""
    notices: list[psycopg.Notify] = []
    with connections.connect(application_name="platform-scheduler claim") as listening:
        listening.execute(f"LISTEN {claims.CLAIM_CHANNEL}")
        listening.add_notify_handler(notices.append)

        def count() -> int:
            listening.execute("SELECT 1")
            came = len(notices)
            notices.clear()
            return came

        yield count


def add(connection: psycopg.Connection, task_id: UUID, now: datetime) -> None:
    add_task(connection, next_slot_for=now)


def change(connection: psycopg.Connection, task_id: UUID, now: datetime) -> None:
    connection.execute("UPDATE scheduler_tasks SET claim_at = %s WHERE id = %s", (now, task_id))


def add_many(connection: psycopg.Connection, task_id: UUID, now: datetime) -> None:
    with connection.transaction():
        for _ in range(3):
            add_task(connection, next_slot_for=now)


def rename(connection: psycopg.Connection, task_id: UUID, now: datetime) -> None:
    connection.execute("UPDATE scheduler_tasks SET description = 'another' WHERE id = %s", (task_id,))


@pytest.mark.parametrize(("write", "notices"), [(add, 1), (change, 1), (add_many, 1), (rename, 0)])
def test_it_is_told_once_a_transaction_of_what_is_looked_at_at_another_time(
    connection: psycopg.Connection, heard: Callable[[], int], now: datetime, write: Write, notices: int
) -> None:
    task_id = add_task(connection, next_slot_for=now + DAY)
    heard()

    write(connection, task_id, now)

    assert heard() == notices


@pytest.mark.parametrize("loop", ["claim", "assist"])
def test_claims_tell_nothing(
    connection: psycopg.Connection, heard: Callable[[], int], now: datetime, loop: str
) -> None:
    task_id = add_task(connection, next_slot_for=now, interval_seconds=60, anchor_at=now - timedelta(days=1))
    heard()
    with connections.connect(application_name=f"platform-scheduler {loop}") as claiming:
        assert firing.claim(claiming, now=now).task_count == 1
    (claim_at,) = connection.execute("SELECT claim_at FROM scheduler_tasks WHERE id = %s", (task_id,)).fetchone() or ()

    assert claim_at > now
    assert heard() == 0


def test_the_loops_that_claim_have_the_names_that_the_trigger_leaves_out(connection: psycopg.Connection) -> None:
    """A loop of another name would wake itself with each of its claims."""
    row = connection.execute(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'scheduler_tasks_told'"
    ).fetchone()

    assert row is not None
    assert "'platform-scheduler claim'" in row[0]
    assert "'platform-scheduler assist'" in row[0]
