"""Overlaps: what a task has open when one more execution comes, and who goes when that has ended."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from scheduler import claims, firing, releases, requests, sweep, transitions
from scheduler.engine.states import Reason, Status
from scheduler.records import Started
from tests.hot_paths import (
    MINUTE,
    SECOND,
    Open,
    add_task,
    change,
    execution,
    executions,
    lock_held,
    queue_one,
    slots,
    task,
)
from tests.integration.scheduler.lifecycle import end, start

EVERYWHERE = UUID(int=0)
POLICIES = ["SKIP", "QUEUE", "CANCEL_RUNNING"]
RETRY = '{"delaySeconds": 300, "jitter": false}'

Seen = list[tuple[str, str | None]]


def add(connection: psycopg.Connection, now: datetime, policy: str, **columns: Any) -> UUID:
    """Add a minutely task that is due now and obeys `policy`."""
    return add_task(connection, next_slot_for=now, overlap_policy=policy, **columns)


def seen(connection: psycopg.Connection, task_id: UUID) -> Seen:
    """Return status and reason of a task's executions, oldest slot first."""
    return [(row["status"], row["reason"]) for row in executions(connection, task_id)]


def run(connection: psycopg.Connection, item: Any, *, now: datetime) -> Started:
    started = start(connection, item.id, now=now)
    assert started is not None
    return started


def claim(connection: psycopg.Connection, *, now: datetime) -> Sequence[Any]:
    return firing.claim(connection, now=now).ready


def release(connection: psycopg.Connection, *, now: datetime) -> Sequence[Any]:
    return releases.release(connection, now=now, low=EVERYWHERE)


def begun(connection: psycopg.Connection, task_id: UUID, now: datetime) -> Started:
    """Claim the task's slot and start it."""
    (item,) = claim(connection, now=now)
    return run(connection, item, now=now)


def is_counted_right(connection: psycopg.Connection, task_id: UUID) -> bool:
    """Tell whether the count of open executions, which the claim goes by, is what a recount would make it."""
    counted = task(connection, task_id)["open_count"]
    sweep.recount_open(connection, after=EVERYWHERE)
    return bool(counted == task(connection, task_id)["open_count"])


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


# Catch-up


def caught_up(connection: psycopg.Connection, now: datetime, policy: str) -> tuple[UUID, Sequence[Any]]:
    """Claim five missed slots and nothing else."""
    task_id = add_task(
        connection, next_slot_for=now - 10 * MINUTE, misfire_policy="FIRE_ALL", overlap_policy=policy,
        end_at=now - 5 * MINUTE,
    )  # fmt: skip
    ready = claim(connection, now=now)
    change(connection, "scheduler_tasks", task_id, end_at=None, status="ACTIVE", next_slot_for=now + MINUTE)
    change(connection, "scheduler_tasks", task_id, claim_at=now + MINUTE)
    return task_id, ready


def run_all(connection: psycopg.Connection, ready: Sequence[Any], *, now: datetime) -> list[datetime]:
    """Run what is ready, and one at a time what that lets go; return the slots in the order in which they ran."""
    ran: list[datetime] = []
    while ready:
        (item,) = ready
        started = run(connection, item, now=now)
        ran.append(started.scheduled_for)
        end(connection, started, now=now)
        ready = release(connection, now=now)
    return ran


@pytest.mark.parametrize("policy", POLICIES)
def test_the_slots_of_a_catch_up_take_turns(connection: psycopg.Connection, now: datetime, policy: str):
    task_id, ready = caught_up(connection, now, policy)
    assert (len(ready), seen(connection, task_id)) == (1, [("QUEUED", None), *[("SCHEDULED", "overlap")] * 4])
    assert task(connection, task_id)["open_count"] == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_they_run_one_after_another_oldest_first(connection: psycopg.Connection, now: datetime, policy: str):
    task_id, ready = caught_up(connection, now, policy)
    ran = run_all(connection, ready, now=now)
    assert ran == slots(connection, task_id)
    assert (len(ran), task(connection, task_id)["open_count"]) == (5, 0)


FRESH = [
    ("SKIP", ("SKIPPED", "overlap"), None),
    ("QUEUE", ("SCHEDULED", "overlap"), None),
    ("CANCEL_RUNNING", ("SCHEDULED", "overlap"), "overlap"),
]


@pytest.mark.parametrize(("policy", "fresh", "asked"), FRESH)
def test_a_fresh_slot_during_a_catch_up_obeys_the_policy(
    connection: psycopg.Connection, now: datetime, policy: str, fresh: tuple[str, str], asked: str | None
):
    task_id, (item,) = caught_up(connection, now, policy)
    run(connection, item, now=now)
    claim(connection, now=now + MINUTE)
    assert seen(connection, task_id) == [("RUNNING", asked), *[("SCHEDULED", "overlap")] * 4, fresh]
    assert is_counted_right(connection, task_id)


@pytest.mark.parametrize(("policy", "fresh", "asked"), FRESH)
def test_a_request_during_a_catch_up_obeys_the_policy(
    connection: psycopg.Connection, now: datetime, policy: str, fresh: tuple[str, str], asked: str | None
):
    task_id, (item,) = caught_up(connection, now, policy)
    run(connection, item, now=now)
    queue_one(connection, task_id, now=now)
    assert seen(connection, task_id) == [("RUNNING", asked), *[("SCHEDULED", "overlap")] * 4, fresh]
    assert is_counted_right(connection, task_id)


@pytest.mark.parametrize("policy", ["QUEUE", "CANCEL_RUNNING"])
def test_a_fresh_slot_goes_before_the_turns_of_a_catch_up(connection: psycopg.Connection, now: datetime, policy: str):
    task_id, (item,) = caught_up(connection, now, policy)
    started = run(connection, item, now=now)
    claim(connection, now=now + MINUTE)
    end(connection, started, now=now + MINUTE)
    (going,) = release(connection, now=now + 3 * MINUTE)
    assert going.id == executions(connection, task_id)[-1]["id"]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_fresh_slot_runs_at_once_between_two_turns(connection: psycopg.Connection, now: datetime, policy: str):
    task_id, (item,) = caught_up(connection, now, policy)
    end(connection, run(connection, item, now=now), now=now)
    assert len(claim(connection, now=now + MINUTE)) == 1
    assert release(connection, now=now + MINUTE) == []
    assert (task(connection, task_id)["open_count"], is_counted_right(connection, task_id)) == (1, True)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_catch_up_waits_while_a_fresh_one_runs(connection: psycopg.Connection, now: datetime, policy: str):
    task_id = add_task(
        connection, next_slot_for=now - 10 * MINUTE, misfire_policy="FIRE_ALL", overlap_policy=policy,
        end_at=now - 5 * MINUTE,
    )  # fmt: skip
    queue_one(connection, task_id, now=now)
    assert claim(connection, now=now) == []
    assert seen(connection, task_id) == [*[("SCHEDULED", "overlap")] * 5, ("QUEUED", None)]


# A retry that is to come


@pytest.mark.parametrize(("policy", "fresh"), [("SKIP", "SKIPPED"), ("QUEUE", "SCHEDULED")])
def test_a_retry_that_is_to_come_keeps_the_task_busy(
    connection: psycopg.Connection, now: datetime, policy: str, fresh: str
):
    task_id = add(connection, now, policy, max_retry_count=1, retry_policy=RETRY)
    end(connection, begun(connection, task_id, now), now=now, status=Status.FAILED)
    claim(connection, now=now + MINUTE)
    assert [status for status, _ in seen(connection, task_id)] == ["FAILED", "SCHEDULED", fresh]
    assert is_counted_right(connection, task_id)


def test_what_waits_goes_after_the_retry(connection: psycopg.Connection, now: datetime):
    task_id = add(connection, now, "QUEUE", max_retry_count=1, retry_policy=RETRY)
    end(connection, begun(connection, task_id, now), now=now, status=Status.FAILED)
    claim(connection, now=now + MINUTE)
    (retry,) = release(connection, now=now + 5 * MINUTE)
    end(connection, run(connection, retry, now=now + 5 * MINUTE), now=now + 5 * MINUTE)
    (item,) = release(connection, now=now + 5 * MINUTE)
    assert [retry.id, item.id] == [row["id"] for row in executions(connection, task_id)[1:]]


def test_a_newcomer_takes_the_place_of_a_retry(connection: psycopg.Connection, now: datetime):
    task_id = add(connection, now, "CANCEL_RUNNING", max_retry_count=1, retry_policy=RETRY)
    end(connection, begun(connection, task_id, now), now=now, status=Status.FAILED)
    claim(connection, now=now + MINUTE)
    assert [status for status, _ in seen(connection, task_id)] == ["FAILED", "CANCELLED", "SCHEDULED"]
    assert len(release(connection, now=now + MINUTE)) == 1
    assert is_counted_right(connection, task_id)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_turn_that_is_tried_again_goes_before_the_next_turn(
    connection: psycopg.Connection, now: datetime, policy: str
):
    task_id, (item,) = caught_up(connection, now, policy)
    change(connection, "scheduler_tasks", task_id, max_retry_count=1, retry_policy=RETRY)
    end(connection, run(connection, item, now=now), now=now, status=Status.FAILED)
    (going,) = release(connection, now=now + 5 * MINUTE)
    assert (execution(connection, going.id)["attempt"], is_counted_right(connection, task_id)) == (2, True)


# Cancelled, deleted, changed


def test_a_cancelled_waiter_makes_room_for_the_next(connection: psycopg.Connection, now: datetime):
    task_id = add(connection, now, "QUEUE")
    begun(connection, task_id, now)
    claim(connection, now=now + MINUTE)
    with connection.transaction():
        requests.cancel(connection, executions(connection, task_id)[1]["id"], reason="by hand", now=now + MINUTE)
    claim(connection, now=now + 2 * MINUTE)
    assert [status for status, _ in seen(connection, task_id)] == ["RUNNING", "CANCELLED", "SCHEDULED"]
    assert is_counted_right(connection, task_id)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_cancelled_turn_is_passed_over(connection: psycopg.Connection, now: datetime, policy: str):
    task_id, (item,) = caught_up(connection, now, policy)
    with connection.transaction():
        requests.cancel(connection, executions(connection, task_id)[1]["id"], reason="by hand", now=now)
    assert task(connection, task_id)["open_count"] == 1
    end(connection, run(connection, item, now=now), now=now)
    (going,) = release(connection, now=now)
    assert going.id == executions(connection, task_id)[2]["id"]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_cancelled_first_turn_lets_the_second_go(connection: psycopg.Connection, now: datetime, policy: str):
    task_id, (item,) = caught_up(connection, now, policy)
    with connection.transaction():
        requests.cancel(connection, item.id, reason="by hand", now=now)
    (going,) = release(connection, now=now)
    assert going.id == executions(connection, task_id)[1]["id"]
    assert is_counted_right(connection, task_id)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_deletion_cancels_what_waits(connection: psycopg.Connection, now: datetime, policy: str):
    task_id, (item,) = caught_up(connection, now, policy)
    started = run(connection, item, now=now)
    change(connection, "scheduler_tasks", task_id, status="DELETED", claim_at=None)
    with connection.transaction():
        waiting = claims.waiting_executions(connection, [task_id])
        transitions.cancel_waiting(connection, waiting, reason=Reason.DELETED, now=now)
    end(connection, started, now=now)
    assert seen(connection, task_id) == [("SUCCESS", None), *[("CANCELLED", "deleted")] * 4]
    assert task(connection, task_id)["open_count"] == 0


@pytest.mark.parametrize("policy", POLICIES)
def test_all_turns_go_where_the_policy_is_lifted(connection: psycopg.Connection, now: datetime, policy: str):
    task_id, _ = caught_up(connection, now, policy)
    change(connection, "scheduler_tasks", task_id, overlap_policy="ALLOW", open_count=0)
    assert len(release(connection, now=now + MINUTE)) == 4
    assert task(connection, task_id)["open_count"] == 0


@pytest.mark.parametrize("policy", ["SKIP", "CANCEL_RUNNING"])
def test_what_waited_waits_on_under_another_policy(connection: psycopg.Connection, now: datetime, policy: str):
    task_id = add(connection, now, "QUEUE")
    first = begun(connection, task_id, now)
    claim(connection, now=now + MINUTE)
    change(connection, "scheduler_tasks", task_id, overlap_policy=policy)
    assert release(connection, now=now + 2 * MINUTE) == []
    end(connection, first, now=now + 3 * MINUTE)
    assert len(release(connection, now=now + 3 * MINUTE)) == 1


def test_turns_of_a_paused_task_wait(connection: psycopg.Connection, now: datetime):
    task_id, (item,) = caught_up(connection, now, "QUEUE")
    change(connection, "scheduler_tasks", task_id, status="PAUSED", claim_at=None)
    end(connection, run(connection, item, now=now), now=now)
    assert release(connection, now=now + MINUTE) == []
    change(connection, "scheduler_tasks", task_id, status="ACTIVE")
    assert len(release(connection, now=now + MINUTE)) == 1


# What dies in between


@pytest.mark.parametrize("policy", POLICIES)
def test_a_finish_that_is_not_committed_lets_nothing_go(
    connection: psycopg.Connection, open_connection: Open, now: datetime, policy: str
):
    _, (item,) = caught_up(connection, now, policy)
    started, dying = run(connection, item, now=now), open_connection()
    with dying.transaction(force_rollback=True):
        end(dying, started, now=now)
    assert release(connection, now=now + MINUTE) == []
    end(connection, started, now=now + MINUTE)
    assert len(release(connection, now=now + MINUTE)) == 1


@pytest.mark.parametrize("policy", POLICIES)
def test_the_turns_go_on_where_the_one_that_ran_is_lost(connection: psycopg.Connection, now: datetime, policy: str):
    task_id, (item,) = caught_up(connection, now, policy)
    change(connection, "scheduler_tasks", task_id, max_retry_count=0)
    run(connection, item, now=now)
    sweep.lose(connection, now=now + 2 * MINUTE, low=EVERYWHERE)
    (going,) = release(connection, now=now + 2 * MINUTE)
    assert going.id == executions(connection, task_id)[1]["id"]


@pytest.mark.parametrize("policy", POLICIES)
def test_it_looks_by_itself_where_nobody_was_woken(connection: psycopg.Connection, now: datetime, policy: str):
    """Whoever ended the first turn could not wake the second, for a release was just looking at it."""
    task_id, (item,) = caught_up(connection, now, policy)
    end(connection, run(connection, item, now=now), now=now)
    connection.execute("UPDATE task_execution_history SET not_before = %s WHERE status = 'SCHEDULED'", (now + MINUTE,))
    assert release(connection, now=now + 59 * SECOND) == []
    (going,) = release(connection, now=now + MINUTE)
    assert going.id == executions(connection, task_id)[1]["id"]
