"""Failures in a row: counted with the roll-ups, felt by the retries that follow, gone with a success."""

from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from django.test import override_settings

from scheduler import failing, rollups, transitions
from scheduler.engine.states import Status
from scheduler.records import Outcome
from tests.hot_paths import SECOND, add_task, change, executions, start_one

POLICY = '{"backoff": "FIXED", "delaySeconds": 10, "maxDelaySeconds": 3600, "jitter": false}'


def run(connection: psycopg.Connection, task_id: UUID, now: datetime, status: Status = Status.FAILED) -> None:
    """Run the task once by hand, to this end, and count it."""
    started = start_one(connection, task_id, now=now)
    outcome = Outcome(started.id, started.fence, status, ended_at=now + SECOND)
    transitions.finish(connection, [outcome], now=now + SECOND)
    rollups.take_in(connection, limit=100)


def last_retry(connection: psycopg.Connection) -> tuple[str, timedelta]:
    """Return why the latest retry is held, and for how long."""
    rows = [row for row in executions(connection) if row["trigger"] == "RETRY"]
    latest = max(rows, key=lambda row: row["not_before"])
    (first,) = [row for row in executions(connection) if row["cause"] == latest["cause"] and row["attempt"] == 1]
    return latest["reason"], latest["not_before"] - first["end_time"]


@pytest.fixture
def tasks(connection: psycopg.Connection) -> list[UUID]:
    """Twelve of one class."""
    return [add_task(connection, task_class="team.Fragile", retry_policy=POLICY) for _ in range(12)]


def test_a_task_that_fails_again_and_again_is_tried_more_slowly(
    connection: psycopg.Connection, tasks: list[UUID], now: datetime
) -> None:
    for number in range(10):
        run(connection, tasks[0], now + number * SECOND)
        assert last_retry(connection) == ("retry", 10 * SECOND)
    run(connection, tasks[0], now + 60 * SECOND)

    assert last_retry(connection) == ("task_backoff", 20 * SECOND)


def test_a_class_that_fails_in_one_task_after_another_is_tried_more_slowly(
    connection: psycopg.Connection, tasks: list[UUID], now: datetime
) -> None:
    for number, task_id in enumerate(tasks[:11]):
        run(connection, task_id, now + number * SECOND)
    assert last_retry(connection) == ("class_backoff", 20 * SECOND)
    run(connection, add_task(connection, task_class="team.Robust", retry_policy=POLICY), now + 60 * SECOND)

    assert last_retry(connection) == ("retry", 10 * SECOND)


def test_a_success_ends_it_for_task_and_class(connection: psycopg.Connection, tasks: list[UUID], now: datetime) -> None:
    for number, task_id in enumerate(tasks[:10]):
        run(connection, task_id, now + number * SECOND)
    run(connection, tasks[10], now + 30 * SECOND, Status.SUCCESS)
    run(connection, tasks[11], now + 60 * SECOND)

    assert last_retry(connection) == ("retry", 10 * SECOND)


def test_it_can_be_switched_off(connection: psycopg.Connection, tasks: list[UUID], now: datetime) -> None:
    with override_settings(FAILURE_BACKOFF=False):
        for number, task_id in enumerate(tasks):
            run(connection, task_id, now + number * SECOND)

    assert last_retry(connection) == ("retry", 10 * SECOND)


def test_where_nothing_fails_nothing_is_written(
    connection: psycopg.Connection, tasks: list[UUID], now: datetime
) -> None:
    run(connection, tasks[0], now, Status.SUCCESS)

    assert connection.execute("SELECT count(*) FROM scheduler_failing").fetchone() == (0,)


def failing_keys(connection: psycopg.Connection) -> list[str]:
    return [key for (key,) in connection.execute("SELECT key FROM scheduler_failing ORDER BY key").fetchall()]


def test_a_deleted_task_fails_no_more(connection: psycopg.Connection, tasks: list[UUID], now: datetime) -> None:
    """Nothing of it can succeed any more; what is known of it would be looked at with every end for ever."""
    run(connection, tasks[0], now)
    run(connection, tasks[1], now + SECOND)
    change(connection, "scheduler_tasks", tasks[0], status="DELETED")
    assert failing.forget(connection) == 1
    assert failing_keys(connection) == ["class:team.Fragile", f"task:{tasks[1]}"]


def test_a_class_without_tasks_fails_no_more(connection: psycopg.Connection, tasks: list[UUID], now: datetime) -> None:
    run(connection, tasks[0], now)
    for task_id in tasks:
        change(connection, "scheduler_tasks", task_id, status="DELETED")
    failing.forget(connection)
    assert failing_keys(connection) == []
