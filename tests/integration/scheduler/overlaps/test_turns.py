"""Overlaps: slots of a catch-up take turns, behind fresh work and retries."""

from datetime import datetime

import psycopg
import pytest

from scheduler.engine.states import Status
from tests.hot_paths import (
    MINUTE,
    add_task,
    change,
    execution,
    executions,
    queue_one,
    slots,
    task,
)
from tests.integration.scheduler.lifecycle import end
from tests.integration.scheduler.overlaps.overlapping import (
    POLICIES,
    RETRY,
    add,
    begun,
    caught_up,
    claim,
    is_counted_right,
    release,
    run,
    run_all,
    seen,
)


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
