"""Overlaps: a fresh slot comes while an execution of its task is open."""

from datetime import datetime

import psycopg
import pytest

from scheduler.engine.states import Status
from tests.hot_paths import (
    MINUTE,
    Open,
    execution,
    executions,
    lock_held,
)
from tests.integration.scheduler.lifecycle import end
from tests.integration.scheduler.overlaps.overlapping import add, begun, claim, is_counted_right, release, seen

# A fresh slot while one runs


@pytest.mark.parametrize(
    ("policy", "second"),
    [
        ("SKIP", ("SKIPPED", "overlap")),
        ("QUEUE", ("SCHEDULED", "overlap")),
        ("CANCEL_RUNNING", ("SCHEDULED", "overlap")),
    ],
)
def test_it_decides_about_a_fresh_slot(
    connection: psycopg.Connection, now: datetime, policy: str, second: tuple[str, str]
):
    task_id = add(connection, now, policy)
    begun(connection, task_id, now)
    assert claim(connection, now=now + MINUTE) == []
    assert seen(connection, task_id)[1] == second
    assert is_counted_right(connection, task_id)


def test_one_waits_and_further_ones_are_left_out(connection: psycopg.Connection, now: datetime):
    task_id = add(connection, now, "QUEUE")
    begun(connection, task_id, now)
    claim(connection, now=now + MINUTE)
    claim(connection, now=now + 2 * MINUTE)
    assert seen(connection, task_id)[1:] == [("SCHEDULED", "overlap"), ("SKIPPED", "overlap")]


def test_a_newcomer_has_what_runs_asked_to_end(connection: psycopg.Connection, now: datetime):
    task_id = add(connection, now, "CANCEL_RUNNING")
    first = begun(connection, task_id, now)
    claim(connection, now=now + MINUTE)
    assert execution(connection, first.id)["cancel_requested_at"] == now + MINUTE


def test_the_latest_newcomer_is_the_one_that_waits(connection: psycopg.Connection, now: datetime):
    task_id = add(connection, now, "CANCEL_RUNNING")
    first = begun(connection, task_id, now)
    claim(connection, now=now + MINUTE)
    claim(connection, now=now + 2 * MINUTE)
    end(connection, first, now=now + 2 * MINUTE, status=Status.FAILED)
    assert len(release(connection, now=now + 2 * MINUTE)) == 1
    assert [status for status, _ in seen(connection, task_id)] == ["CANCELLED", "CANCELLED", "QUEUED"]
    assert is_counted_right(connection, task_id)


@pytest.mark.parametrize("policy", ["QUEUE", "CANCEL_RUNNING"])
def test_what_waits_goes_as_soon_as_what_ran_has_ended(connection: psycopg.Connection, now: datetime, policy: str):
    task_id = add(connection, now, policy)
    first = begun(connection, task_id, now)
    claim(connection, now=now + MINUTE)
    assert release(connection, now=now + 2 * MINUTE) == []
    end(connection, first, now=now + 2 * MINUTE)
    (item,) = release(connection, now=now + 2 * MINUTE)
    assert (item.id, is_counted_right(connection, task_id)) == (executions(connection, task_id)[1]["id"], True)


def test_a_newcomer_takes_the_place_of_what_has_not_started(connection: psycopg.Connection, now: datetime):
    task_id = add(connection, now, "CANCEL_RUNNING")
    claim(connection, now=now)
    claim(connection, now=now + MINUTE)
    assert seen(connection, task_id) == [("CANCELLED", "overlap"), ("SCHEDULED", "overlap")]
    assert len(release(connection, now=now + MINUTE)) == 1
    assert is_counted_right(connection, task_id)


def test_an_older_newcomer_does_not_cancel_the_latest_one(
    connection: psycopg.Connection, open_connection: Open, now: datetime
):
    """It was held by a release when the latest one came, so that nobody could cancel it."""
    task_id = add(connection, now, "CANCEL_RUNNING")
    begun(connection, task_id, now)
    claim(connection, now=now + MINUTE)
    other = open_connection()
    with other.transaction():
        lock_held(other, now=now + 2 * MINUTE)
        claim(connection, now=now + 2 * MINUTE)
    release(connection, now=now + 2 * MINUTE)
    assert seen(connection, task_id)[1:] == [("SCHEDULED", "overlap")] * 2
    release(connection, now=now + 4 * MINUTE)
    assert seen(connection, task_id)[1:] == [("CANCELLED", "overlap"), ("SCHEDULED", "overlap")]
