"""Writes of the status of what waits: started, published, released and cancelled."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from scheduler import claims, publications, transitions
from scheduler.engine.states import Reason, Status, Trigger
from scheduler.records import Started
from tests.hot_paths import (
    LEASE,
    MINUTE,
    SECOND,
    add_task,
    change,
    execution,
    executions,
    queue_one,
    start_one,
    statuses,
    task,
)
from tests.integration.scheduler.lifecycle import end, start

# Start


def test_it_starts_a_queued_execution(connection: psycopg.Connection, report: UUID, now: datetime):
    execution_id = queue_one(connection, report, now=now)
    start(connection, execution_id, now=now + SECOND)
    row = execution(connection, execution_id)
    assert (row["status"], row["start_time"], row["node_id"], row["lease_expires_at"], row["revision"]) == (
        "RUNNING", now + SECOND, "node-1", now + SECOND + LEASE, 4,
    )  # fmt: skip


def test_it_tells_the_worker_what_to_run(connection: psycopg.Connection, report: UUID, now: datetime):
    execution_id = queue_one(connection, report, now=now)
    started = start(connection, execution_id, now=now + SECOND)
    assert started == Started(
        id=execution_id, task_id=report, task_name=task(connection, report)["name"], namespace="default",
        task_class="platform.noop", task_data='{"a": 1}', fence=execution(connection, execution_id)["fence"], attempt=1,
        trigger=Trigger.MANUAL, scheduled_for=now, run_id=None, timeout_seconds=3600, lacked_by=None,
        started_at=now + SECOND, cause=execution(connection, execution_id)["cause"],
    )  # fmt: skip


def test_it_says_the_trigger_as_a_trigger(running: Started):
    assert isinstance(running.trigger, Trigger)


def test_it_prefers_the_data_of_the_request(connection: psycopg.Connection, report: UUID, now: datetime):
    started = start(connection, queue_one(connection, report, now=now, task_data='{"b": 2}'), now=now)
    assert started is not None and started.task_data == '{"b": 2}'


def test_it_draws_a_greater_fence_at_each_start(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now + MINUTE)
    fences = [start_one(connection, task_id, now=now + number * SECOND).fence for number in range(3)]
    assert fences == sorted(set(fences))


@pytest.mark.parametrize("status", sorted(frozenset(Status) - {Status.QUEUED}))
def test_it_starts_nothing_that_is_not_queued(
    connection: psycopg.Connection, report: UUID, now: datetime, status: Status
):
    execution_id = queue_one(connection, report, now=now)
    change(connection, "task_execution_history", execution_id, status=status)
    before = execution(connection, execution_id)
    assert start(connection, execution_id, now=now + SECOND) is None
    assert execution(connection, execution_id) == before


def test_it_starts_nothing_of_a_deleted_task(connection: psycopg.Connection, report: UUID, now: datetime):
    execution_id = queue_one(connection, report, now=now)
    change(connection, "scheduler_tasks", report, status="DELETED", claim_at=None)
    assert start(connection, execution_id, now=now) is None


@pytest.mark.parametrize("status", ["PAUSED", "COMPLETED"])
def test_it_starts_what_was_queued_before_a_pause(
    connection: psycopg.Connection, report: UUID, now: datetime, status: str
):
    execution_id = queue_one(connection, report, now=now)
    change(connection, "scheduler_tasks", report, status=status, claim_at=None)
    assert start(connection, execution_id, now=now) is not None


def test_it_starts_nothing_that_is_not_there(connection: psycopg.Connection, now: datetime):
    assert start(connection, uuid4(), now=now) is None


# Published


def test_it_notes_what_the_broker_took(connection: psycopg.Connection, report: UUID, now: datetime):
    execution_id = queue_one(connection, report, now=now)
    publications.mark(connection, [execution_id], now=now)
    row = execution(connection, execution_id)
    assert (row["published_at"], row["publish_count"]) == (now, 1)


def test_it_does_not_take_for_published_what_was_handed_back_meanwhile(
    connection: psycopg.Connection, running: Started, now: datetime
):
    """The worker was faster than the publisher's note: its message is used up, so somebody must publish again."""
    transitions.hand_back(connection, [(running.id, running.fence)], reason="x", now=now + SECOND)
    publications.mark(connection, [running.id], now=now)
    assert execution(connection, running.id)["published_at"] is None


# Release, cancel


def test_it_releases_what_was_held(connection: psycopg.Connection, report: UUID, running: Started, now: datetime):
    end(connection, running, now=now + SECOND, status=Status.FAILED)
    _, retry = executions(connection, report)
    assert transitions.release(connection, [retry["id"]], now=now + MINUTE) == {retry["id"]}
    row = execution(connection, retry["id"])
    assert (row["status"], row["queued_at"], row["not_before"], row["reason"]) == ("QUEUED", now + MINUTE, None, None)


def test_it_cancels_what_waits(connection: psycopg.Connection, report: UUID, now: datetime):
    execution_id = queue_one(connection, report, now=now)
    cancelled = transitions.cancel_waiting(connection, [execution_id], reason=Reason.DELETED, now=now + SECOND)
    row = execution(connection, execution_id)
    assert (cancelled, row["status"], row["reason"], row["end_time"]) == (
        {execution_id}, "CANCELLED", "deleted", now + SECOND,
    )  # fmt: skip


def test_it_makes_the_task_less_busy_by_what_was_cancelled(
    connection: psycopg.Connection, report: UUID, running: Started, now: datetime
):
    change(connection, "scheduler_tasks", report, overlap_policy="QUEUE")
    waiting = [queue_one(connection, report, now=now + number * SECOND) for number in (1, 2)]
    transitions.cancel_waiting(connection, [*waiting, running.id], reason="requested", now=now + MINUTE)
    assert task(connection, report)["open_count"] == 1


def test_it_lets_the_next_slot_run_after_a_cancel(connection: psycopg.Connection, report: UUID, now: datetime):
    transitions.cancel_waiting(connection, [queue_one(connection, report, now=now)], reason="requested", now=now)
    queue_one(connection, report, now=now + SECOND)
    assert statuses(connection, report) == ["CANCELLED", "QUEUED"]


def test_it_waits_to_cancel_for_nobody_who_is_starting_the_row(
    connection: psycopg.Connection, open_connection: Any, report: UUID, now: datetime
):
    execution_id = queue_one(connection, report, now=now)
    other = open_connection()
    with other.transaction():
        start(other, execution_id, now=now)
        assert claims.waiting_executions(connection, [report]) == []
