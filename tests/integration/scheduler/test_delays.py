"""Fixed delays: the next slot counts from the end of the one before, whatever that end was."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from scheduler import claims, delays, firing, releases, requests, sweep, transitions
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import Status
from scheduler.records import Started
from tests.hot_paths import MINUTE, SECOND, Open, add_task, audited, change, executions, queue_one, start_one, task
from tests.integration.scheduler.lifecycle import end, start

DELAY = timedelta(minutes=10)
NAMES = ("status", "next_slot_for", "claim_at", "next_execution_time")

AddDelayed = Callable[..., UUID]


@pytest.fixture
def add_delayed(connection: psycopg.Connection, now: datetime) -> AddDelayed:
    """Adds a task that is due now and again 10 minutes after each end."""

    def add(**columns: Any) -> UUID:
        given = {"interval_seconds": 600, "interval_mode": "FIXED_DELAY", "overlap_policy": "SKIP"} | columns
        return add_task(connection, next_slot_for=now, **given)

    return add


@pytest.fixture
def delayed(add_delayed: AddDelayed) -> UUID:
    return add_delayed()


def begin(connection: psycopg.Connection, task_id: UUID, *, now: datetime) -> Started:
    """Claim the task's slot and start it."""
    firing.claim(connection, now=now)
    started = start(connection, executions(connection, task_id)[-1]["id"], now=now)
    assert started is not None
    return started


def state(connection: psycopg.Connection, task_id: UUID) -> list[Any]:
    row = task(connection, task_id)
    return [row[name] for name in NAMES]


def test_it_has_no_next_slot_while_it_runs(connection: psycopg.Connection, delayed: UUID, now: datetime):
    firing.claim(connection, now=now)
    assert state(connection, delayed) == ["ACTIVE", None, None, None]
    assert firing.claim(connection, now=now + 99 * MINUTE) == firing.Claimed()


@pytest.mark.parametrize("status", [Status.SUCCESS, Status.FAILED, Status.TIMED_OUT])
def test_it_counts_from_the_end_of_the_final_attempt(
    connection: psycopg.Connection, add_delayed: AddDelayed, now: datetime, status: Status
):
    task_id = add_delayed(max_retry_count=0)
    running = begin(connection, task_id, now=now)
    end(connection, running, now=now + 3 * MINUTE, status=status)
    slot = now + 3 * MINUTE + DELAY
    assert state(connection, task_id) == ["ACTIVE", slot, slot, slot]


def test_it_waits_for_retries(connection: psycopg.Connection, add_delayed: AddDelayed, now: datetime):
    task_id = add_delayed(max_retry_count=1, retry_policy='{"delaySeconds": 60, "jitter": false}')
    end(connection, begin(connection, task_id, now=now), now=now + MINUTE, status=Status.FAILED)
    assert state(connection, task_id) == ["ACTIVE", None, None, None]
    (ready,) = releases.release(connection, now=now + 2 * MINUTE, low=EVERYWHERE)
    second = start(connection, ready.id, now=now + 2 * MINUTE)
    assert second is not None
    end(connection, second, now=now + 5 * MINUTE, status=Status.FAILED)
    assert task(connection, task_id)["next_slot_for"] == now + 5 * MINUTE + DELAY


def test_it_counts_a_lost_run_as_an_end(connection: psycopg.Connection, add_delayed: AddDelayed, now: datetime):
    task_id = add_delayed(retry_on='["FAILED"]')
    begin(connection, task_id, now=now)
    sweep.lose(connection, now=now + MINUTE, low=EVERYWHERE)
    assert task(connection, task_id)["next_slot_for"] == now + MINUTE + DELAY


def test_it_counts_a_cancelled_one_as_an_end(connection: psycopg.Connection, delayed: UUID, now: datetime):
    firing.claim(connection, now=now)
    (row,) = executions(connection, delayed)
    with connection.transaction():
        requests.cancel(connection, row["id"], reason="olaf", now=now + MINUTE)
    assert task(connection, delayed)["next_slot_for"] == now + MINUTE + DELAY


def test_it_counts_a_skipped_slot_as_an_end(connection: psycopg.Connection, delayed: UUID, now: datetime):
    by_hand = start_one(connection, delayed, now=now - MINUTE)
    firing.claim(connection, now=now)
    assert [row["status"] for row in executions(connection, delayed)] == ["RUNNING", "SKIPPED"]
    assert task(connection, delayed)["next_slot_for"] == now + DELAY
    end(connection, by_hand, now=now + MINUTE)
    assert task(connection, delayed)["next_slot_for"] == now + DELAY


def test_it_counts_a_missed_slot_as_an_end(connection: psycopg.Connection, add_delayed: AddDelayed, now: datetime):
    task_id = add_delayed(misfire_policy="SKIP")
    firing.claim(connection, now=now + 99 * MINUTE)
    assert task(connection, task_id)["next_slot_for"] == now + 99 * MINUTE + DELAY


def test_it_counts_a_slot_left_out_as_an_end(connection: psycopg.Connection, add_delayed: AddDelayed, now: datetime):
    task_id = add_delayed(skip_slots=[now])
    firing.claim(connection, now=now + SECOND)
    assert [row["reason"] for row in executions(connection, task_id)] == ["requested"]
    assert task(connection, task_id)["next_slot_for"] == now + SECOND + DELAY


def test_runs_by_hand_do_not_move_it(connection: psycopg.Connection, add_delayed: AddDelayed, now: datetime):
    task_id = add_delayed(overlap_policy="ALLOW")
    end(connection, start_one(connection, task_id, now=now - MINUTE), now=now - SECOND)
    assert task(connection, task_id)["next_slot_for"] == now


def test_a_retry_by_hand_does_not_move_it(connection: psycopg.Connection, add_delayed: AddDelayed, now: datetime):
    task_id = add_delayed(max_retry_count=0)
    first = begin(connection, task_id, now=now)
    end(connection, first, now=now + MINUTE, status=Status.FAILED)
    with connection.transaction():
        retried = requests.retry(connection, first.id, now=now + 2 * MINUTE).execution
    assert retried is not None
    second = start(connection, retried, now=now + 2 * MINUTE)
    assert second is not None
    end(connection, second, now=now + 3 * MINUTE)
    assert task(connection, task_id)["next_slot_for"] == now + MINUTE + DELAY


def test_it_completes_at_the_end_of_its_window(connection: psycopg.Connection, add_delayed: AddDelayed, now: datetime):
    task_id = add_delayed(end_at=now + 2 * MINUTE)
    end(connection, begin(connection, task_id, now=now), now=now + MINUTE)
    assert state(connection, task_id) == ["COMPLETED", None, None, None]


def test_a_paused_one_keeps_its_next_slot_for_later(connection: psycopg.Connection, delayed: UUID, now: datetime):
    running = begin(connection, delayed, now=now)
    change(connection, "scheduler_tasks", delayed, status="PAUSED")
    end(connection, running, now=now + MINUTE)
    assert state(connection, delayed) == ["PAUSED", now + MINUTE + DELAY, None, None]


def test_it_is_due_with_its_jitter(connection: psycopg.Connection, add_delayed: AddDelayed, now: datetime):
    task_id = add_delayed(jitter_seconds=300, anchor_at=None)
    end(connection, start_after_jitter(connection, task_id, now), now=now + 6 * MINUTE)
    row = task(connection, task_id)
    assert row["next_slot_for"] == now + 6 * MINUTE + DELAY
    assert timedelta(0) < row["claim_at"] - row["next_slot_for"] < timedelta(seconds=300)


def start_after_jitter(connection: psycopg.Connection, task_id: UUID, now: datetime) -> Started:
    firing.claim(connection, now=now)  # looked at too early, it is due with its jitter
    return begin(connection, task_id, now=now + 5 * MINUTE)


def test_nothing_moves_where_the_end_does_not_commit(connection: psycopg.Connection, delayed: UUID, now: datetime):
    running = begin(connection, delayed, now=now)
    with connection.transaction(force_rollback=True):
        end(connection, running, now=now + MINUTE)
    assert state(connection, delayed) == ["ACTIVE", None, None, None]
    end(connection, running, now=now + 2 * MINUTE)
    assert task(connection, delayed)["next_slot_for"] == now + 2 * MINUTE + DELAY


@pytest.fixture
def unreadable(connection: psycopg.Connection, add_delayed: AddDelayed, now: datetime) -> Started:
    """A run of a task whose calendar cannot be read any more when it ends."""
    calendar_id = uuid4()
    connection.execute("INSERT INTO scheduler_calendars (id, name) VALUES (%s, 'Atlantis')", (calendar_id,))
    running = begin(connection, add_delayed(calendar_id=calendar_id, max_retry_count=0), now=now)
    change(connection, "scheduler_calendars", calendar_id, rules='{"dates": "sunk"}')
    return running


def test_a_task_whose_next_slot_cannot_be_worked_out_is_paused_at_the_end(
    connection: psycopg.Connection, unreadable: Started, now: datetime
):
    end(connection, unreadable, now=now + MINUTE)
    (row,) = executions(connection, unreadable.task_id)
    stands = task(connection, unreadable.task_id)
    assert (row["status"], stands["status"]) == ("SUCCESS", "PAUSED")
    assert stands["pause_reason"].startswith("Its next slot cannot be worked out: ")
    assert audited(connection, unreadable.task_id) == [("platform", "pause", "PAUSED")]


def test_it_holds_up_no_other_end(connection: psycopg.Connection, unreadable: Started, now: datetime):
    """The sweep ends what is LOST many at once: one that raises would keep all of them RUNNING."""
    other = start_one(connection, add_task(connection), now=now)
    assert sweep.lose(connection, now=now + MINUTE, low=EVERYWHERE) == 2
    assert executions(connection, other.task_id)[0]["status"] == "LOST"


def test_it_revives_no_task_whose_next_slot_cannot_be_worked_out(
    connection: psycopg.Connection, unreadable: Started, add_delayed: AddDelayed, now: datetime
):
    change(connection, "task_execution_history", unreadable.id, status="SUCCESS")
    other = add_delayed()
    change(connection, "scheduler_tasks", other, next_slot_for=None, claim_at=None, last_slot_for=now)
    delays.revive(connection, now=now + MINUTE, limit=9)
    assert [task(connection, one)["status"] for one in (unreadable.task_id, other)] == ["PAUSED", "ACTIVE"]
    assert task(connection, other)["next_slot_for"] == now + MINUTE + DELAY


def test_it_revives_a_task_whose_slot_was_recorded_before(connection: psycopg.Connection, delayed: UUID, now: datetime):
    """A restored copy claims a slot that stands in history already: nobody will end it again."""
    end(connection, begin(connection, delayed, now=now), now=now + MINUTE)
    change(connection, "scheduler_tasks", delayed, next_slot_for=now, claim_at=now, last_slot_for=None)
    firing.claim(connection, now=now)
    assert state(connection, delayed)[:2] == ["ACTIVE", None]
    assert delays.revive(connection, now=now + 2 * MINUTE, limit=9) == 1
    assert task(connection, delayed)["next_slot_for"] == now + 2 * MINUTE + DELAY


def test_it_does_not_revive_what_runs(connection: psycopg.Connection, delayed: UUID, now: datetime):
    begin(connection, delayed, now=now)
    assert delays.revive(connection, now=now + MINUTE, limit=9) == 0


def test_two_nodes_revive_once(connection: psycopg.Connection, open_connection: Open, delayed: UUID, now: datetime):
    change(connection, "scheduler_tasks", delayed, next_slot_for=None, claim_at=None, last_slot_for=now)
    with connection.transaction():
        assert len(claims.tasks_awaiting_nothing(connection, limit=9)) == 1
        assert delays.revive(open_connection(), now=now, limit=9) == 0


def test_a_queued_run_by_hand_is_no_end(connection: psycopg.Connection, delayed: UUID, now: datetime):
    running = begin(connection, delayed, now=now)
    assert queue_one(connection, delayed, now=now + SECOND)  # SKIPPED, for the slot runs
    assert state(connection, delayed)[1] is None
    assert transitions.renew(connection, [(running.id, running.fence)], lease_expires_at=now + MINUTE)
