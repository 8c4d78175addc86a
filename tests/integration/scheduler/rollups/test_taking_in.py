"""What has ended is taken into the roll-ups, once."""

from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from scheduler import backfills, claims, firing, ranges, rollups, transitions
from scheduler.engine.states import Reason, Status
from scheduler.records import Outcome
from tests.hot_paths import DAY, MINUTE, SECOND, Open, add_backfill, add_task, executions, queue_one, start_one
from tests.integration.scheduler.lifecycle import end, start
from tests.integration.scheduler.rollups.counting import histogram, hours, last_run, run, spans, take_all_in

HOUR = timedelta(hours=1)


def test_it_counts_by_task_and_hour(connection: psycopg.Connection, hourly: UUID, now: datetime):
    for at in (now, now + MINUTE, now + HOUR):
        run(connection, hourly, at=at)
    take_all_in(connection)
    assert [(row["hour"], row["success"]) for row in hours(connection, hourly)] == [(now, 2), (now + HOUR, 1)]


@pytest.mark.parametrize(
    ("status", "column"),
    [("SUCCESS", "success"), ("FAILED", "failed"), ("TIMED_OUT", "timed_out"), ("LOST", "lost"),
     ("CANCELLED", "cancelled")],
)  # fmt: skip
def test_it_counts_each_outcome_apart(
    connection: psycopg.Connection, hourly: UUID, now: datetime, status: str, column: str
):
    run(connection, hourly, at=now, status=Status(status))
    take_all_in(connection)
    (row,) = hours(connection, hourly)
    counts = {name: row[name] for name in ("success", "failed", "timed_out", "lost", "cancelled", "skipped")}
    assert counts == dict.fromkeys(counts, 0) | {column: 1}


def test_it_keeps_how_long_and_how_late(connection: psycopg.Connection, hourly: UUID, now: datetime):
    execution_id = queue_one(connection, hourly, now=now)
    started = start(connection, execution_id, now=now + SECOND)
    assert started is not None
    end(connection, started, now=now + 3 * SECOND)
    take_all_in(connection)
    (row,) = hours(connection, hourly)
    assert (row["durations"], row["lateness"]) == (histogram(2_000), histogram(1_000))
    assert (row["duration_sum_ms"], row["lateness_sum_ms"]) == (2_000, 1_000)


def test_how_long_what_was_lost_took_says_nothing(connection: psycopg.Connection, hourly: UUID, now: datetime):
    run(connection, hourly, at=now, status=Status.LOST)
    take_all_in(connection)
    (row,) = hours(connection, hourly)
    assert (row["durations"], row["duration_sum_ms"]) == ({}, 0)


def test_a_later_pass_adds_to_what_is_there(connection: psycopg.Connection, hourly: UUID, now: datetime):
    for at, took in ((now, 100), (now + MINUTE, 100), (now + 2 * MINUTE, 5_000)):
        run(connection, hourly, at=at, took_ms=took)
        take_all_in(connection)
    (row,) = hours(connection, hourly)
    assert row["durations"] == histogram(5_000) | dict.fromkeys(histogram(100), 2)
    assert (row["success"], row["duration_sum_ms"]) == (3, 5_200)


def test_it_notes_when_a_task_ran_last(connection: psycopg.Connection, hourly: UUID, now: datetime):
    for at in (now + MINUTE, now + HOUR, now):
        run(connection, hourly, at=at)
        take_all_in(connection)
    assert last_run(connection, hourly) == now + HOUR


def test_what_never_began_is_no_run(connection: psycopg.Connection, hourly: UUID, now: datetime):
    waiting = queue_one(connection, hourly, now=now)
    transitions.cancel_waiting(connection, [waiting], reason=Reason.REQUESTED, now=now)
    take_all_in(connection)
    assert last_run(connection, hourly) is None


def test_a_retry_counts_in_the_hour_of_its_slot(connection: psycopg.Connection, hourly: UUID, now: datetime):
    run(connection, hourly, at=now, status=Status.FAILED)
    (retry,) = [row["id"] for row in executions(connection, hourly) if row["attempt"] == 2]
    transitions.release(connection, [retry], now=now + 3 * HOUR)
    started = start(connection, retry, now=now + 3 * HOUR)
    assert started is not None
    end(connection, started, now=now + 3 * HOUR)
    take_all_in(connection)
    assert [(row["failed"], row["success"], row["retries"]) for row in hours(connection, hourly)] == [(1, 1, 1)]


def test_only_a_first_attempt_tells_how_late(connection: psycopg.Connection, mixed: UUID):
    take_all_in(connection)
    assert sum(hours(connection, mixed)[0]["lateness"].values()) == 3


def test_what_is_open_is_not_counted(connection: psycopg.Connection, hourly: UUID, now: datetime):
    start_one(connection, hourly, now=now)
    queue_one(connection, hourly, now=now)
    take_all_in(connection)
    assert hours(connection, hourly) == []


def test_it_counts_what_was_cancelled_before_it_began(connection: psycopg.Connection, hourly: UUID, now: datetime):
    waiting = queue_one(connection, hourly, now=now)
    transitions.cancel_waiting(connection, [waiting], reason=Reason.REQUESTED, now=now)
    take_all_in(connection)
    assert [row["cancelled"] for row in hours(connection, hourly)] == [1]


def test_a_slot_that_is_born_skipped_is_counted(connection: psycopg.Connection, now: datetime):
    busy = add_task(connection, next_slot_for=now, overlap_policy="SKIP")
    start_one(connection, busy, now=now - HOUR)
    firing.claim(connection, now=now)
    take_all_in(connection)
    assert [row["skipped"] for row in hours(connection, busy)] == [1]


def test_a_range_counts_with_all_its_slots_once_they_are_known(connection: psycopg.Connection, now: datetime):
    missed = add_task(connection, next_slot_for=now - 10 * MINUTE, misfire_policy="SKIP")
    firing.claim(connection, now=now)
    take_all_in(connection)
    before = [row["skipped"] for row in hours(connection, missed)]
    ranges.RangeCounter().count(connection)
    take_all_in(connection)
    assert (before, [row["skipped"] for row in hours(connection, missed)]) == ([], [9])


def test_a_range_is_one_row_of_its_namespace(connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now - 10 * MINUTE, misfire_policy="SKIP")
    firing.claim(connection, now=now)
    ranges.RangeCounter().count(connection)
    take_all_in(connection)
    assert [(row["begin"], row["skipped"]) for row in spans(connection, "minute")] == [(now - 10 * MINUTE, 1)]


def test_it_counts_by_minute_and_hour_of_each_namespace_and_of_all(connection: psycopg.Connection, now: datetime):
    for namespace in ("a", "b"):
        run(connection, add_task(connection, namespace=namespace), at=now + 61 * SECOND)
    take_all_in(connection)
    assert [(row["begin"], row["success"]) for row in spans(connection, "minute", "a")] == [(now + MINUTE, 1)]
    assert [(row["begin"], row["success"]) for row in spans(connection, "hour", "b")] == [(now, 1)]
    assert [(row["begin"], row["success"]) for row in spans(connection, "minute", "")] == [(now + MINUTE, 2)]


def test_a_backfill_counts_for_its_task_when_it_was_asked_for_and_for_its_namespace_at_its_slot(
    connection: psycopg.Connection, hourly: UUID, now: datetime
):
    add_backfill(connection, hourly, begin=now - DAY, end=now - DAY + HOUR, now=now)
    (execution,) = backfills.advance(connection, after=claims.EVERYWHERE, now=now).ready
    started = start(connection, execution.id, now=now)
    assert started is not None
    end(connection, started, now=now)
    take_all_in(connection)
    assert [(row["hour"], row["lateness"]) for row in hours(connection, hourly)] == [(now, {})]
    assert [row["begin"] for row in spans(connection, "hour")] == [now - DAY]


def test_it_counts_each_execution_once(connection: psycopg.Connection, mixed: UUID):
    take_all_in(connection)
    before = hours(connection, mixed)
    take_all_in(connection)
    assert hours(connection, mixed) == before != []


def test_an_outcome_that_came_too_late_is_not_counted(connection: psycopg.Connection, hourly: UUID, now: datetime):
    started = start_one(connection, hourly, now=now)
    end(connection, started, now=now, status=Status.LOST)
    end(connection, started, now=now, status=Status.SUCCESS)
    take_all_in(connection)
    assert [(row["lost"], row["success"]) for row in hours(connection, hourly)] == [(1, 0)]


def test_a_pass_that_dies_leaves_all_to_be_counted(connection: psycopg.Connection, hourly: UUID, now: datetime):
    run(connection, hourly, at=now)
    with connection.transaction(force_rollback=True):
        rollups.take_in(connection, limit=rollups.BATCH)
    take_all_in(connection)
    assert [row["success"] for row in hours(connection, hourly)] == [1]


def test_what_commits_late_is_not_missed(
    connection: psycopg.Connection, open_connection: Open, hourly: UUID, now: datetime
):
    first, second = (start_one(connection, hourly, now=now + number * SECOND) for number in (1, 2))
    late = open_connection()
    with late.transaction():
        transitions.finish(late, [Outcome(first.id, first.fence, Status.SUCCESS)], now=now + MINUTE)
        connection.execute("SET lock_timeout = '10ms'")
        run(connection, add_task(connection), at=now)
        take_all_in(connection)
    end(connection, second, now=now + MINUTE)
    take_all_in(connection)
    assert [row["success"] for row in hours(connection, hourly)] == [2]


def test_it_takes_a_bounded_number_at_a_time(connection: psycopg.Connection, hourly: UUID, now: datetime):
    for minute in range(3):
        run(connection, hourly, at=now + minute * MINUTE)
    assert [rollups.take_in(connection, limit=2) for _ in range(3)] == [2, 1, 0]


def test_it_takes_fewer_where_they_are_long(
    connection: psycopg.Connection, hourly: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rollups, "MOST_EXECUTIONS", 2)
    batch = [start_one(connection, hourly, now=now + number * SECOND) for number in range(5)]
    outcomes = [Outcome(one.id, one.fence, Status.SUCCESS) for one in batch]
    transitions.finish(connection, outcomes, now=now + MINUTE)
    run(connection, hourly, at=now + MINUTE)
    assert [rollups.take_in(connection, limit=rollups.BATCH) for _ in range(3)] == [1, 1, 0]
    assert [row["success"] for row in hours(connection, hourly)] == [6]


def test_another_node_leaves_it_to_the_one_that_counts(
    connection: psycopg.Connection, open_connection: Open, hourly: UUID, now: datetime
):
    run(connection, hourly, at=now)
    other = open_connection()
    with other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(%s)", (rollups.ADVISORY_KEY,))
        assert rollups.take_in(connection, limit=rollups.BATCH) == 0
    assert rollups.take_in(connection, limit=rollups.BATCH) == 1


def test_executions_of_two_days_are_counted_in_one_pass(connection: psycopg.Connection, hourly: UUID, now: datetime):
    batch = [start_one(connection, hourly, now=at) for at in (now, now + DAY)]
    outcomes = [Outcome(one.id, one.fence, Status.SUCCESS) for one in batch]
    transitions.finish(connection, outcomes, now=now + DAY + MINUTE)
    assert rollups.take_in(connection, limit=rollups.BATCH) == 1
    assert [row["hour"] for row in hours(connection, hourly)] == [now, now + DAY]


def test_old_roll_ups_are_forgotten(connection: psycopg.Connection, hourly: UUID, now: datetime):
    run(connection, hourly, at=now)
    take_all_in(connection)
    rollups.forget(connection, now=now + 3 * DAY)
    kept = [len(found) for found in (hours(connection, hourly), spans(connection, "hour"), spans(connection, "minute"))]
    assert kept == [1, 1, 0]


def test_the_oldest_are_forgotten_some_at_a_time(connection: psycopg.Connection, hourly: UUID, now: datetime):
    for hour in range(3):
        run(connection, hourly, at=now + hour * HOUR)
    take_all_in(connection)
    later = now + DAY + rollups.HOURS_KEPT
    assert [rollups.forget(connection, now=later, limit=2) for _ in range(4)] == [2, 2, 2, 0]
    assert hours(connection, hourly) == []


def test_it_never_compares_all_that_has_ended_with_all(connection: psycopg.Connection, now: datetime):
    ended = f"SELECT %(hour)s::timestamptz AS hour, {rollups.MEASURED} FROM task_execution_history h"  # noqa: S608
    statement = f"EXPLAIN WITH ended AS MATERIALIZED ({ended}) {rollups.COUNT_BY_TASK}"

    rows = connection.execute(statement.encode(), {"hour": now, "bounds": [1, 2, 3]}).fetchall()

    plan = "\n".join(row[0] for row in rows)
    assert "Nested Loop" not in plan
    assert "Join" not in plan
