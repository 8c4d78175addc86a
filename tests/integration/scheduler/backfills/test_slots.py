"""Which slots a backfill records, and how many at a time."""

from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from scheduler.engine.states import Status
from tests.hot_paths import (
    DAY,
    MINUTE,
    SECOND,
    add_backfill,
    change,
    executions,
    slots,
    task,
)
from tests.integration.scheduler.backfills.filling import advance, had, run, run_through, stands

# Slots


def test_it_records_the_oldest_slot_first(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    (ready,) = advance(connection, now)
    (row,) = executions(connection, hourly)
    assert (row["id"], row["scheduled_for"], row["trigger"], row["status"], row["attempt"], row["run_id"]) == (
        ready.id, now - timedelta(hours=3), "BACKFILL", "QUEUED", 1, None,
    )  # fmt: skip


def test_it_goes_under_fresh_work(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    (ready,) = advance(connection, now)
    assert (ready.priority, task(connection, hourly)["priority"]) == (1, 9)


def test_it_counts_lateness_from_when_it_was_recorded(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    advance(connection, now + MINUTE)
    assert executions(connection, hourly)[0]["due_at"] == now + MINUTE


def test_its_ids_hold_the_instant_of_the_request(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    advance(connection, now + MINUTE)
    assert executions(connection, hourly)[0]["id"].int >> 80 == int(now.timestamp() * 1000)


def test_it_runs_each_slot_of_the_period_and_none_at_its_end(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    run_through(connection, now=now, looks=4)
    assert slots(connection, hourly) == [now - timedelta(hours=hours) for hours in (3, 2, 1)]
    assert stands(connection, three) == ("COMPLETED", 3, 0, 0)


def test_it_moves_neither_the_next_slot_nor_the_last_one(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    before = task(connection, hourly)
    run_through(connection, now=now, looks=4)
    after = task(connection, hourly)
    assert [after[name] for name in ("next_slot_for", "claim_at", "last_slot_for")] == [
        before[name] for name in ("next_slot_for", "claim_at", "last_slot_for")
    ]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_it_keeps_so_many_open_at_once(connection: psycopg.Connection, hourly: UUID, now: datetime, most: int):
    add_backfill(connection, hourly, begin=now - DAY, end=now, now=now, max_parallel=most)
    first = advance(connection, now)
    assert (len(first), advance(connection, now)) == (most, [])
    run(connection, first[:1], now=now)
    assert len(advance(connection, now + SECOND)) == 1


def test_it_leaves_out_what_has_succeeded(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    had(connection, hourly, now - timedelta(hours=2), Status.SUCCESS)
    run_through(connection, now=now, looks=3)
    assert stands(connection, three) == ("COMPLETED", 2, 0, 1)


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "LOST", "CANCELLED", "SKIPPED"])
def test_it_runs_what_has_not(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime, status: Status):
    had(connection, hourly, now - timedelta(hours=2), status)
    run_through(connection, now=now, looks=4)
    assert stands(connection, three) == ("COMPLETED", 3, 0, 0)


def test_it_runs_what_lies_in_a_range_that_was_missed(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    had(
        connection, hourly, now - timedelta(hours=3), Status.SKIPPED, reason="misfire",
        scheduled_until=now - timedelta(hours=1), slot_count=3,
    )  # fmt: skip
    run_through(connection, now=now, looks=4)
    assert stands(connection, three) == ("COMPLETED", 3, 0, 0)


@pytest.mark.parametrize("status", ["QUEUED", "RUNNING", "SCHEDULED"])
def test_it_leaves_out_what_is_about_to_run(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime, status: Status
):
    had(connection, hourly, now - timedelta(hours=2), status)
    run_through(connection, now=now, looks=3)
    assert stands(connection, three) == ("COMPLETED", 2, 0, 1)


def test_it_leaves_out_what_somebody_wanted_left_out(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    had(connection, hourly, now - timedelta(hours=2), Status.SKIPPED, reason="requested")
    run_through(connection, now=now, looks=3)
    assert stands(connection, three) == ("COMPLETED", 2, 0, 1)


def test_it_leaves_out_what_another_backfill_has_done(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    run_through(connection, now=now, looks=4)
    begin = now - timedelta(hours=4)
    second = add_backfill(connection, hourly, begin=begin, end=now, now=now + MINUTE)
    run_through(connection, now=now + MINUTE, looks=2)
    assert stands(connection, second) == ("COMPLETED", 1, 0, 3)


def test_it_runs_again_what_another_backfill_could_not(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    change(connection, "scheduler_tasks", hourly, max_retry_count=0)
    run_through(connection, now=now, looks=4, status=Status.FAILED)
    second = add_backfill(connection, hourly, begin=now - timedelta(hours=3), end=now, now=now + MINUTE)
    run_through(connection, now=now + MINUTE, looks=4)
    assert (stands(connection, three), stands(connection, second)) == (
        ("COMPLETED", 0, 3, 0), ("COMPLETED", 3, 0, 0),
    )  # fmt: skip


def test_it_runs_everything_again_where_that_is_asked(connection: psycopg.Connection, hourly: UUID, now: datetime):
    had(connection, hourly, now - timedelta(hours=1), Status.SUCCESS)
    again = add_backfill(connection, hourly, begin=now - timedelta(hours=1), end=now, now=now, rerun=True)
    run_through(connection, now=now, looks=2)
    assert stands(connection, again) == ("COMPLETED", 1, 0, 0)


def test_it_passes_over_many_slots_that_are_done_in_one_look(
    connection: psycopg.Connection, hourly: UUID, now: datetime
):
    add_backfill(connection, hourly, begin=now - 20 * DAY, end=now - DAY, now=now, max_parallel=1)
    connection.execute("UPDATE scheduler_operations SET arguments = arguments || '{\"maxParallel\": 1000}'")
    run(connection, advance(connection, now), now=now)
    add_backfill(connection, hourly, begin=now - 20 * DAY, end=now, now=now + MINUTE)
    assert len(advance(connection, now + MINUTE)) == 1


def test_it_runs_by_the_definition_of_the_request(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    change(connection, "scheduler_tasks", hourly, interval_seconds=60)
    run_through(connection, now=now, looks=4)
    assert stands(connection, three) == ("COMPLETED", 3, 0, 0)


def test_it_leaves_out_what_a_calendar_closes(connection: psycopg.Connection, hourly: UUID, now: datetime):
    connection.execute(
        "INSERT INTO scheduler_calendars (id, name, rules) VALUES (%s, 'nights', %s)",
        (hourly, '{"excludedTimes": [{"from": "10:00", "to": "11:00"}]}'),
    )
    change(connection, "scheduler_tasks", hourly, calendar_id=hourly)
    add_backfill(connection, hourly, begin=now - timedelta(hours=3), end=now, now=now)
    run_through(connection, now=now, looks=3)
    assert slots(connection, hourly) == [now - timedelta(hours=3), now - timedelta(hours=1)]
