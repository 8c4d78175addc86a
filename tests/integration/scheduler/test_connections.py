"""The hot paths' own connections: how long what PostgreSQL has planned for them is kept."""

from datetime import datetime
from time import monotonic

import psycopg
import pytest

from scheduler import connections
from tests.hot_paths import add_task

_PLANNED = "EXPLAIN EXECUTE probe ('task 1')"


def plan(connection: psycopg.Connection) -> str:
    return "\n".join(line for (line,) in connection.execute(_PLANNED))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock that plans are kept by, at its only item."""
    reading = [monotonic()]
    monkeypatch.setattr(connections, "monotonic", lambda: reading[0])
    return reading


def test_what_was_planned_for_an_empty_table_is_planned_again(
    connection: psycopg.Connection, now: datetime, clock: list[float]
) -> None:
    connection.execute("CREATE TEMPORARY TABLE growing (name text PRIMARY KEY)")
    connection.execute("INSERT INTO growing VALUES ('task 1')")
    connection.execute("ANALYZE growing")
    connection.execute("PREPARE probe (text) AS SELECT * FROM growing WHERE name = $1")
    before = plan(connection)
    connection.execute("INSERT INTO growing SELECT 'task ' || number FROM generate_series(2, 20000) number")

    kept = plan(connection)
    clock[0] += connections.PLANS_KEPT_SECONDS

    assert "Seq Scan" in before
    assert kept == before
    assert "Index" in plan(connection)


def test_plans_are_thrown_away_in_the_middle_of_a_transaction_too(
    connection: psycopg.Connection, now: datetime, clock: list[float]
) -> None:
    with connection.transaction():
        task_id = add_task(connection, next_slot_for=now)
        clock[0] += connections.PLANS_KEPT_SECONDS
        row = connection.execute("SELECT id FROM scheduler_tasks WHERE id = %s", (task_id,)).fetchone()

    assert row == (task_id,)
