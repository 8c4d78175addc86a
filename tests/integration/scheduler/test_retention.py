"""Old history goes by whole partitions, whatever an earlier removal has left half done."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from psycopg import sql

from scheduler import clock, firing, partitions, retention
from scheduler.partitions import PARTITIONED_TABLES, Partition
from scheduler.retention import Limits
from tests.concurrency.together import PATIENCE_SECONDS, until_it_waits
from tests.hot_paths import SECOND, Open, add_task, change, executions, queue_one

HISTORY, LOGS = PARTITIONED_TABLES
DAY = timedelta(days=1)
MONTH = Limits(days=30)


def names(connection: psycopg.Connection, table: str = HISTORY) -> list[str]:
    return [one.name for one in partitions.existing(connection, table)]


def went(removed: list[retention.Sized]) -> list[str]:
    return [one.partition.name for one in removed]


def tables(connection: psycopg.Connection) -> set[str]:
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname ~ '^(task_exec|execution_)'"
    )
    return {name for (name,) in rows}


@pytest.fixture
def later(connection: psycopg.Connection, now: datetime) -> Iterator[datetime]:
    """An instant forty days on, for which all partitions have been made; they are as they were after the test."""
    original = {table: partitions.existing(connection, table) for table in PARTITIONED_TABLES}
    for day in range(0, 41, 10):
        partitions.ensure(connection, now=now + day * DAY)
    yield now + 40 * DAY
    known = {one.name for kept in original.values() for one in kept}
    for name in tables(connection) - known:
        connection.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(name)))
    for table, kept in original.items():
        for one in kept:
            restore(connection, table, one)


def restore(connection: psycopg.Connection, table: str, partition: Partition) -> None:
    if partition not in partitions.existing(connection, table):
        partitions._attach(connection, table, partition)


def removed_names(now: datetime, days: int) -> list[str]:
    first = now.replace(hour=0)
    return [f"{HISTORY}_first", *(f"{HISTORY}_p{first + day * DAY:%Y%m%d}" for day in range(days))]


def test_it_removes_what_is_older_than_it_is_kept(connection: psycopg.Connection, now: datetime, later: datetime):
    before = names(connection)
    removed = went(retention.prune(connection, MONTH, now=later))
    assert removed == removed_names(now, 10)
    assert (names(connection), tables(connection) & set(removed)) == (before[len(removed) :], set())


def test_the_logs_go_with_their_executions(connection: psycopg.Connection, later: datetime):
    retention.prune(connection, MONTH, now=later)
    assert len(names(connection, LOGS)) == len(names(connection))


def test_it_removes_nothing_twice(connection: psycopg.Connection, later: datetime):
    retention.prune(connection, MONTH, now=later)
    assert retention.prune(connection, MONTH, now=later) == []


def test_the_rows_of_what_stays_stay(connection: psycopg.Connection, now: datetime, later: datetime):
    task_id = add_task(connection)
    kept = queue_one(connection, task_id, now=now + 20 * DAY)
    change(connection, HISTORY, queue_one(connection, task_id, now=now + DAY), status="SUCCESS")
    retention.prune(connection, MONTH, now=later)
    assert [row["id"] for row in executions(connection)] == [kept]


@pytest.mark.parametrize("status", ["QUEUED", "RUNNING", "SCHEDULED"])
def test_a_day_with_an_open_execution_stays(
    connection: psycopg.Connection, now: datetime, later: datetime, status: str
):
    change(connection, HISTORY, queue_one(connection, add_task(connection), now=now + DAY), status=status)
    removed = went(retention.prune(connection, MONTH, now=later))
    assert (len(removed), f"{HISTORY}_p{now + DAY:%Y%m%d}" in removed) == (10, False)


def test_it_removes_the_oldest_of_what_is_too_large(connection: psycopg.Connection, now: datetime, later: datetime):
    every = retention.removable(connection, Limits(days=0), now=later)
    total = sum(one.size_bytes for one in every)
    going = retention.removable(connection, Limits(days=1_000, max_bytes=total - every[0].size_bytes - 1), now=later)
    assert went(going) == went(every[:2])


def test_today_and_what_comes_stay_however_large(connection: psycopg.Connection, later: datetime):
    going = retention.removable(connection, Limits(days=1_000, max_bytes=0), now=later)
    assert going[-1].partition.name == f"{HISTORY}_p{later - DAY:%Y%m%d}"


def test_a_slot_from_before_has_a_place_again(connection: psycopg.Connection, now: datetime, later: datetime):
    retention.prune(connection, MONTH, now=later)
    partitions.fill(connection, now=later)
    task_id = add_task(connection, next_slot_for=now, interval_seconds=100 * 86_400, misfire_grace_seconds=86_400 * 90)
    firing.claim(connection, now=later)
    assert [row["scheduled_for"] for row in executions(connection, task_id)] == [now]


def pending(connection: psycopg.Connection, open_connection: Open) -> str:
    """Leave a detachment half done, as one does that is interrupted while a reader is there."""
    name = names(connection)[1]
    reader, dying = open_connection(), open_connection()
    with reader.transaction():
        reader.execute(f"SELECT FROM {HISTORY} LIMIT 1")
        dying.execute("SET lock_timeout = '50ms'")
        with suppress(psycopg.errors.LockNotAvailable):
            dying.execute(f"ALTER TABLE {HISTORY} DETACH PARTITION {name} CONCURRENTLY")
    assert retention._is_pending(connection, name)
    return name


def test_it_finishes_a_detachment_that_was_interrupted(
    connection: psycopg.Connection, open_connection: Open, later: datetime
):
    """A pending one keeps every other from being detached."""
    left = pending(connection, open_connection)
    removed = went(retention.prune(connection, MONTH, now=later))
    assert (left in tables(connection), len(removed)) == (False, 10)


def test_it_drops_what_was_detached_and_left(connection: psycopg.Connection, later: datetime):
    name = names(connection)[1]
    connection.execute(f"ALTER TABLE {HISTORY} DETACH PARTITION {name}")
    retention.prune(connection, MONTH, now=later)
    assert name not in tables(connection)


def test_logs_whose_executions_went_go_with_the_next_call(connection: psycopg.Connection, later: datetime):
    """A process died in between, or the locks of the logs were not to be had."""
    connection.execute(f"DROP TABLE {names(connection)[1]}")
    left = names(connection, LOGS)[1]
    retention.prune(connection, Limits(days=1_000), now=later)
    assert (left in tables(connection), len(names(connection, LOGS))) == (False, len(names(connection)))


def test_logs_of_a_day_that_has_executions_stay(connection: psycopg.Connection, later: datetime):
    """A slot of long ago came late: its partition has other bounds than that of the logs of then."""
    for gone in names(connection)[1:4]:
        connection.execute(f"DROP TABLE {gone}")
    partitions.fill(connection, now=later)
    before = names(connection, LOGS)
    retention.prune(connection, Limits(days=1_000), now=later)
    assert names(connection, LOGS) == before


def test_two_at_once_remove_each_once(connection: psycopg.Connection, open_connection: Open, later: datetime):
    holding = open_connection()
    holding.execute("SELECT pg_advisory_lock(%s)", (retention._ADVISORY_KEY,))
    assert retention.prune(connection, MONTH, now=later) == []


def test_no_claim_waits_behind_a_removal_that_waits(
    connection: psycopg.Connection, open_connection: Open, now: datetime, later: datetime
):
    """A claim in another transaction holds up the removal, and that may hold up nobody."""
    add_task(connection, next_slot_for=later)
    claiming, removing = open_connection(), open_connection()
    with ThreadPoolExecutor(1) as pool:
        with claiming.transaction():
            firing.claim(claiming, now=later)
            removal = pool.submit(retention.prune, removing, MONTH, now=later)
            until_it_waits(connection, removing)
            add_task(connection, next_slot_for=later)
            connection.execute("SET lock_timeout = '2s'")
            claimed = firing.claim(connection, now=later + SECOND)
        removed = removal.result(PATIENCE_SECONDS)
    assert (claimed.task_count, len(removed)) == (1, 11)


# The command


@pytest.fixture
def prune(later: datetime, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Calls the command forty days on; returns its lines."""
    monkeypatch.setattr(clock, "now", lambda: later)

    def call(*arguments: str) -> list[str]:
        output = StringIO()
        call_command("prune", *arguments, stdout=output)
        return output.getvalue().splitlines()

    return call


Prune = Callable[..., list[str]]


@pytest.mark.django_db(transaction=True)
def test_a_dry_run_says_what_would_go(connection: psycopg.Connection, now: datetime, prune: Prune):
    before = names(connection)
    *lines, summary = prune("--dry-run", "--keep-days", "30")
    assert [line.split()[0] for line in lines] == removed_names(now, 10)
    assert (summary.startswith("11 partitions would go, "), names(connection)) == (True, before)


@pytest.mark.django_db(transaction=True)
def test_it_says_what_went(connection: psycopg.Connection, prune: Prune):
    *_, summary = prune("--keep-days", "30")
    assert (summary.startswith("11 partitions removed, "), prune("--keep-days", "30")[0][:12]) == (True, "0 partitions")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "arguments", [("--keep-days", "9"), ("--keep-days", "x"), ("--max-gb", "-1"), ("--max-gb", "nan")]
)
def test_it_refuses_what_is_no_limit(prune: Any, arguments: tuple[str, str]):
    with pytest.raises(CommandError, match=arguments[0]):
        prune(*arguments)


def test_a_deadlock_is_somebody_in_the_way(connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch):
    """As where a wait for a lock ends so late that the look for deadlocks comes first."""
    tried = iter((psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable))
    execute = connection.execute

    def meet(statement: sql.Composed) -> object:
        for error in tried:
            raise error
        return execute(statement)

    monkeypatch.setattr(connection, "execute", meet)
    assert retention._try(connection, sql.SQL("SELECT {}").format(1))
    assert next(tried, None) is None
