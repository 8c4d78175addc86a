"""Writes of the status of what runs: renewed, handed back, finished and retried."""

from datetime import datetime
from uuid import UUID

import psycopg
import pytest

from scheduler import publications, transitions
from scheduler.engine.states import Status
from scheduler.records import Outcome, Started
from tests.hot_paths import MINUTE, SECOND, add_task, change, execution, executions, start_one, statuses, task
from tests.integration.scheduler.lifecycle import end, start

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
    publications.mark(connection, [running.id], now=now)
    assert transitions.hand_back(connection, [(running.id, running.fence)], reason="lacks it", now=now + SECOND)
    row = execution(connection, running.id)
    names = ("status", "attempt", "reason", "start_time", "node_id", "lease_expires_at", "published_at", "queued_at")
    assert [row[name] for name in names] == ["QUEUED", 1, "lacks it", None, None, None, None, now + SECOND]


def test_it_starts_again_what_was_handed_back_under_another_fence(
    connection: psycopg.Connection, running: Started, now: datetime
):
    transitions.hand_back(connection, [(running.id, running.fence)], reason="lacks it", now=now + SECOND)
    again = start(connection, running.id, now=now + 2 * SECOND)
    assert again is not None
    assert (again.fence > running.fence, again.lacked_by, again.attempt) == (True, None, 1)
    assert execution(connection, running.id)["handed_back_count"] == 1
