"""Counting the slots of range rows, pass by pass."""

from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from scheduler import firing, ranges
from scheduler.ranges import RangeCounter
from tests.hot_paths import MINUTE, SECOND, add_task, change, executions


def missed(connection: psycopg.Connection, *, now: datetime, due: datetime, **columns: object) -> UUID:
    """Record what a task has missed since `due` and return the range row's id."""
    task_id = add_task(connection, **{"next_slot_for": due, "misfire_policy": "SKIP"} | columns)
    firing.claim(connection, now=now)
    found: UUID = executions(connection, task_id)[0]["id"]
    return found


def counts(connection: psycopg.Connection) -> list[int | None]:
    return [row["slot_count"] for row in executions(connection) if row["scheduled_until"]]


def test_it_counts_both_ends_of_a_range(connection: psycopg.Connection, now: datetime):
    missed(connection, now=now, due=now - 10 * MINUTE)
    assert (RangeCounter().count(connection), counts(connection)) == (1, [9])


def test_it_counts_what_a_calendar_day_of_cron_has(connection: psycopg.Connection, now: datetime):
    due = now - timedelta(days=1)
    missed(connection, now=now, due=due, interval_seconds=None, cron_expression="0 0 * * * ?")
    RangeCounter().count(connection)
    assert counts(connection) == [24]


def test_it_counts_the_start_of_an_interval_as_a_slot(connection: psycopg.Connection, now: datetime):
    due = now - 10 * MINUTE
    missed(connection, now=now, due=due, anchor_at=due, start_at=due)
    RangeCounter().count(connection)
    assert counts(connection) == [9]


def test_it_counts_each_range_once(connection: psycopg.Connection, now: datetime):
    missed(connection, now=now, due=now - 10 * MINUTE)
    counter = RangeCounter()
    assert [counter.count(connection) for _ in range(2)] == [1, 0]


def test_it_goes_on_with_a_long_range_in_the_next_pass(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    missed(connection, now=now, due=now - 10 * MINUTE)
    monkeypatch.setattr(ranges, "SLOTS_PER_PASS", 4)
    counter = RangeCounter()
    assert [counter.count(connection) for _ in range(3)] == [0, 0, 1]
    assert counts(connection) == [9]


@pytest.mark.parametrize("budget", range(1, 12))
def test_it_counts_the_same_in_passes_of_any_size(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch, budget: int
):
    missed(connection, now=now, due=now - 10 * MINUTE)
    missed(connection, now=now, due=now - 5 * MINUTE)
    monkeypatch.setattr(ranges, "SLOTS_PER_PASS", budget)
    counter = RangeCounter()
    for _ in range(20):
        counter.count(connection)
    assert counts(connection) == [9, 4]


def test_it_begins_anew_where_another_process_had_begun(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    missed(connection, now=now, due=now - 10 * MINUTE)
    with monkeypatch.context() as patch:
        patch.setattr(ranges, "SLOTS_PER_PASS", 4)
        RangeCounter().count(connection)
    RangeCounter().count(connection)
    assert counts(connection) == [9]


def test_it_counts_the_others_where_one_definition_is_broken(connection: psycopg.Connection, now: datetime):
    missed(connection, now=now, due=now - 10 * MINUTE)
    (row,) = [one for one in executions(connection) if one["scheduled_until"]]
    missed(connection, now=now, due=now - 5 * MINUTE)
    change(connection, "scheduler_tasks", row["task_id"], interval_seconds=None, cron_expression="broken")
    assert (RangeCounter().count(connection), counts(connection)) == (2, [2, 4])


def test_it_knows_at_least_the_two_ends_where_the_definition_has_changed(connection: psycopg.Connection, now: datetime):
    missed(connection, now=now, due=now - 10 * MINUTE)
    (row,) = [one for one in executions(connection) if one["scheduled_until"]]
    change(connection, "scheduler_tasks", row["task_id"], interval_seconds=None, run_at=now + SECOND)
    RangeCounter().count(connection)
    assert counts(connection) == [2]
