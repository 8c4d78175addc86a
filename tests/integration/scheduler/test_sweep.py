"""The sweep: repairs what dead processes and brokers left behind, and nothing that somebody still holds."""

from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from scheduler import claims, firing, publications, releases, sweep, transitions
from scheduler.engine.identity import lower_bound
from scheduler.engine.states import Status
from scheduler.records import Outcome
from tests.hot_paths import (
    LEASE,
    MINUTE,
    SECOND,
    Open,
    add_task,
    change,
    execution,
    executions,
    lock_held,
    queue_one,
    start_one,
    statuses,
    task,
)

EVERYWHERE = UUID(int=0)


@pytest.fixture
def report(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task that is retried once, after 30 s."""
    policy = '{"delaySeconds": 30, "jitter": false}'
    return add_task(connection, next_slot_for=now + timedelta(days=1), max_retry_count=1, retry_policy=policy)


@pytest.fixture
def retry(connection: psycopg.Connection, report: UUID, now: datetime) -> UUID:
    """Its second attempt, SCHEDULED for 30 s after now."""
    started = start_one(connection, report, now=now)
    transitions.finish(connection, [Outcome(started.id, started.fence, Status.FAILED)], now=now)
    found: UUID = executions(connection, report)[1]["id"]
    return found


# Release


def test_it_releases_a_retry_when_its_time_has_come(connection: psycopg.Connection, retry: UUID, now: datetime):
    ready = releases.release(connection, now=now + 30 * SECOND, low=EVERYWHERE)
    assert ([one.id for one in ready], execution(connection, retry)["status"]) == ([retry], "QUEUED")


def test_it_holds_a_retry_until_then(connection: psycopg.Connection, retry: UUID, now: datetime):
    assert releases.release(connection, now=now + 29 * SECOND, low=EVERYWHERE) == []


def test_it_releases_only_once(connection: psycopg.Connection, retry: UUID, now: datetime):
    releases.release(connection, now=now + MINUTE, low=EVERYWHERE)
    assert releases.release(connection, now=now + MINUTE, low=EVERYWHERE) == []


@pytest.mark.parametrize(("status", "count"), [("PAUSED", 0), ("DELETED", 0), ("COMPLETED", 1)])
def test_it_lets_retries_wait_while_their_task_is_paused(
    connection: psycopg.Connection, report: UUID, retry: UUID, now: datetime, status: str, count: int
):
    change(connection, "scheduler_tasks", report, status=status, claim_at=None)
    assert len(releases.release(connection, now=now + MINUTE, low=EVERYWHERE)) == count


def test_it_skips_a_held_row_that_another_scheduler_releases(
    connection: psycopg.Connection, open_connection: Open, retry: UUID, now: datetime
):
    other = open_connection()
    with other.transaction():
        lock_held(other, now=now + MINUTE)
        assert releases.release(connection, now=now + MINUTE, low=EVERYWHERE) == []


def test_it_looks_at_old_ids_only_where_it_looks_everywhere(connection: psycopg.Connection, retry: UUID, now: datetime):
    later = now + timedelta(days=9)
    assert releases.release(connection, now=later, low=claims.recent(later)) == []
    assert len(releases.release(connection, now=later, low=EVERYWHERE)) == 1


# Lost leases


def test_it_loses_what_nobody_has_renewed(connection: psycopg.Connection, report: UUID, now: datetime):
    started = start_one(connection, report, now=now, node_id="node-7")
    later = now + LEASE + SECOND
    assert sweep.lose(connection, now=later, low=EVERYWHERE) == 1
    row = execution(connection, started.id)
    assert (row["status"], row["end_time"]) == ("LOST", later)
    assert row["error_message"] == f"Node node-7 last renewed its lease until {now + LEASE:%Y-%m-%d %H:%M:%S} UTC."


def test_it_loses_nothing_whose_lease_still_holds(connection: psycopg.Connection, report: UUID, now: datetime):
    start_one(connection, report, now=now)
    assert sweep.lose(connection, now=now + LEASE, low=EVERYWHERE) == 0


def test_it_loses_nothing_that_was_renewed(connection: psycopg.Connection, report: UUID, now: datetime):
    started = start_one(connection, report, now=now)
    transitions.renew(connection, [(started.id, started.fence)], lease_expires_at=now + 2 * LEASE)
    assert sweep.lose(connection, now=now + LEASE + SECOND, low=EVERYWHERE) == 0


def test_it_retries_what_is_lost(connection: psycopg.Connection, report: UUID, now: datetime):
    start_one(connection, report, now=now)
    sweep.lose(connection, now=now + MINUTE, low=EVERYWHERE)
    assert statuses(connection, report) == ["LOST", "SCHEDULED"]


def test_it_loses_an_execution_once(connection: psycopg.Connection, report: UUID, now: datetime):
    start_one(connection, report, now=now)
    lost = [sweep.lose(connection, now=now + MINUTE, low=EVERYWHERE) for _ in range(2)]
    assert (lost, len(executions(connection, report))) == ([1, 0], 2)


# Deleted tasks


def test_it_cancels_what_waits_for_a_deleted_task(
    connection: psycopg.Connection, report: UUID, retry: UUID, now: datetime
):
    queue_one(connection, report, now=now + SECOND)
    change(connection, "scheduler_tasks", report, status="DELETED", claim_at=None)
    assert sweep.cancel_deleted(connection, now=now + MINUTE) == 2
    assert statuses(connection, report) == ["FAILED", "CANCELLED", "CANCELLED"]


def test_it_cancels_nothing_that_runs(connection: psycopg.Connection, report: UUID, now: datetime):
    start_one(connection, report, now=now)
    change(connection, "scheduler_tasks", report, status="DELETED", claim_at=None)
    assert (sweep.cancel_deleted(connection, now=now), statuses(connection, report)) == (0, ["RUNNING"])


@pytest.mark.parametrize("status", ["ACTIVE", "PAUSED", "COMPLETED"])
def test_it_cancels_nothing_of_a_task_that_is_not_deleted(
    connection: psycopg.Connection, report: UUID, now: datetime, status: str
):
    queue_one(connection, report, now=now)
    change(connection, "scheduler_tasks", report, status=status, claim_at=None)
    assert sweep.cancel_deleted(connection, now=now) == 0


# The count of open executions


@pytest.fixture
def lonely(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task that may not overlap and has one execution open."""
    task_id = add_task(connection, next_slot_for=now, overlap_policy="SKIP")
    firing.claim(connection, now=now)
    return task_id


@pytest.mark.parametrize("count", [1, 2, 50])
def test_it_sets_a_wrong_count_right(connection: psycopg.Connection, lonely: UUID, count: int):
    change(connection, "scheduler_tasks", lonely, open_count=count)
    sweep.recount_open(connection, after=EVERYWHERE)
    assert task(connection, lonely)["open_count"] == 1


def test_it_goes_on_counting_where_a_batch_was_full(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    tasks = sorted(add_task(connection, next_slot_for=now, overlap_policy="SKIP", open_count=5) for _ in range(3))
    monkeypatch.setattr(sweep, "BATCH", 2)
    first = sweep.recount_open(connection, after=EVERYWHERE)
    second = sweep.recount_open(connection, after=first or EVERYWHERE)
    assert (first, second, [task(connection, one)["open_count"] for one in tasks]) == (tasks[1], None, [0, 0, 0])


def test_it_does_not_count_a_task_that_is_being_claimed(
    connection: psycopg.Connection, open_connection: Open, lonely: UUID
):
    change(connection, "scheduler_tasks", lonely, open_count=9)
    other = open_connection()
    with other.transaction():
        claims.task(other, lonely)
        sweep.recount_open(connection, after=EVERYWHERE)
    assert task(connection, lonely)["open_count"] == 9


# Messages that are gone


def published(connection: psycopg.Connection, task_id: UUID, *, now: datetime, times: int = 1) -> UUID:
    execution_id = queue_one(connection, task_id, now=now)
    for _ in range(times):
        publications.mark(connection, [execution_id], now=now)
    return execution_id


def is_published(connection: psycopg.Connection, execution_id: UUID) -> bool:
    return execution(connection, execution_id)["published_at"] is not None


def test_it_publishes_all_again_that_was_queued_when_the_broker_lost_its_data(
    connection: psycopg.Connection, report: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    waiting = [published(connection, report, now=now + number * SECOND) for number in range(5)]
    monkeypatch.setattr(sweep, "FORGET_BATCH", 2)
    assert sweep.republish_all(connection, before=now + MINUTE) == 5
    assert not any(is_published(connection, one) for one in waiting)


def test_it_leaves_alone_what_was_published_since_then(connection: psycopg.Connection, report: UUID, now: datetime):
    execution_id = published(connection, report, now=now)
    assert (sweep.republish_all(connection, before=now), is_published(connection, execution_id)) == (0, True)


def test_it_publishes_nothing_again_that_runs(connection: psycopg.Connection, report: UUID, now: datetime):
    execution_id = published(connection, report, now=now)
    transitions.start(connection, execution_id, node_id="node-1", lease_expires_at=now + LEASE, now=now)
    assert sweep.republish_all(connection, before=now + MINUTE) == 0


@pytest.mark.parametrize(
    ("times", "minutes"), [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (6, 60), (50, 60), (5_000, 60)]
)
def test_it_waits_twice_as_long_after_each_publishing(
    connection: psycopg.Connection, report: UUID, now: datetime, times: int, minutes: int
):
    execution_id = published(connection, report, now=now)
    change(connection, "task_execution_history", execution_id, publish_count=times)
    early, late = (
        sweep.republish_stale(
            connection, "default", left=None, is_short=True, now=now + timedelta(minutes=minutes, seconds=seconds)
        )
        for seconds in (0, 1)
    )
    assert (early, late) == (0, 1)


def test_it_publishes_again_only_in_the_queue_that_lacks_messages(
    connection: psycopg.Connection, report: UUID, now: datetime
):
    published(connection, report, now=now)
    later = now + timedelta(hours=2)
    assert sweep.republish_stale(connection, "reports", left=None, is_short=True, now=later) == 0


def test_it_measures_queues_by_what_was_published(connection: psycopg.Connection, report: UUID, now: datetime):
    published(connection, report, now=now + SECOND)
    published(connection, report, now=now)
    queue_one(connection, report, now=now + 2 * SECOND)
    assert sweep.queued_depths(connection) == {"default": (2, now)}


# The flood


@pytest.mark.parametrize(("most", "is_flooded"), [(2, True), (3, False)])
def test_it_tells_a_flood_by_what_nobody_has_published(
    connection: psycopg.Connection, report: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch, most: int,
    is_flooded: bool,
):  # fmt: skip
    for number in range(3):
        queue_one(connection, report, now=now + number * SECOND)
    monkeypatch.setattr(sweep, "MOST_UNPUBLISHED", most)
    assert (sweep.unpublished_count(connection) > most) is is_flooded


def test_it_does_not_take_a_long_queue_for_a_flood(
    connection: psycopg.Connection, report: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    published(connection, report, now=now)
    monkeypatch.setattr(sweep, "MOST_UNPUBLISHED", 0)
    assert sweep.unpublished_count(connection) == 0


def test_it_bounds_what_is_recent_by_eight_days(now: datetime):
    assert claims.recent(now) == lower_bound(now - timedelta(days=8))
