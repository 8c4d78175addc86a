"""Backfills: which slots are recorded, how many at a time, and how the operation stands."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis
from celery import current_app
from kombu import Connection

from scheduler import backfills, dispatch, firing, releases, sweep, transitions
from scheduler.broker import Broker
from scheduler.engine.identity import execution_id, slot_cause
from scheduler.engine.states import Status, Trigger
from scheduler.node import SchedulerNode
from scheduler.records import NewExecution
from tests.hot_paths import (
    DAY,
    MINUTE,
    SECOND,
    add_backfill,
    add_task,
    change,
    execution,
    executions,
    operation,
    queue_one,
    slots,
    statuses,
    task,
)
from tests.integration.scheduler.hands import Hands
from tests.integration.scheduler.lifecycle import end, start

NOBODY = UUID(int=0)
MILLISECOND = timedelta(milliseconds=1)


def advance(connection: psycopg.Connection, now: datetime) -> list[Any]:
    return backfills.advance(connection, after=NOBODY, now=now).ready


def run(
    connection: psycopg.Connection, ready: Sequence[Any], *, now: datetime, status: Status = Status.SUCCESS
) -> None:
    """Start and end what has become ready."""
    for item in ready:
        started = start(connection, item.id, now=now)
        assert started is not None
        end(connection, started, now=now, status=status)


def run_through(connection: psycopg.Connection, *, now: datetime, looks: int, status: Status = Status.SUCCESS) -> None:
    """Advance and run, so many times."""
    for _ in range(looks):
        run(connection, advance(connection, now), now=now, status=status)


def had(connection: psycopg.Connection, task_id: UUID, slot: datetime, status: Status, **columns: Any) -> UUID:
    """Record a slot of the schedule's own as it stands by now."""
    cause = slot_cause(slot)
    row = NewExecution(
        id=execution_id(task_id, cause=cause, at=slot, attempt=1), task_id=task_id, cause=cause, attempt=1,
        trigger=Trigger.SCHEDULE, status=Status.QUEUED, scheduled_for=slot, due_at=slot, namespace="default",
        queue="default", priority=5, timeout_seconds=60, revision=1,
    )  # fmt: skip
    transitions.record(connection, [row], now=slot)
    change(connection, "task_execution_history", row.id, status=status, **columns)
    return row.id


def stands(connection: psycopg.Connection, operation_id: UUID) -> tuple[Any, ...]:
    row = operation(connection, operation_id)
    return row["status"], row["done_count"], row["failed_count"], row["skipped_count"]


@pytest.fixture
def hourly(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task that fires every hour, tried again once, of high priority; its history is empty."""
    return add_task(
        connection, interval_seconds=3600, anchor_at=now - 30 * DAY, next_slot_for=now + timedelta(hours=1), priority=9,
        max_retry_count=1, retry_policy='{"delaySeconds": 0, "jitter": false}',
    )  # fmt: skip


@pytest.fixture
def three(connection: psycopg.Connection, hourly: UUID, now: datetime) -> UUID:
    """A backfill of its three latest slots before now, one at a time."""
    return add_backfill(connection, hourly, begin=now - timedelta(hours=3), end=now, now=now)


@pytest.fixture
def consumer(store: redis.Redis) -> Iterator[Connection]:
    """A connection that reads as Celery's workers do."""
    opened = current_app.connection_for_read()
    yield opened
    opened.release()


# Slots


def test_it_records_the_oldest_slot_first(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    (ready,) = advance(connection, now)
    (row,) = executions(connection, hourly)
    assert (row["id"], row["scheduled_for"], row["trigger"], row["status"], row["attempt"], row["run_id"]) == (
        ready.id, now - timedelta(hours=3), "BACKFILL", "QUEUED", 1, None,
    )  # fmt: skip


def test_it_goes_under_fresh_work(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    (ready,) = advance(connection, now)
    assert (ready.priority, task(connection, hourly)["priority"]) == (1, 9)


def test_it_counts_lateness_from_when_it_was_recorded(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    advance(connection, now + MINUTE)
    assert executions(connection, hourly)[0]["due_at"] == now + MINUTE


def test_its_ids_hold_the_instant_of_the_request(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    advance(connection, now + MINUTE)
    assert executions(connection, hourly)[0]["id"].int >> 80 == int(now.timestamp() * 1000)


def test_it_runs_each_slot_of_the_period_and_none_at_its_end(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    run_through(connection, now=now, looks=4)
    assert slots(connection, hourly) == [now - timedelta(hours=hours) for hours in (3, 2, 1)]
    assert stands(connection, three) == ("COMPLETED", 3, 0, 0)


def test_it_moves_neither_the_next_slot_nor_the_last_one(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    before = task(connection, hourly)
    run_through(connection, now=now, looks=4)
    after = task(connection, hourly)
    assert [after[name] for name in ("next_slot_for", "claim_at", "last_slot_for")] == [
        before[name] for name in ("next_slot_for", "claim_at", "last_slot_for")
    ]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_it_keeps_so_many_open_at_once(connection: psycopg.Connection, hourly: UUID, now: datetime, most: int):
    add_backfill(connection, hourly, begin=now - DAY, end=now, now=now, max_parallel=most)
    first = advance(connection, now)
    assert (len(first), advance(connection, now)) == (most, [])
    run(connection, first[:1], now=now)
    assert len(advance(connection, now + SECOND)) == 1


def test_it_leaves_out_what_has_succeeded(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    had(connection, hourly, now - timedelta(hours=2), Status.SUCCESS)
    run_through(connection, now=now, looks=3)
    assert stands(connection, three) == ("COMPLETED", 2, 0, 1)


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "LOST", "CANCELLED", "SKIPPED"])
def test_it_runs_what_has_not(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime, status: Status):
    had(connection, hourly, now - timedelta(hours=2), status)
    run_through(connection, now=now, looks=4)
    assert stands(connection, three) == ("COMPLETED", 3, 0, 0)


def test_it_runs_what_lies_in_a_range_that_was_missed(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    had(
        connection, hourly, now - timedelta(hours=3), Status.SKIPPED, reason="misfire",
        scheduled_until=now - timedelta(hours=1), slot_count=3,
    )  # fmt: skip
    run_through(connection, now=now, looks=4)
    assert stands(connection, three) == ("COMPLETED", 3, 0, 0)


@pytest.mark.parametrize("status", ["QUEUED", "RUNNING", "SCHEDULED"])
def test_it_leaves_out_what_is_about_to_run(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime, status: Status
):
    had(connection, hourly, now - timedelta(hours=2), status)
    run_through(connection, now=now, looks=3)
    assert stands(connection, three) == ("COMPLETED", 2, 0, 1)


def test_it_leaves_out_what_somebody_wanted_left_out(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    had(connection, hourly, now - timedelta(hours=2), Status.SKIPPED, reason="requested")
    run_through(connection, now=now, looks=3)
    assert stands(connection, three) == ("COMPLETED", 2, 0, 1)


def test_it_leaves_out_what_another_backfill_has_done(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    run_through(connection, now=now, looks=4)
    begin = now - timedelta(hours=4)
    second = add_backfill(connection, hourly, begin=begin, end=now, now=now + MINUTE)
    run_through(connection, now=now + MINUTE, looks=2)
    assert stands(connection, second) == ("COMPLETED", 1, 0, 3)


def test_it_runs_again_what_another_backfill_could_not(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    change(connection, "scheduler_tasks", hourly, max_retry_count=0)
    run_through(connection, now=now, looks=4, status=Status.FAILED)
    second = add_backfill(connection, hourly, begin=now - timedelta(hours=3), end=now, now=now + MINUTE)
    run_through(connection, now=now + MINUTE, looks=4)
    assert (stands(connection, three), stands(connection, second)) == (
        ("COMPLETED", 0, 3, 0), ("COMPLETED", 3, 0, 0),
    )  # fmt: skip


def test_it_runs_everything_again_where_that_is_asked(connection: psycopg.Connection, hourly: UUID, now: datetime):
    had(connection, hourly, now - timedelta(hours=1), Status.SUCCESS)
    again = add_backfill(connection, hourly, begin=now - timedelta(hours=1), end=now, now=now, rerun=True)
    run_through(connection, now=now, looks=2)
    assert stands(connection, again) == ("COMPLETED", 1, 0, 0)


def test_it_passes_over_many_slots_that_are_done_in_one_look(
    connection: psycopg.Connection, hourly: UUID, now: datetime
):
    add_backfill(connection, hourly, begin=now - 20 * DAY, end=now - DAY, now=now, max_parallel=1)
    connection.execute("UPDATE scheduler_operations SET arguments = arguments || '{\"maxParallel\": 1000}'")
    run(connection, advance(connection, now), now=now)
    add_backfill(connection, hourly, begin=now - 20 * DAY, end=now, now=now + MINUTE)
    assert len(advance(connection, now + MINUTE)) == 1


def test_it_runs_by_the_definition_of_the_request(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    change(connection, "scheduler_tasks", hourly, interval_seconds=60)
    run_through(connection, now=now, looks=4)
    assert stands(connection, three) == ("COMPLETED", 3, 0, 0)


def test_it_leaves_out_what_a_calendar_closes(connection: psycopg.Connection, hourly: UUID, now: datetime):
    connection.execute(
        "INSERT INTO scheduler_calendars (id, name, rules) VALUES (%s, 'nights', %s)",
        (hourly, '{"excludedTimes": [{"from": "10:00", "to": "11:00"}]}'),
    )
    change(connection, "scheduler_tasks", hourly, calendar_id=hourly)
    add_backfill(connection, hourly, begin=now - timedelta(hours=3), end=now, now=now)
    run_through(connection, now=now, looks=3)
    assert slots(connection, hourly) == [now - timedelta(hours=3), now - timedelta(hours=1)]


# Retries, and how it stands


def test_a_retry_keeps_cause_slot_and_priority(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    run(connection, advance(connection, now), now=now, status=Status.FAILED)
    first, retry = executions(connection, hourly)
    assert (retry["trigger"], retry["attempt"], retry["priority"], retry["id"].int >> 80) == (
        "RETRY", 2, 1, first["id"].int >> 80,
    )  # fmt: skip
    assert (retry["cause"], retry["scheduled_for"]) == (first["cause"], first["scheduled_for"])


def test_it_takes_no_further_slot_while_one_is_to_be_tried_again(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    run(connection, advance(connection, now), now=now, status=Status.FAILED)
    assert (advance(connection, now + SECOND), stands(connection, three)) == ([], ("RUNNING", 0, 0, 0))


def test_it_counts_and_names_what_has_failed(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    change(connection, "scheduler_tasks", hourly, max_retry_count=0)
    (ready,) = advance(connection, now)
    started = start(connection, ready.id, now=now)
    assert started is not None
    end(connection, started, now=now, status=Status.FAILED, error_message="no such host")
    advance(connection, now + SECOND)
    assert (stands(connection, three), operation(connection, three)["errors"]) == (
        ("RUNNING", 0, 1, 0),
        [{"slot": (now - timedelta(hours=3)).isoformat(), "status": "FAILED", "message": "no such host"}],
    )


def test_it_says_since_when_it_runs_and_when_it_has_ended(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    run_through(connection, now=now + SECOND, looks=3)
    advance(connection, now + MINUTE)
    row = operation(connection, three)
    assert (row["started_at"], row["ended_at"]) == (now + SECOND, now + MINUTE)


def test_it_waits_while_the_task_is_paused(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    change(connection, "scheduler_tasks", hourly, status="PAUSED", claim_at=None)
    assert (advance(connection, now), stands(connection, three)) == ([], ("RUNNING", 0, 0, 0))
    change(connection, "scheduler_tasks", hourly, status="ACTIVE")
    assert len(advance(connection, now)) == 1


def test_it_runs_a_completed_task(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    change(connection, "scheduler_tasks", hourly, status="COMPLETED", claim_at=None, next_slot_for=None)
    run_through(connection, now=now, looks=4)
    assert stands(connection, three) == ("COMPLETED", 3, 0, 0)


def test_it_fails_where_the_task_is_deleted(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    advance(connection, now)
    change(connection, "scheduler_tasks", hourly, status="DELETED", claim_at=None)
    assert advance(connection, now) == []
    assert stands(connection, three) == ("FAILED", 0, 1, 0)
    assert operation(connection, three)["errors"][0]["message"] == "The task was deleted."
    assert statuses(connection, hourly) == ["CANCELLED"]


def test_it_fails_by_itself_where_its_slots_cannot_be_worked_out(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    connection.execute(
        "UPDATE scheduler_operations SET arguments = jsonb_set(arguments, '{schedule,cron_expression}', '\"gone\"')"
    )
    other = add_task(connection, interval_seconds=3600, anchor_at=now - 30 * DAY)
    add_backfill(connection, other, begin=now - timedelta(hours=3), end=now, now=now)
    assert len(advance(connection, now)) == 1
    assert stands(connection, three)[0] == "FAILED"
    assert operation(connection, three)["errors"][0]["message"].startswith("It cannot go on")


def test_it_advances_so_many_in_a_pass_and_goes_on_behind_them(
    connection: psycopg.Connection, hourly: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(backfills, "OPERATIONS_PER_PASS", 2)
    found = sorted(add_backfill(connection, hourly, begin=now - DAY, end=now, now=now) for _ in range(3))
    first = backfills.advance(connection, after=NOBODY, now=now)
    assert first.after == found[1]
    assert backfills.advance(connection, after=first.after, now=now).after is None


# Abort


def abort(connection: psycopg.Connection, operation_id: UUID, now: datetime) -> bool:
    with connection.transaction():
        return backfills.abort(connection, operation_id, now=now)


def test_an_abort_cancels_what_waits_and_ends(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    advance(connection, now)
    assert abort(connection, three, now + SECOND)
    assert (statuses(connection, hourly), stands(connection, three)) == (["CANCELLED"], ("ABORTED", 0, 1, 0))


def test_an_abort_lets_end_what_runs(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    (ready,) = advance(connection, now)
    started = start(connection, ready.id, now=now)
    assert started is not None
    abort(connection, three, now + SECOND)
    assert (statuses(connection, hourly), stands(connection, three)[0]) == (["RUNNING"], "RUNNING")
    end(connection, started, now=now + MINUTE)
    assert (advance(connection, now + MINUTE), stands(connection, three)) == ([], ("ABORTED", 1, 0, 0))


def test_an_abort_tries_nothing_again(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    (ready,) = advance(connection, now)
    started = start(connection, ready.id, now=now)
    assert started is not None
    abort(connection, three, now + SECOND)
    end(connection, started, now=now + MINUTE, status=Status.FAILED)
    advance(connection, now + MINUTE)
    assert (statuses(connection, hourly), stands(connection, three)) == (
        ["FAILED", "CANCELLED"], ("ABORTED", 0, 1, 0),
    )  # fmt: skip


def test_what_has_ended_cannot_be_aborted(connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime):
    run_through(connection, now=now, looks=4)
    assert not abort(connection, three, now)
    assert stands(connection, three)[0] == "COMPLETED"


def test_an_abort_leaves_other_executions_of_the_task_alone(
    connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime
):
    queue_one(connection, hourly, now=now)
    abort(connection, three, now + SECOND)
    assert statuses(connection, hourly) == ["QUEUED"]


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
    node._sweep(connection)
    ready, _ = node.publisher.batches.get_nowait() or ([], None)
    assert [one.id for one in ready] == [executions(connection, hourly)[0]["id"]]


def test_a_node_hears_that_one_has_ended(
    node: SchedulerNode, connection: psycopg.Connection, hourly: UUID, three: UUID, now: datetime, hands: Hands
):
    node._claim(connection)
    node._sweep(connection)
    run(connection, (node.publisher.batches.get_nowait() or ([], None))[0], now=now)
    node._claim(connection)
    node._sweep(connection)
    assert statuses(connection, hourly) == ["SUCCESS", "QUEUED"]


def test_a_node_advances_nothing_while_too_much_waits_for_the_broker(
    node: SchedulerNode, connection: psycopg.Connection, hourly: UUID, three: UUID, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sweep, "MOST_UNPUBLISHED", 0)
    queue_one(connection, add_task(connection), now=operation(connection, three)["created_at"])
    node._sweep(connection)
    assert statuses(connection, hourly) == []


def test_a_node_makes_the_partition_that_it_lacks(
    node: SchedulerNode, connection: psycopg.Connection, hourly: UUID, gap: datetime
):
    add_backfill(connection, hourly, begin=gap - timedelta(hours=3), end=gap - timedelta(hours=1), now=gap)
    node._sweep(connection)
    node._backfill_timer.make_due()
    node._sweep(connection)
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
    assert ("id >= u.low" in conditions[0], "history_backfills" in plan) == (True, True), plan


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
