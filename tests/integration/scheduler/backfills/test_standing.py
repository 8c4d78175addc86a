"""How a backfill stands: retries, failures, pauses, its end and its abort."""

from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from scheduler import backfills
from scheduler.engine.states import Status
from tests.hot_paths import (
    DAY,
    MINUTE,
    SECOND,
    add_backfill,
    add_task,
    change,
    executions,
    operation,
    queue_one,
    statuses,
)
from tests.integration.scheduler.backfills.filling import NOBODY, advance, run, run_through, stands
from tests.integration.scheduler.lifecycle import end, start

# Retries, and how it stands


def test_a_retry_keeps_cause_slot_and_priority(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    run(connection, advance(connection, now), now=now, status=Status.FAILED)
    first, retry = executions(connection, hourly)
    assert (retry["trigger"], retry["attempt"], retry["priority"], retry["id"].int >> 80) == (
        "RETRY", 2, 1, first["id"].int >> 80,
    )  # fmt: skip
    assert (retry["cause"], retry["scheduled_for"]) == (first["cause"], first["scheduled_for"])


def test_it_takes_no_further_slot_while_one_is_to_be_tried_again(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    run(connection, advance(connection, now), now=now, status=Status.FAILED)
    assert (advance(connection, now + SECOND), stands(connection, three)) == ([], ("RUNNING", 0, 0, 0))


def test_it_counts_and_names_what_has_failed(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    change(connection, "scheduler_tasks", hourly, max_retry_count=0)
    (ready,) = advance(connection, now)
    started = start(connection, ready.id, now=now)
    assert started is not None
    end(connection, started, now=now, status=Status.FAILED, error_message="no such host")
    advance(connection, now + SECOND)
    assert (stands(connection, three), operation(connection, three)["errors"]) == (
        ("RUNNING", 0, 1, 0),
        [{"slot": (now - timedelta(hours=3)).isoformat(), "status": "FAILED", "message": "no such host"}],
    )


def test_it_says_since_when_it_runs_and_when_it_has_ended(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    run_through(connection, now=now + SECOND, looks=3)
    advance(connection, now + MINUTE)
    row = operation(connection, three)
    assert (row["started_at"], row["ended_at"]) == (now + SECOND, now + MINUTE)


def test_it_waits_while_the_task_is_paused(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    change(connection, "scheduler_tasks", hourly, status="PAUSED", claim_at=None)
    assert (advance(connection, now), stands(connection, three)) == ([], ("RUNNING", 0, 0, 0))
    change(connection, "scheduler_tasks", hourly, status="ACTIVE")
    assert len(advance(connection, now)) == 1


def test_it_runs_a_completed_task(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    change(connection, "scheduler_tasks", hourly, status="COMPLETED", claim_at=None, next_slot_for=None)
    run_through(connection, now=now, looks=4)
    assert stands(connection, three) == ("COMPLETED", 3, 0, 0)


def test_it_fails_where_the_task_is_deleted(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    advance(connection, now)
    change(connection, "scheduler_tasks", hourly, status="DELETED", claim_at=None)
    assert advance(connection, now) == []
    assert stands(connection, three) == ("FAILED", 0, 1, 0)
    assert operation(connection, three)["errors"][0]["message"] == "The task was deleted."
    assert statuses(connection, hourly) == ["CANCELLED"]


def test_it_fails_by_itself_where_its_slots_cannot_be_worked_out(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    connection.execute(
        "UPDATE scheduler_operations SET arguments = jsonb_set(arguments, '{schedule,cron_expression}', '\"gone\"')"
    )
    other = add_task(connection, interval_seconds=3600, anchor_at=now - 30 * DAY)
    add_backfill(connection, other, begin=now - timedelta(hours=3), end=now, now=now)
    assert len(advance(connection, now)) == 1
    assert stands(connection, three)[0] == "FAILED"
    assert operation(connection, three)["errors"][0]["message"].startswith("It cannot go on")


def test_it_advances_so_many_in_a_pass_and_goes_on_behind_them(
    connection: psycopg.Connection, hourly: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(backfills, "OPERATIONS_PER_PASS", 2)
    found = sorted(add_backfill(connection, hourly, begin=now - DAY, end=now, now=now) for _ in range(3))
    first = backfills.advance(connection, after=NOBODY, now=now)
    assert first.after == found[1]
    assert backfills.advance(connection, after=first.after, now=now).after is None


# Abort


def abort(connection: psycopg.Connection, operation_id: UUID, now: datetime) -> bool:
    with connection.transaction():
        return backfills.abort(connection, operation_id, now=now)


def test_an_abort_cancels_what_waits_and_ends(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    advance(connection, now)
    assert abort(connection, three, now + SECOND)
    assert (statuses(connection, hourly), stands(connection, three)) == (["CANCELLED"], ("ABORTED", 0, 1, 0))


def test_an_abort_lets_end_what_runs(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    (ready,) = advance(connection, now)
    started = start(connection, ready.id, now=now)
    assert started is not None
    abort(connection, three, now + SECOND)
    assert (statuses(connection, hourly), stands(connection, three)[0]) == (["RUNNING"], "RUNNING")
    end(connection, started, now=now + MINUTE)
    assert (advance(connection, now + MINUTE), stands(connection, three)) == ([], ("ABORTED", 1, 0, 0))


def test_an_abort_tries_nothing_again(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    (ready,) = advance(connection, now)
    started = start(connection, ready.id, now=now)
    assert started is not None
    abort(connection, three, now + SECOND)
    end(connection, started, now=now + MINUTE, status=Status.FAILED)
    advance(connection, now + MINUTE)
    assert (statuses(connection, hourly), stands(connection, three)) == (
        ["FAILED", "CANCELLED"], ("ABORTED", 0, 1, 0),
    )  # fmt: skip


def test_what_has_ended_cannot_be_aborted(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    run_through(connection, now=now, looks=4)
    assert not abort(connection, three, now)
    assert stands(connection, three)[0] == "COMPLETED"


def test_an_abort_leaves_other_executions_of_the_task_alone(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    queue_one(connection, hourly, now=now)
    abort(connection, three, now + SECOND)
    assert statuses(connection, hourly) == ["QUEUED"]
