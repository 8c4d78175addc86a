"""Executions beside the claim: a task's slots ahead of a change, and those that somebody asks for."""

from datetime import datetime
from uuid import uuid4

import psycopg
import pytest

from scheduler import firing, triggers
from scheduler.errors import TaskDeleted, TaskNotFound
from tests.hot_paths import MINUTE, SECOND, add_task, executions, queue_one, slots, statuses, task

# Record a task's slots ahead of a change


def test_it_records_the_slots_up_to_a_change(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now)
    ready = firing.record_due(connection, task_id, now=now + 2 * MINUTE)
    assert (len(ready), slots(connection, task_id)) == (2 + 1, [now, now + MINUTE, now + 2 * MINUTE])


def test_it_records_more_than_one_claims_worth_before_a_change(connection: psycopg.Connection, now: datetime):
    due = now - 249 * MINUTE
    task_id = add_task(connection, next_slot_for=due, misfire_policy="FIRE_ALL", catch_up_limit=1_000)
    assert len(firing.record_due(connection, task_id, now=now)) == 250


@pytest.mark.parametrize("status", ["PAUSED", "COMPLETED", "DELETED"])
def test_it_records_nothing_of_a_task_that_does_not_fire(connection: psycopg.Connection, now: datetime, status: str):
    task_id = add_task(connection, next_slot_for=now, claim_at=None, status=status)
    assert firing.record_due(connection, task_id, now=now + MINUTE) == []


def test_it_records_nothing_of_a_task_that_is_not_there(connection: psycopg.Connection, now: datetime):
    assert firing.record_due(connection, uuid4(), now=now) == []


def test_it_ends_at_a_broken_definition_before_a_change(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now, interval_seconds=None, cron_expression="not a cron")
    firing.record_due(connection, task_id, now=now)
    assert task(connection, task_id)["status"] == "PAUSED"


# Requests


def test_it_queues_what_somebody_asks_for(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now + MINUTE)
    execution_id, (ready,) = triggers.trigger(connection, task_id, request=uuid4(), task_data='{"a": 1}', now=now)
    (row,) = executions(connection, task_id)
    assert (row["id"], row["status"], row["trigger"], row["task_data"], row["scheduled_for"]) == (
        execution_id, "QUEUED", "MANUAL", '{"a": 1}', now,
    )  # fmt: skip
    assert ready.id == execution_id


def test_it_finds_the_same_request_again(connection: psycopg.Connection, now: datetime):
    task_id, request = add_task(connection, next_slot_for=now + MINUTE, overlap_policy="SKIP"), uuid4()
    first, _ = triggers.trigger(connection, task_id, request=request, task_data=None, now=now)
    second, ready = triggers.trigger(connection, task_id, request=request, task_data=None, now=now)
    assert (second, ready, statuses(connection, task_id)) == (first, [], ["QUEUED"])
    assert task(connection, task_id)["open_count"] == 1


@pytest.mark.parametrize("status", ["PAUSED", "COMPLETED"])
def test_it_obeys_requests_whatever_the_schedule_does(connection: psycopg.Connection, now: datetime, status: str):
    task_id = add_task(connection, next_slot_for=now, claim_at=None, status=status)
    queue_one(connection, task_id, now=now)
    assert statuses(connection, task_id) == ["QUEUED"]


def test_it_skips_a_request_of_a_busy_task(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now + MINUTE, overlap_policy="SKIP")
    queue_one(connection, task_id, now=now)
    queue_one(connection, task_id, now=now + SECOND)
    assert (statuses(connection, task_id), task(connection, task_id)["open_count"]) == (["QUEUED", "SKIPPED"], 1)


def test_it_refuses_to_run_a_deleted_task(connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, status="DELETED")
    with pytest.raises(TaskDeleted):
        queue_one(connection, task_id, now=now)


def test_it_refuses_to_run_a_task_that_is_not_there(connection: psycopg.Connection, now: datetime):
    with pytest.raises(TaskNotFound):
        queue_one(connection, uuid4(), now=now)
