"""History counted anew gives the same numbers, and right ones where they were wrong."""

from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from scheduler import partitions
from scheduler.errors import HistoryRemoved
from scheduler.rebuild import rebuild
from tests.hot_paths import DAY, MINUTE, SECOND
from tests.integration.scheduler.rollups.counting import everything, hours, run, take_all_in

HOUR = timedelta(hours=1)


def count_anew(connection: psycopg.Connection, *, now: datetime, begin: datetime | None = None) -> list[datetime]:
    return list(rebuild(connection, begin=begin, end=now + DAY))


def test_it_gives_the_same_numbers(connection: psycopg.Connection, mixed: UUID, now: datetime):
    take_all_in(connection)
    before = everything(connection)
    count_anew(connection, now=now)
    assert everything(connection) == before != []


def test_it_finds_everything_where_there_was_nothing(connection: psycopg.Connection, mixed: UUID, now: datetime):
    take_all_in(connection)
    before = everything(connection)
    connection.execute("DELETE FROM scheduler_task_rollups")
    connection.execute("DELETE FROM scheduler_namespace_rollups")
    count_anew(connection, now=now)
    assert everything(connection) == before


def test_it_puts_right_what_is_wrong(connection: psycopg.Connection, mixed: UUID, now: datetime):
    take_all_in(connection)
    before = everything(connection)
    connection.execute("UPDATE scheduler_task_rollups SET success = 7, durations = '{}'")
    connection.execute("UPDATE scheduler_namespace_rollups SET failed = 7")
    count_anew(connection, now=now)
    assert everything(connection) == before


def test_what_waits_to_be_taken_in_is_counted_once(connection: psycopg.Connection, hourly: UUID, now: datetime):
    run(connection, hourly, at=now)
    take_all_in(connection)
    run(connection, hourly, at=now + MINUTE)
    count_anew(connection, now=now)
    take_all_in(connection)
    assert [row["success"] for row in hours(connection, hourly)] == [2]


def test_it_counts_the_hours_asked_for(connection: psycopg.Connection, hourly: UUID, now: datetime):
    for at in (now, now + 2 * HOUR):
        run(connection, hourly, at=at)
    take_all_in(connection)
    connection.execute("UPDATE scheduler_task_rollups SET success = 7")
    assert count_anew(connection, now=now, begin=now + HOUR + SECOND) == [now + 2 * HOUR]
    assert [row["success"] for row in hours(connection, hourly)] == [7, 1]


def test_it_goes_from_hour_to_hour_in_which_something_is_recorded(
    connection: psycopg.Connection, hourly: UUID, now: datetime
):
    for at in (now, now + 5 * HOUR):
        run(connection, hourly, at=at)
    take_all_in(connection)
    assert count_anew(connection, now=now) == [now, now + 5 * HOUR]


def test_it_refuses_what_was_removed(connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch):
    kept = [one for one in partitions.existing(connection, "task_execution_history") if one.lower is not None]
    monkeypatch.setattr(partitions, "existing", lambda *_: kept)
    with pytest.raises(HistoryRemoved, match="History is kept since"):
        count_anew(connection, now=now, begin=now - DAY)


def test_what_came_late_into_removed_history_does_not_stand_for_it(
    connection: psycopg.Connection, hourly: UUID, now: datetime, gap: datetime
):
    run(connection, hourly, at=now)
    take_all_in(connection)
    partitions.fill(connection, now=now)
    connection.execute("UPDATE scheduler_task_rollups SET success = 7")
    assert count_anew(connection, now=now) == []
    assert [row["success"] for row in hours(connection, hourly)] == [7]
