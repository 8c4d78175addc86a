"""A backfill beside fresh work, on a node, and what it reads."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from kombu import Connection

from scheduler import backfills, dispatch, firing, releases, sweep
from scheduler.broker import Broker
from scheduler.node import SchedulerNode
from tests.hot_paths import (
    MINUTE,
    add_backfill,
    add_task,
    change,
    execution,
    executions,
    operation,
    queue_one,
    statuses,
    task,
)
from tests.integration.scheduler.backfills.filling import NOBODY, advance, run
from tests.integration.scheduler.hands import Hands

# Beside fresh work


@pytest.mark.parametrize("overlap_policy", ["SKIP", "QUEUE", "CANCEL_RUNNING"])
def test_it_waits_for_its_turn_while_the_task_is_busy(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime, overlap_policy: str
):
    change(connection, "scheduler_tasks", hourly, overlap_policy=overlap_policy)
    queue_one(connection, hourly, now=now)
    assert advance(connection, now) == []
    waiting, fresh = executions(connection, hourly)
    assert (waiting["status"], waiting["reason"], fresh["status"]) == ("SCHEDULED", "overlap", "QUEUED")
    assert task(connection, hourly)["open_count"] == 1


def test_its_slots_take_turns_however_many_may_be_open(connection: psycopg.Connection, hourly: UUID, now: datetime):
    change(connection, "scheduler_tasks", hourly, overlap_policy="SKIP")
    add_backfill(connection, hourly, begin=now - timedelta(hours=3), end=now, now=now, max_parallel=3)
    assert len(advance(connection, now)) == 1
    assert statuses(connection, hourly) == ["QUEUED", "SCHEDULED", "SCHEDULED"]
    assert task(connection, hourly)["open_count"] == 1


def test_those_that_take_turns_go_oldest_first(connection: psycopg.Connection, hourly: UUID, now: datetime):
    change(connection, "scheduler_tasks", hourly, overlap_policy="QUEUE")
    add_backfill(connection, hourly, begin=now - timedelta(hours=12), end=now, now=now, max_parallel=12)
    ran = run_all(connection, advance(connection, now), now=now)
    assert (len(ran), ran) == (12, sorted(ran))


def test_those_that_nobody_woke_go_oldest_first(connection: psycopg.Connection, hourly: UUID, now: datetime):
    change(connection, "scheduler_tasks", hourly, overlap_policy="QUEUE")
    add_backfill(connection, hourly, begin=now - timedelta(hours=12), end=now, now=now, max_parallel=12)
    run(connection, advance(connection, now), now=now)
    (going,) = releases.release(connection, now=now + MINUTE, low=NOBODY)
    assert going.id == executions(connection, hourly)[1]["id"]


def run_all(connection: psycopg.Connection, ready: Sequence[Any], *, now: datetime) -> list[datetime]:
    """Run what is ready, and one at a time what that lets go; return the slots in the order in which they ran."""
    ran: list[datetime] = []
    while ready:
        run(connection, ready, now=now)
        ran += [execution(connection, item.id)["scheduled_for"] for item in ready]
        ready = releases.release(connection, now=now, low=NOBODY)
    return ran


def test_a_fresh_slot_runs_beside_what_waits_for_its_turn(connection: psycopg.Connection, hourly: UUID, now: datetime):
    change(connection, "scheduler_tasks", hourly, overlap_policy="SKIP")
    add_backfill(connection, hourly, begin=now - timedelta(hours=2), end=now, now=now, max_parallel=2)
    run(connection, advance(connection, now), now=now)
    firing.claim(connection, now=now + timedelta(hours=1))
    assert statuses(connection, hourly) == ["SUCCESS", "SCHEDULED", "QUEUED"]


def test_fresh_work_that_came_later_starts_first(
    connection: psycopg.Connection, hourly: UUID, three: UUID, broker: Broker, consumer: Connection, now: datetime
):
    dispatch.dispatch(connection, broker, advance(connection, now), now=now)
    lowly = add_task(connection, priority=2, next_slot_for=now)
    dispatch.dispatch(connection, broker, firing.claim(connection, now=now).ready, now=now)
    channel: Any = consumer.default_channel
    received = [channel.basic_get("default", no_ack=True).payload[0][0] for _ in range(2)]
    assert received == [str(executions(connection, task_id)[0]["id"]) for task_id in (lowly, hourly)]


# A node


def test_a_node_advances_it_and_publishes_behind(
    node: SchedulerNode, connection: psycopg.Connection, hourly: UUID, three: UUID
):
    node.sweeping.turn(connection)
    ready, _ = node.publisher.batches.get_nowait() or ([], None)
    assert [one.id for one in ready] == [executions(connection, hourly)[0]["id"]]


def test_a_node_hears_that_one_has_ended(
    node: SchedulerNode, connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime, hands: Hands
):
    node._claim(connection)
    node.sweeping.turn(connection)
    run(connection, (node.publisher.batches.get_nowait() or ([], None))[0], now=now)
    node._claim(connection)
    node.sweeping.turn(connection)
    assert statuses(connection, hourly) == ["SUCCESS", "QUEUED"]


def test_a_node_advances_nothing_while_too_much_waits_for_the_broker(
    node: SchedulerNode, connection: psycopg.Connection, hourly: UUID, three: UUID, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sweep, "MOST_UNPUBLISHED", 0)
    queue_one(connection, add_task(connection), now=operation(connection, three)["created_at"])
    node.sweeping.turn(connection)
    assert statuses(connection, hourly) == []


def test_a_node_makes_the_partition_that_it_lacks(
    node: SchedulerNode, connection: psycopg.Connection, hourly: UUID, gap: datetime
):
    add_backfill(connection, hourly, begin=gap - timedelta(hours=3), end=gap - timedelta(hours=1), now=gap)
    node.sweeping.turn(connection)
    node.sweeping.backfill_timer.make_due()
    node.sweeping.turn(connection)
    assert statuses(connection, hourly) == ["QUEUED"]


# What it reads


def test_it_reads_slots_by_their_ids_and_backfills_by_their_index(
    connection: psycopg.Connection, hourly: UUID, now: datetime
):
    """Asserted on the plan, beside so many other executions of the task that a scan would be the wrong way."""
    period = [now - timedelta(hours=hours) for hours in (3, 2, 1)]
    with connection.transaction(force_rollback=True):
        fill(connection, hourly, begin=now - timedelta(hours=4), count=20_000)
        plan = explained(connection, hourly, period, now)
    conditions = [line.strip() for line in plan.splitlines() if "Index Cond" in line]
    assert ("Seq Scan" in plan, len(conditions)) == (False, 2), plan
    # The index of backfills, whose name depends on when its partition was made.
    is_by_index = "history_backfills" in plan or "task_id_scheduled_for_idx" in plan
    assert ("id >= u.low" in conditions[0], is_by_index) == (True, True), plan


def fill(connection: psycopg.Connection, task_id: UUID, *, begin: datetime, count: int) -> None:
    """Give a task many executions half a second apart, and the planner their statistics."""
    low = int(begin.timestamp() * 1000)
    connection.execute(
        """
        INSERT INTO task_execution_history (
            id, task_id, cause, attempt, trigger, status, scheduled_for, due_at, namespace, queue, priority,
            timeout_seconds, publish_count, handed_back_count
        )
        SELECT (lpad(to_hex(%(low)s + n * 500), 12, '0') || '70008000000000000000')::uuid, %(task_id)s, 'slot:' || n, 1,
            'SCHEDULE', 'FAILED', %(begin)s, %(begin)s, 'default', 'default', 5, 60, 0, 0
        FROM generate_series(1, %(count)s) n
        """,
        {"low": low, "begin": begin, "task_id": task_id, "count": count},
    )
    connection.execute("ANALYZE task_execution_history")


def explained(connection: psycopg.Connection, task_id: UUID, period: list[datetime], now: datetime) -> str:
    parameters = backfills.settled_parameters(task_id, period, rerun=False, now=now)
    return "\n".join(row[0] for row in connection.execute(f"EXPLAIN {backfills.SETTLED}", parameters))
