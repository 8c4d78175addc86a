"""Workers that end executions while several nodes count them: each is counted once."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

import psycopg
import pytest

from scheduler import rollups, transitions
from scheduler.engine.states import Status
from scheduler.rebuild import rebuild
from scheduler.records import Outcome, Started
from tests.concurrency.together import in_turn, together
from tests.hot_paths import DAY, MINUTE, SECOND, Open, add_task, start_one
from tests.integration.scheduler.rollups.counting import take_all_in

rounds = pytest.mark.parametrize("_", range(5))


@pytest.fixture
def report(connection: psycopg.Connection, now: datetime) -> UUID:
    return add_task(connection, next_slot_for=now + DAY, max_retry_count=0)


@pytest.fixture
def running(connection: psycopg.Connection, report: UUID, now: datetime) -> list[Started]:
    """Forty executions of one task, a second apart."""
    return [start_one(connection, report, now=now + number * SECOND) for number in range(40)]


def finish(connection: psycopg.Connection, started: Started, status: Status, *, now: datetime) -> None:
    transitions.finish(connection, [Outcome(started.id, started.fence, status)], now=now)


def ending(
    connection: psycopg.Connection, running: list[Started], status: Status, *, now: datetime
) -> Callable[[], object]:
    """Ends them one after the other, as one worker."""
    return in_turn(*(partial(finish, connection, one, status, now=now) for one in running))


def counting(connection: psycopg.Connection) -> Callable[[], object]:
    """Counts again and again, as one node."""
    return in_turn(*(partial(rollups.take_in, connection, limit=3) for _ in range(20)))


def counted(connection: psycopg.Connection) -> int:
    (total,) = connection.execute("SELECT coalesce(sum(success + failed + lost), 0) FROM scheduler_task_rollups")
    return int(total[0])


@rounds
def test_it_counts_each_execution_once(
    connection: psycopg.Connection, open_connection: Open, running: list[Started], now: datetime, _: int
):
    later = now + MINUTE
    together(
        ending(open_connection(), running, Status.SUCCESS, now=later),
        ending(open_connection(), running[::-1], Status.LOST, now=later),
        counting(open_connection()),
        counting(open_connection()),
    )
    take_all_in(connection)
    assert counted(connection) == len(running)


@rounds
def test_it_counts_each_once_while_history_is_counted_anew(
    connection: psycopg.Connection, open_connection: Open, running: list[Started], now: datetime, _: int
):
    later = now + MINUTE
    together(
        ending(open_connection(), running, Status.SUCCESS, now=later),
        counting(open_connection()),
        *(partial(list, rebuild(open_connection(), begin=None, end=now + DAY)) for _ in range(2)),
    )
    take_all_in(connection)
    assert counted(connection) == len(running)
