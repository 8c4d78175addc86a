"""Overlaps: what waits is cancelled, deleted, allowed, paused, or outlives what dies in between."""

from datetime import datetime

import psycopg
import pytest

from scheduler import claims, requests, sweep, transitions
from scheduler.engine.states import Reason
from tests.hot_paths import (
    MINUTE,
    SECOND,
    Open,
    change,
    executions,
    task,
)
from tests.integration.scheduler.lifecycle import end
from tests.integration.scheduler.overlaps.overlapping import (
    EVERYWHERE,
    POLICIES,
    add,
    begun,
    caught_up,
    claim,
    is_counted_right,
    release,
    run,
    seen,
)

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
