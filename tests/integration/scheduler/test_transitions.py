"""Every write of a status: conditional on what the writer believes, and nothing else changes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from scheduler import claims, transitions
from scheduler.engine.states import Reason, Status, Trigger
from scheduler.records import Outcome, Started
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


@pytest.fixture
def report(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task that may not overlap, retried once."""
    return add_task(
        connection,
        next_slot_for=now + MINUTE,
        overlap_policy="SKIP",
        max_retry_count=1,
        retry_policy='{"delaySeconds": 30, "jitter": false}',
        task_data='{"a": 1}',
        version=4,
    )


@pytest.fixture
def running(connection: psycopg.Connection, report: UUID, now: datetime) -> Started:
    """An execution of it that node-1 runs."""
    return start_one(connection, report, now=now)


def end(connection: psycopg.Connection, started: Started, *, now: datetime, **values: Any) -> set[UUID]:
    outcome = Outcome(started.id, started.fence, values.pop("status", Status.SUCCESS), **values)
    return set(transitions.finish(connection, [outcome], now=now))


def start(connection: psycopg.Connection, execution_id: UUID, *, now: datetime) -> Started | None:
    return transitions.start(connection, execution_id, node_id="node-1", lease_expires_at=now + LEASE, now=now)


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
        trigger=Trigger.MANUAL, scheduled_for=now, run_id=None, timeout_seconds=3600, handed_back_count=0,
        started_at=now + SECOND,
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


# Finish


def test_it_finishes_what_runs(connection: psycopg.Connection, running: Started, now: datetime):
    end(connection, running, now=now + MINUTE, ended_at=now + 2 * SECOND, result="42")
    row = execution(connection, running.id)
    assert (row["status"], row["end_time"], row["execution_time_ms"], row["result"], row["lease_expires_at"]) == (
        "SUCCESS", now + 2 * SECOND, 2_000, "42", None,
    )  # fmt: skip


def test_it_ends_an_execution_when_it_is_written_where_nobody_saw_it_end(
    connection: psycopg.Connection, running: Started, now: datetime
):
    end(connection, running, now=now + MINUTE, status=Status.LOST)
    assert execution(connection, running.id)["end_time"] == now + MINUTE


def test_it_never_ends_an_execution_before_its_start(connection: psycopg.Connection, running: Started, now: datetime):
    end(connection, running, now=now, ended_at=now - MINUTE)
    row = execution(connection, running.id)
    assert (row["end_time"], row["execution_time_ms"]) == (now, 0)


def test_it_finishes_only_once(connection: psycopg.Connection, running: Started, now: datetime):
    first = end(connection, running, now=now + SECOND)
    second = end(connection, running, now=now + MINUTE, status=Status.FAILED)
    assert (first, second, execution(connection, running.id)["status"]) == ({running.id}, set(), "SUCCESS")


def test_it_finishes_a_batch_and_tells_what_it_has_lost(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now + MINUTE)
    started = [start_one(connection, task_id, now=now + number * SECOND) for number in range(3)]
    outcomes = [Outcome(one.id, one.fence, Status.SUCCESS) for one in started]
    change(connection, "task_execution_history", started[1].id, status="LOST")
    assert set(transitions.finish(connection, outcomes, now=now + MINUTE)) == {started[0].id, started[2].id}


def test_it_shows_the_end_on_the_task(connection: psycopg.Connection, report: UUID, running: Started, now: datetime):
    end(connection, running, now=now + SECOND)
    shown = task(connection, report)
    assert (shown["last_executed_at"], shown["retry_count"], shown["open_count"]) == (now, 0, 0)


def test_it_ends_nothing_for_nothing(connection: psycopg.Connection, now: datetime):
    assert transitions.finish(connection, [], now=now) == {}


# The retry


def test_it_records_the_retry_of_a_failure(
    connection: psycopg.Connection, report: UUID, running: Started, now: datetime
):
    end(connection, running, now=now + SECOND, status=Status.FAILED)
    first, retry = executions(connection, report)
    assert {
        "status": "SCHEDULED", "reason": "retry", "trigger": "RETRY", "attempt": 2, "cause": first["cause"],
        "scheduled_for": first["scheduled_for"], "due_at": first["due_at"], "not_before": now + 31 * SECOND,
        "revision": 4, "queued_at": None,
    }.items() <= retry.items()  # fmt: skip


def test_it_gives_the_retry_the_milliseconds_of_its_slot(
    connection: psycopg.Connection, report: UUID, running: Started, now: datetime
):
    end(connection, running, now=now + SECOND, status=Status.FAILED)
    first, retry = executions(connection, report)
    assert first["id"].int >> 80 == retry["id"].int >> 80


def test_it_keeps_the_task_busy_until_the_retry_has_ended(
    connection: psycopg.Connection, report: UUID, running: Started, now: datetime
):
    end(connection, running, now=now + SECOND, status=Status.FAILED)
    assert task(connection, report)["open_count"] == 1


@pytest.mark.parametrize("status", [Status.SUCCESS, Status.CANCELLED])
def test_it_does_not_retry_what_was_not_a_failure(
    connection: psycopg.Connection, report: UUID, running: Started, now: datetime, status: Status
):
    end(connection, running, now=now + SECOND, status=status)
    assert statuses(connection, report) == [status]


def test_it_does_not_retry_a_permanent_failure(
    connection: psycopg.Connection, report: UUID, running: Started, now: datetime
):
    end(connection, running, now=now + SECOND, status=Status.FAILED, is_permanent=True)
    assert statuses(connection, report) == ["FAILED"]


def test_it_does_not_retry_for_a_deleted_task(
    connection: psycopg.Connection, report: UUID, running: Started, now: datetime
):
    change(connection, "scheduler_tasks", report, status="DELETED", claim_at=None)
    end(connection, running, now=now + SECOND, status=Status.FAILED)
    assert statuses(connection, report) == ["FAILED"]


def test_it_ends_with_the_last_retry(connection: psycopg.Connection, report: UUID, running: Started, now: datetime):
    end(connection, running, now=now + SECOND, status=Status.FAILED)
    _, retry = executions(connection, report)
    transitions.release(connection, [retry["id"]], now=now + MINUTE)
    second = start(connection, retry["id"], now=now + MINUTE)
    assert second is not None
    end(connection, second, now=now + 2 * MINUTE, status=Status.FAILED)
    shown = task(connection, report)
    assert (statuses(connection, report), shown["retry_count"], shown["open_count"]) == (["FAILED", "FAILED"], 1, 0)


def test_it_counts_a_retry_that_stands_already_only_once(
    connection: psycopg.Connection, report: UUID, running: Started, now: datetime
):
    """Somebody has asked for attempt 2 by hand: the row is that one's, and so is its place in the count."""
    end(connection, running, now=now + SECOND, status=Status.FAILED)
    change(connection, "task_execution_history", running.id, status="RUNNING")
    end(connection, running, now=now + SECOND, status=Status.FAILED)
    assert (len(executions(connection, report)), task(connection, report)["open_count"]) == (2, 0)


@pytest.mark.parametrize(
    "rules",
    [
        {"retry_policy": '{"backoff": "SIDEWAYS"}'},
        {"retry_policy": '{"delaySeconds": "soon"}'},
        {"retry_policy": '{"delaySeconds": 1e300, "maxDelaySeconds": 1e300}'},
        {"retry_policy": "[]"},
        {"retry_on": "5"},
    ],
    ids=["backoff", "text", "endless", "list", "outcomes"],
)
def test_it_ends_a_batch_whatever_the_retry_rules_of_one_task_say(
    connection: psycopg.Connection, running: Started, now: datetime, rules: dict[str, str]
):
    started = start_one(connection, add_task(connection, next_slot_for=now + MINUTE, **rules), now=now)
    outcomes = [Outcome(one.id, one.fence, Status.FAILED) for one in (started, running)]
    assert set(transitions.finish(connection, outcomes, now=now + SECOND)) == {started.id, running.id}


# The wrong fence, the wrong status

Write = Callable[[psycopg.Connection, Started, datetime], object]


def renew(connection: psycopg.Connection, started: Started, now: datetime) -> object:
    return transitions.renew(connection, [(started.id, started.fence)], lease_expires_at=now + LEASE)


def finish(connection: psycopg.Connection, started: Started, now: datetime) -> object:
    return end(connection, started, now=now, status=Status.FAILED)


def hand_back(connection: psycopg.Connection, started: Started, now: datetime) -> object:
    return transitions.hand_back(connection, started.id, fence=started.fence, reason="x", now=now)


def release(connection: psycopg.Connection, started: Started, now: datetime) -> object:
    return transitions.release(connection, [started.id], now=now)


def cancel(connection: psycopg.Connection, started: Started, now: datetime) -> object:
    return transitions.cancel_waiting(connection, [started.id], reason=Reason.DELETED, now=now)


def mark(connection: psycopg.Connection, started: Started, now: datetime) -> None:
    transitions.mark_published(connection, [started.id], now=now)


def forget(connection: psycopg.Connection, started: Started, now: datetime) -> None:
    transitions.forget_published(connection, [started.id])


@pytest.mark.parametrize("write", [renew, finish, hand_back])
def test_it_writes_nothing_with_a_stale_fence(
    connection: psycopg.Connection, running: Started, now: datetime, write: Write
):
    change(connection, "task_execution_history", running.id, fence=running.fence + 1)
    before = executions(connection)
    assert not write(connection, running, now + SECOND)
    assert executions(connection) == before


def wrong(write: Write, *right: Status) -> list[Any]:
    return [pytest.param(write, status, id=f"{write.__name__} {status}") for status in Status if status not in right]


@pytest.mark.parametrize(
    ("write", "status"),
    [
        *wrong(renew, Status.RUNNING),
        *wrong(finish, Status.RUNNING),
        *wrong(hand_back, Status.RUNNING),
        *wrong(release, Status.SCHEDULED),
        *wrong(cancel, Status.SCHEDULED, Status.QUEUED),
        *wrong(mark, Status.QUEUED),
        *wrong(forget, Status.QUEUED),
    ],
)
def test_it_writes_nothing_in_the_wrong_status(
    connection: psycopg.Connection, report: UUID, running: Started, now: datetime, write: Write, status: Status
):
    change(connection, "task_execution_history", running.id, status=status)
    before = (executions(connection), task(connection, report))
    assert not write(connection, running, now + SECOND)
    assert (executions(connection), task(connection, report)) == before


# Renew, hand back


def test_it_renews_what_the_worker_still_holds(connection: psycopg.Connection, running: Started, now: datetime):
    owned = transitions.renew(connection, [(running.id, running.fence)], lease_expires_at=now + MINUTE)
    assert (owned, execution(connection, running.id)["lease_expires_at"]) == ({running.id: None}, now + MINUTE)


def test_it_tells_of_a_cancel_with_the_renewal(connection: psycopg.Connection, running: Started, now: datetime):
    change(connection, "task_execution_history", running.id, cancel_requested_at=now + SECOND)
    owned = transitions.renew(connection, [(running.id, running.fence)], lease_expires_at=now + MINUTE)
    assert owned == {running.id: now + SECOND}


def test_it_renews_nothing_for_nothing(connection: psycopg.Connection, now: datetime):
    assert transitions.renew(connection, [], lease_expires_at=now) == {}


def test_it_hands_an_execution_back_as_if_it_had_never_begun(
    connection: psycopg.Connection, running: Started, now: datetime
):
    transitions.mark_published(connection, [running.id], now=now)
    assert transitions.hand_back(connection, running.id, fence=running.fence, reason="lacks it", now=now + SECOND)
    row = execution(connection, running.id)
    names = ("status", "attempt", "reason", "start_time", "node_id", "lease_expires_at", "published_at", "queued_at")
    assert [row[name] for name in names] == ["QUEUED", 1, "lacks it", None, None, None, None, now + SECOND]


def test_it_starts_again_what_was_handed_back_under_another_fence(
    connection: psycopg.Connection, running: Started, now: datetime
):
    transitions.hand_back(connection, running.id, fence=running.fence, reason="lacks it", now=now + SECOND)
    again = start(connection, running.id, now=now + 2 * SECOND)
    assert again is not None
    assert (again.fence > running.fence, again.handed_back_count, again.attempt) == (True, 1, 1)


# Published


def test_it_notes_what_the_broker_took(connection: psycopg.Connection, report: UUID, now: datetime):
    execution_id = queue_one(connection, report, now=now)
    transitions.mark_published(connection, [execution_id], now=now)
    row = execution(connection, execution_id)
    assert (row["published_at"], row["publish_count"]) == (now, 1)


def test_it_does_not_take_for_published_what_was_handed_back_meanwhile(
    connection: psycopg.Connection, running: Started, now: datetime
):
    """The worker was faster than the publisher's note: its message is used up, so somebody must publish again."""
    transitions.hand_back(connection, running.id, fence=running.fence, reason="x", now=now + SECOND)
    transitions.mark_published(connection, [running.id], now=now)
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
