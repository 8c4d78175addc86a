"""A node among others: the beat lease, what it sweeps up after them, and what it says of its own health."""

from datetime import datetime
from uuid import uuid4

import psycopg
import pytest

from scheduler import beat_lease, clock, leases, nodes, partitions, rollups, sweep
from scheduler.broker import Broker
from scheduler.node import SchedulerNode
from scheduler.records import Ready
from tests.hot_paths import DAY, LEASE, SECOND, Open, add_task, execution, queue_one, start_one, statuses, task
from tests.integration.scheduler.hands import Hands
from tests.integration.scheduler.rollups.counting import run, spans


def steady(node: SchedulerNode, hands: Hands) -> None:
    """Let the sweep have run for long enough to judge others."""
    for _ in range(5):
        node.sweeping.loop._note(0.5)
        hands.move(4 * SECOND)


# The beat lease


def test_it_beats_while_it_holds_the_lease(node: SchedulerNode, connection: psycopg.Connection):
    node._claim(connection)
    assert (node.may_beat, node.epoch) == (True, 1)


def test_it_does_not_beat_beside_the_holder(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    leases.acquire(connection, beat_lease.NAME, holder=uuid4(), ttl=beat_lease.TTL, now=now)
    node._claim(connection)
    assert (node.may_beat, node.epoch) == (False, None)


@pytest.mark.parametrize(("seconds", "may_beat"), [(11.9, True), (12, False)])
def test_it_stops_to_beat_before_others_may_take_the_lease(
    node: SchedulerNode, connection: psycopg.Connection, hands: Hands, seconds: float, may_beat: bool
):
    node._claim(connection)
    hands.move(seconds * SECOND)
    assert node.may_beat is may_beat


def test_it_takes_the_lease_over_once_it_has_run_out(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands
):
    leases.acquire(connection, beat_lease.NAME, holder=uuid4(), ttl=beat_lease.TTL, now=now)
    hands.move(beat_lease.TTL + SECOND)
    node._claim(connection)
    assert (node.may_beat, node.epoch) == (True, 2)


def test_it_gives_the_lease_up(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    node._claim(connection)
    node.take_leave(connection)
    assert leases.acquire(connection, beat_lease.NAME, holder=uuid4(), ttl=beat_lease.TTL, now=now) == 2
    assert not node.may_beat


def test_it_says_when_it_ended(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    node.sweeping.turn(connection)
    node.take_leave(connection)
    assert connection.execute("SELECT id, ended_at FROM scheduler_nodes").fetchall() == [(node.id, now)]


# Sweep


def test_it_writes_down_that_it_lives(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    node.sweeping.turn(connection)
    rows = connection.execute("SELECT id, role, heartbeat_at FROM scheduler_nodes").fetchall()
    assert rows == [(node.id, "scheduler", now)]


def test_it_loses_nothing_before_it_has_been_steady(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands
):
    """After an outage of the database every lease has run out: the workers renew first."""
    task_id = add_task(connection, next_slot_for=now + DAY)
    start_one(connection, task_id, now=now)
    hands.move(LEASE + 30 * SECOND)
    node.sweeping.turn(connection)
    assert statuses(connection, task_id) == ["RUNNING"]


def test_it_loses_what_nobody_renews_once_it_has_been_steady(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands
):
    task_id = add_task(connection, next_slot_for=now + DAY, max_retry_count=0)
    start_one(connection, task_id, now=now - LEASE)
    steady(node, hands)
    node.sweeping.turn(connection)
    assert statuses(connection, task_id) == ["LOST"]


def test_it_loses_nothing_right_after_an_outage(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands
):
    task_id = add_task(connection, next_slot_for=now + DAY)
    started = start_one(connection, task_id, now=now)
    steady(node, hands)
    hands.move(LEASE)
    node.sweeping.turn(connection)
    assert execution(connection, started.id)["status"] == "RUNNING"


def test_it_loses_nothing_right_after_the_databases_clock_has_jumped(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands
):
    """Workers renew by the same clock, within a quarter of their lease: until then every lease seems to be over."""
    task_id = add_task(connection, next_slot_for=now + DAY)
    started = start_one(connection, task_id, now=now)
    node.sweeping.turn(connection)
    steady(node, hands)
    hands.now += 2 * LEASE
    node.sweeping.turn(connection)
    assert execution(connection, started.id)["status"] == "RUNNING"


def test_it_loses_again_once_the_clock_has_been_steady(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands
):
    task_id = add_task(connection, next_slot_for=now + DAY, max_retry_count=0)
    start_one(connection, task_id, now=now)
    hands.now += 2 * LEASE
    node.sweeping.turn(connection)
    steady(node, hands)
    node.sweeping.turn(connection)
    assert statuses(connection, task_id) == ["LOST"]


def test_it_makes_partitions_ahead(node: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands):
    with connection.transaction(force_rollback=True):
        hands.move(DAY)
        node.sweeping.turn(connection)
        found = partitions.existing(connection, "task_execution_history")
    assert found[-1].name == f"task_execution_history_p{now + 15 * DAY:%Y%m%d}"


def test_it_gives_up_on_partitions_that_claims_are_in_the_way_of(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):  # fmt: skip
    def in_the_way(*_: object, **__: object) -> None:
        raise psycopg.errors.LockNotAvailable

    monkeypatch.setattr(partitions, "ensure", in_the_way)
    node.sweeping._make_partitions(connection, now)
    assert "not made" in caplog.text


def test_it_goes_through_all_busy_tasks_in_turns(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sweep, "BATCH", 1)
    tasks = [add_task(connection, next_slot_for=now, overlap_policy="SKIP", open_count=3) for _ in range(3)]
    for _ in range(4):
        node.sweeping._recount_open(connection, now)
    assert [task(connection, one)["open_count"] for one in tasks] == [0, 0, 0]


# The whole


def test_it_takes_what_has_ended_into_the_roll_ups_each_second(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(rollups, "BATCH", 1)
    run(connection, add_task(connection), at=now)
    run(connection, add_task(connection), at=now)
    node.sweeping.turn(connection)
    assert [row["success"] for row in spans(connection, "hour")] == [2]


def test_it_is_ready_once_it_has_claimed(node: SchedulerNode, hands: Hands):
    before, _ = node.ready()
    node.claim_loop._note(0)
    assert (before, node.ready()[0]) == (False, True)


def test_it_is_not_ready_five_seconds_after_its_last_claim(node: SchedulerNode, hands: Hands):
    node.claim_loop._note(0)
    hands.move(5 * SECOND)
    assert node.ready()[0] is False


def test_it_lives_while_its_loops_turn_and_publishes_the_rest_when_it_stops(
    open_connection: Open, connection: psycopg.Connection, broker: Broker
):
    now = clock.read(connection)
    node = SchedulerNode()
    node.start()
    lived, _ = node.live()
    node.publisher.batches.put(([Ready(queue_one(connection, add_task(connection), now=now), "default", 5, 60)], None))
    node.stop()
    assert (lived, node.live()[0], broker.depth("default")) == (True, False, 1)


def test_it_forgets_nodes_that_have_been_silent(connection: psycopg.Connection, now: datetime):
    nodes.heartbeat(connection, now - DAY, node=uuid4(), role="worker")
    nodes.heartbeat(connection, now, node=uuid4(), role="worker")
    assert nodes.forget(connection, before=now - SECOND) == 1
