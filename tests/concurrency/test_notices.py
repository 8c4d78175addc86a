"""Several copies at what people are to be told: each message is taken by one of them."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import psycopg
import pytest

from scheduler import notices, outbox
from scheduler.outgoing import DueMessage
from tests.concurrency.together import together
from tests.hot_paths import Open

rounds = pytest.mark.parametrize("_", range(5))
MINUTE = timedelta(minutes=1)


@pytest.fixture
def waiting(connection: psycopg.Connection, now: datetime) -> None:
    """A channel whose message is due."""
    connection.execute(
        "INSERT INTO scheduler_channels (key, namespace, channel, next_at) VALUES (%s, 'default', %s, %s)",
        ("0" * 64, json.dumps({"kind": "EMAIL", "to": ["ops@example.com"]}), now),
    )


@rounds
@pytest.mark.usefixtures("waiting")
def test_a_message_is_taken_by_one(open_connection: Open, now: datetime, _: int) -> None:
    copies: list[Callable[[], DueMessage | None]] = [
        partial(notices.take, open_connection(), now=now, until=now + MINUTE) for _ in range(4)
    ]

    taken = [due for due in together(*copies) if due is not None]

    assert [due.attempt_count for due in taken] == [1]


@pytest.mark.usefixtures("waiting")
def test_what_is_just_being_added_to_is_not_waited_for(
    connection: psycopg.Connection, open_connection: Open, now: datetime
) -> None:
    other = open_connection()
    with other.transaction():
        other.execute("UPDATE scheduler_channels SET next_at = next_at")

        assert notices.take(connection, now=now, until=now + MINUTE) is None


def test_whether_somebody_is_to_be_told_is_asked_of_indexes(connection: psycopg.Connection) -> None:
    """It is asked with every write of a definition: of a million tasks without a word of it no row may be read."""
    with connection.transaction(force_rollback=True):
        connection.execute(
            "INSERT INTO scheduler_tasks (id, name, task_class)"
            " SELECT gen_random_uuid(), 'task ' || n, 'platform.noop' FROM generate_series(1, 20000) AS n"
        )
        connection.execute("ANALYZE scheduler_tasks")
        plan = connection.execute(f"EXPLAIN SELECT {outbox.IS_HEARD}").fetchall()

    shown = " ".join(line for (line,) in plan)
    assert "scheduler_tasks_notifying" in shown
    assert "Seq Scan on scheduler_tasks" not in shown
