"""How long a task runs is learned from the ends of its executions."""

from datetime import datetime
from functools import partial
from uuid import UUID

import psycopg
import pytest

from scheduler import transitions
from scheduler.engine.states import Status
from scheduler.records import Outcome
from tests.hot_paths import SECOND, Open, start_one


def ended(connection: psycopg.Connection, task_id: UUID, ms: int, *, status: Status, now: datetime) -> None:
    started = start_one(connection, task_id, now=now)
    end = now + ms * SECOND / 1000
    transitions.finish(connection, [Outcome(started.id, started.fence, status, end)], now=end)


def learned(connection: psycopg.Connection, task_id: UUID) -> tuple[int, float | None]:
    row = connection.execute("SELECT run_count, expected_ms FROM scheduler_tasks WHERE id = %s", (task_id,)).fetchone()
    assert row is not None
    return row[0], row[1] and round(row[1], 3)


def test_it_learns_how_long_a_task_runs(connection: psycopg.Connection, report: UUID, now: datetime):
    end = partial(ended, connection, report)
    end(100, status=Status.SUCCESS, now=now)
    end(400, status=Status.FAILED, now=now + 10 * SECOND)
    end(100, status=Status.TIMED_OUT, now=now + 20 * SECOND)
    assert learned(connection, report) == (3, 388.0)


@pytest.mark.parametrize("status", [Status.LOST, Status.CANCELLED])
def test_what_did_not_end_by_itself_teaches_nothing(
    connection: psycopg.Connection, report: UUID, now: datetime, status: Status
):
    ended(connection, report, 100, status=status, now=now)
    assert learned(connection, report) == (0, None)


def test_it_learns_from_several_that_end_at_once(
    connection: psycopg.Connection, open_connection: Open, report: UUID, now: datetime
):
    both = [start_one(connection, report, now=now + count * SECOND) for count in range(2)]
    ends = [
        Outcome(one.id, one.fence, Status.SUCCESS, one.started_at + ms * SECOND / 1000)
        for one, ms in zip(both, (30, 20), strict=True)
    ]
    transitions.finish(connection, ends, now=now + 60 * SECOND)
    assert learned(connection, report) == (2, 30.0)
