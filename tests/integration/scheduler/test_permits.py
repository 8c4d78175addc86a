"""Limits: what runs at once of a task, a queue, a class, a namespace and of all; what is above them waits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from scheduler import claims, firing, permits, releases, requests, sweep, transitions
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import Status
from scheduler.records import Outcome, Started
from tests.hot_paths import MINUTE, SECOND, add_task, audited, change, execution, executions, queue_one, statuses, task
from tests.integration.scheduler.lifecycle import end, start


def add_due(connection: psycopg.Connection, count: int, *, now: datetime, **columns: Any) -> list[UUID]:
    return [add_task(connection, next_slot_for=now, **columns) for _ in range(count)]


def used(connection: psycopg.Connection, key: str) -> int:
    row = connection.execute("SELECT used FROM scheduler_permits WHERE key = %s", (key,)).fetchone()
    assert row is not None
    count: int = row[0]
    return count


def waiting(connection: psycopg.Connection) -> list[UUID]:
    return [row["id"] for row in executions(connection) if row["status"] == "SCHEDULED"]


def queued(connection: psycopg.Connection) -> list[UUID]:
    return [row["id"] for row in executions(connection) if row["status"] == "QUEUED"]


def run(connection: psycopg.Connection, execution_id: UUID, *, now: datetime) -> Started:
    started = start(connection, execution_id, now=now)
    assert started is not None
    return started


def release(connection: psycopg.Connection, *, now: datetime) -> list[UUID]:
    return [ready.id for ready in releases.release(connection, now=now, low=EVERYWHERE)]


KEYS = ["all", "queue:reports", "class:platform.noop", "namespace:default"]


@pytest.mark.parametrize("key", KEYS)
def test_it_queues_what_the_limit_allows_and_holds_the_rest(connection: psycopg.Connection, now: datetime, key: str):
    permits.limit(connection, key, 3, now=now)
    add_due(connection, 5, now=now, queue="reports")
    claimed = firing.claim(connection, now=now)
    assert (len(claimed.ready), sorted(statuses(connection))) == (3, ["QUEUED"] * 3 + ["SCHEDULED"] * 2)
    assert {row["reason"] for row in executions(connection)} == {None, "limit"}
    assert used(connection, key) == 3


def test_other_keys_are_not_limited(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "queue:other", 1, now=now)
    add_due(connection, 5, now=now)
    assert len(firing.claim(connection, now=now).ready) == 5


def test_the_tightest_of_several_limits_decides(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "all", 4, now=now)
    permits.limit(connection, "queue:default", 2, now=now)
    add_due(connection, 5, now=now)
    firing.claim(connection, now=now)
    assert (used(connection, "all"), used(connection, "queue:default")) == (2, 2)


def test_an_end_lets_the_next_one_go(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "queue:default", 1, now=now)
    add_due(connection, 3, now=now)
    firing.claim(connection, now=now)
    (first,) = queued(connection)
    end(connection, run(connection, first, now=now), now=now + SECOND / 2)
    assert len(release(connection, now=now + SECOND / 2)) == 1
    assert (used(connection, "queue:default"), len(waiting(connection))) == (1, 1)


def test_nothing_goes_while_the_limit_is_taken(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "queue:default", 1, now=now)
    add_due(connection, 3, now=now)
    firing.claim(connection, now=now)
    held = waiting(connection)[0]
    assert release(connection, now=now + 10 * SECOND) == []
    assert execution(connection, held)["not_before"] == now + 20 * SECOND  # looked at again: 1 s doubling


def test_a_cancel_of_what_is_queued_frees_its_permit(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "queue:default", 1, now=now)
    add_due(connection, 2, now=now)
    firing.claim(connection, now=now)
    with connection.transaction():
        requests.cancel(connection, queued(connection)[0], reason="olaf", now=now)
    assert used(connection, "queue:default") == 0
    assert len(release(connection, now=now)) == 1


def test_a_cancel_of_what_waits_frees_none(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "queue:default", 1, now=now)
    add_due(connection, 2, now=now)
    firing.claim(connection, now=now)
    with connection.transaction():
        requests.cancel(connection, waiting(connection)[0], reason="olaf", now=now)
    assert used(connection, "queue:default") == 1


def test_a_retry_frees_its_permit_while_it_waits(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "queue:default", 1, now=now)
    add_due(connection, 1, now=now, retry_policy='{"delaySeconds": 60, "jitter": false}')
    firing.claim(connection, now=now)
    end(connection, run(connection, queued(connection)[0], now=now), now=now, status=Status.FAILED)
    assert used(connection, "queue:default") == 0
    assert len(release(connection, now=now + MINUTE)) == 1
    assert used(connection, "queue:default") == 1


def test_a_retry_waits_for_a_permit_too(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "queue:default", 1, now=now)
    (failing,) = add_due(connection, 1, now=now, retry_policy='{"delaySeconds": 60, "jitter": false}')
    firing.claim(connection, now=now)
    end(connection, run(connection, queued(connection)[0], now=now), now=now, status=Status.FAILED)
    add_due(connection, 1, now=now + SECOND)
    firing.claim(connection, now=now + SECOND)
    release(connection, now=now + MINUTE)
    assert statuses(connection, failing) == ["FAILED", "SCHEDULED"]


def test_a_lost_run_frees_its_permit(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "queue:default", 1, now=now)
    add_due(connection, 1, now=now, retry_on="[]")
    firing.claim(connection, now=now)
    run(connection, queued(connection)[0], now=now)
    sweep.lose(connection, now=now + MINUTE, low=EVERYWHERE)
    assert used(connection, "queue:default") == 0


def test_a_request_waits_for_a_permit_as_well(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "all", 1, now=now)
    tasks = add_due(connection, 2, now=now + MINUTE)
    by_hand = [queue_one(connection, one, now=now) for one in tasks]
    assert [execution(connection, one)["status"] for one in by_hand] == ["QUEUED", "SCHEDULED"]


def test_a_slot_that_stands_already_takes_no_permit(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "queue:default", 5, now=now)
    (one,) = add_due(connection, 1, now=now)
    firing.claim(connection, now=now)
    change(connection, "scheduler_tasks", one, next_slot_for=now, claim_at=now)
    firing.claim(connection, now=now)
    assert used(connection, "queue:default") == 1


def test_a_limit_counts_what_is_open_already(connection: psycopg.Connection, now: datetime):
    add_due(connection, 3, now=now)
    firing.claim(connection, now=now)
    permits.limit(connection, "queue:default", 2, now=now)
    assert used(connection, "queue:default") == 3


def test_a_limit_that_is_lifted_lets_all_go(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "queue:default", 1, now=now)
    add_due(connection, 4, now=now)
    firing.claim(connection, now=now)
    permits.limit(connection, "queue:default", None, now=now)
    assert len(release(connection, now=now)) == 3


def test_a_limit_of_nothing_holds_everything(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "class:platform.noop", 0, now=now)
    add_due(connection, 2, now=now)
    assert firing.claim(connection, now=now).ready == []


@pytest.mark.parametrize("wrong", [-5, 0, 99])
def test_a_recount_sets_the_count_right(connection: psycopg.Connection, now: datetime, wrong: int):
    permits.limit(connection, "queue:default", 5, now=now)
    permits.limit(connection, "all", 5, now=now)
    add_due(connection, 3, now=now)
    firing.claim(connection, now=now)
    connection.execute("UPDATE scheduler_permits SET used = %s", (wrong,))
    permits.recount(connection)
    assert [used(connection, key) for key in ("queue:default", "all")] == [3, 3]


def test_nothing_is_freed_where_the_end_does_not_commit(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "queue:default", 1, now=now)
    add_due(connection, 1, now=now)
    firing.claim(connection, now=now)
    running = run(connection, queued(connection)[0], now=now)
    with connection.transaction(force_rollback=True):
        end(connection, running, now=now)
    assert used(connection, "queue:default") == 1


def test_what_waits_for_one_limit_goes_beside_what_waits_for_another(connection: psycopg.Connection, now: datetime):
    for key in ("queue:mails", "queue:reports"):
        permits.limit(connection, key, 1, now=now)
    add_due(connection, 4, now=now, queue="mails")
    add_due(connection, 2, now=now, queue="reports")
    firing.claim(connection, now=now)
    running = [run(connection, each, now=now) for each in queued(connection)]
    transitions.finish(connection, [Outcome(each.id, each.fence, Status.SUCCESS) for each in running], now=now)
    went = release(connection, now=now)
    assert sorted(execution(connection, each)["queue"] for each in went) == ["mails", "reports"]


# A task's own limit, maxConcurrency


def test_a_task_has_a_limit_of_its_own(connection: psycopg.Connection, now: datetime):
    one = add_task(connection, next_slot_for=now - 4 * MINUTE, misfire_grace_seconds=600, max_concurrency=2)
    firing.claim(connection, now=now)
    assert statuses(connection, one) == ["QUEUED"] * 2 + ["SCHEDULED"] * 3


def test_an_end_lets_the_next_slot_of_the_task_go(connection: psycopg.Connection, now: datetime):
    one = add_task(connection, next_slot_for=now - 2 * MINUTE, misfire_grace_seconds=600, max_concurrency=1)
    firing.claim(connection, now=now)
    end(connection, run(connection, queued(connection)[0], now=now), now=now)
    assert release(connection, now=now) == [executions(connection, one)[1]["id"]]


@pytest.mark.parametrize("are_at_once", [True, False])
def test_as_many_go_as_have_ended(connection: psycopg.Connection, now: datetime, are_at_once: bool):
    """Else the places of a task stand empty: what is not woken looks by itself, up to a minute later."""
    one = add_task(connection, next_slot_for=now + MINUTE, max_concurrency=3)
    for _ in range(9):
        queue_one(connection, one, now=now)
    running = [run(connection, each, now=now) for each in queued(connection)]
    ends = [Outcome(each.id, each.fence, Status.SUCCESS) for each in running]
    for batch in [ends] if are_at_once else [[each] for each in ends]:
        transitions.finish(connection, batch, now=now)
    assert len(release(connection, now=now)) == 3
    assert sorted(statuses(connection, one)) == ["QUEUED"] * 3 + ["SCHEDULED"] * 3 + ["SUCCESS"] * 3


def test_a_later_claim_counts_what_the_task_has_open(connection: psycopg.Connection, now: datetime):
    one = add_task(connection, next_slot_for=now, max_concurrency=1)
    firing.claim(connection, now=now)
    firing.claim(connection, now=now + MINUTE)
    assert statuses(connection, one) == ["QUEUED", "SCHEDULED"]


def test_a_request_obeys_the_limit_of_the_task(connection: psycopg.Connection, now: datetime):
    one = add_task(connection, next_slot_for=now + MINUTE, max_concurrency=1)
    by_hand = [queue_one(connection, one, now=now) for _ in range(2)]
    assert [execution(connection, each)["reason"] for each in by_hand] == [None, "limit"]


def test_what_a_limit_holds_keeps_a_task_busy_that_may_not_overlap(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "all", 0, now=now)
    one = add_task(connection, next_slot_for=now, overlap_policy="SKIP")
    firing.claim(connection, now=now)
    firing.claim(connection, now=now + MINUTE)
    assert (statuses(connection, one), task(connection, one)["open_count"]) == (["SCHEDULED", "SKIPPED"], 1)


def test_a_wide_range_of_held_rows_is_found_without_the_lock_of_others(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "all", 0, now=now)
    add_due(connection, 3, now=now)
    firing.claim(connection, now=now)
    with connection.transaction():
        assert len(claims.held_by_limits(connection, ["all"], count=2, now=now)) == 2


# Slots that fail in a row


def fail(connection: psycopg.Connection, one: UUID, *, now: datetime, status: Status = Status.FAILED) -> None:
    firing.claim(connection, now=now)
    end(connection, run(connection, queued(connection)[0], now=now), now=now, status=status)


@pytest.fixture
def weak(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task that gives up after two failures in a row."""
    return add_task(connection, next_slot_for=now, auto_pause_after_failures=2, max_retry_count=0)


def test_it_pauses_a_task_whose_slots_fail_in_a_row(connection: psycopg.Connection, weak: UUID, now: datetime):
    fail(connection, weak, now=now)
    fail(connection, weak, now=now + MINUTE, status=Status.TIMED_OUT)
    row = task(connection, weak)
    assert (row["status"], row["claim_at"], row["failed_slot_count"]) == ("PAUSED", None, 2)
    assert row["pause_reason"].startswith("2 slots have failed in a row; the last one, of ")
    assert audited(connection, weak) == [("platform", "pause", "PAUSED")]


def test_a_success_begins_anew(connection: psycopg.Connection, weak: UUID, now: datetime):
    for number, status in enumerate([Status.FAILED, Status.SUCCESS, Status.FAILED]):
        fail(connection, weak, now=now + number * MINUTE, status=status)
    assert (task(connection, weak)["status"], task(connection, weak)["failed_slot_count"]) == ("ACTIVE", 1)


def test_runs_by_hand_do_not_count(connection: psycopg.Connection, weak: UUID, now: datetime):
    for _ in range(3):
        end(connection, run(connection, queue_one(connection, weak, now=now), now=now), now=now, status=Status.FAILED)
    assert task(connection, weak)["failed_slot_count"] == 0


def test_attempts_that_are_tried_again_do_not_count(connection: psycopg.Connection, weak: UUID, now: datetime):
    change(connection, "scheduler_tasks", weak, max_retry_count=1)
    fail(connection, weak, now=now)
    assert task(connection, weak)["failed_slot_count"] == 0


def test_a_task_that_does_not_ask_for_it_is_not_paused(connection: psycopg.Connection, now: datetime):
    one = add_task(connection, next_slot_for=now, max_retry_count=0)
    for number in range(3):
        fail(connection, one, now=now + number * MINUTE)
    assert task(connection, one)["status"] == "ACTIVE"


def test_what_a_limit_holds_of_a_catch_up_keeps_its_task_busy(connection: psycopg.Connection, now: datetime):
    permits.limit(connection, "all", 1, now=now)
    one = add_task(
        connection, next_slot_for=now - 3 * MINUTE, misfire_policy="FIRE_ALL", max_concurrency=1, overlap_policy="QUEUE"
    )
    firing.claim(connection, now=now + 59 * SECOND)
    sweep.recount_open(connection, after=EVERYWHERE)
    counted = task(connection, one)["open_count"]
    firing.claim(connection, now=now + 59 * SECOND)
    assert counted == task(connection, one)["open_count"]


# What fails


def test_a_row_that_cannot_be_released_holds_up_no_other(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    permits.limit(connection, "queue:default", 0, now=now)
    add_due(connection, 4, now=now)
    firing.claim(connection, now=now)
    permits.limit(connection, "queue:default", 10, now=now)
    unlucky = waiting(connection)[1]

    def fails(connection: psycopg.Connection, rows: Sequence[UUID], *, now: datetime) -> set[UUID]:
        if unlucky in rows:
            raise IndexError("a bug")
        return released(connection, rows, now=now)

    released = transitions.release
    with monkeypatch.context() as patch:
        patch.setattr(transitions, "release", fails)
        at_once = release(connection, now=now)
    soon, later = (release(connection, now=now + wait) for wait in (59 * SECOND, MINUTE))
    assert (len(at_once), soon, later, used(connection, "queue:default")) == (3, [], [unlucky], 4)
