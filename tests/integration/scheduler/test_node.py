"""One scheduler node: what each pass of its loops does, and what it says of itself."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
import redis

from scheduler import clock, leases, nodes, partitions, sweep
from scheduler.broker import GENERATION_KEY, Broker
from scheduler.errors import BrokerUnavailable
from scheduler.node import BEAT_LEASE, BEAT_LEASE_TTL, SchedulerNode
from scheduler.records import Ready
from tests.hot_paths import (
    LEASE,
    SECOND,
    Open,
    add_task,
    execution,
    executions,
    key_prefix,
    queue_one,
    start_one,
    statuses,
    task,
)

DAY = timedelta(days=1)


class Hands:
    """The clocks, moved by the test: the database's and this process's, which agree."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.second = 1_000.0

    def move(self, by: timedelta) -> datetime:
        self.now += by
        self.second += by.total_seconds()
        return self.now


@pytest.fixture
def hands(now: datetime, monkeypatch: pytest.MonkeyPatch) -> Hands:
    """Both clocks in the test's hands."""
    hands = Hands(now)
    monkeypatch.setattr(clock, "read", lambda _: hands.now)
    monkeypatch.setattr(clock, "monotonic", lambda: hands.second)
    return hands


@pytest.fixture
def node(hands: Hands, store: redis.Redis) -> Iterator[SchedulerNode]:
    """A node whose passes the test makes."""
    made = SchedulerNode()
    for timer in (made._lease_timer, made._release_timer, *made._sweep_timers, *made._broker_timers):
        timer.due_at = hands.second
    yield made


@pytest.fixture
def broker(store: redis.Redis) -> Iterator[Broker]:
    """The same broker from outside."""
    opened = Broker()
    yield opened
    opened.close()


def steady(node: SchedulerNode, hands: Hands) -> None:
    """Let the sweep have run for long enough to judge others."""
    for _ in range(5):
        node.sweep_loop._note(0.5)
        hands.move(4 * SECOND)


# Claim


def test_it_claims_and_hands_over(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now)
    node._claim(connection)
    batch = node._batches.get_nowait()
    assert batch is not None
    assert [one.id for one in batch] == [row["id"] for row in executions(connection, task_id)]


def test_it_claims_again_at_once_where_more_is_due(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now - timedelta(days=1), misfire_policy="FIRE_ALL", catch_up_limit=500)
    assert node._claim(connection) == 0


def test_it_rests_for_a_tick_where_nothing_is_due(node: SchedulerNode, connection: psycopg.Connection):
    assert node._claim(connection) == 0.05


def test_it_releases_beside_the_claim(node: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands):
    task_id = add_task(connection, next_slot_for=now + DAY, retry_policy='{"delaySeconds": 0, "jitter": false}')
    start_one(connection, task_id, now=now - timedelta(minutes=1))
    sweep.lose(connection, now=now, low=UUID(int=0))
    hands.move(SECOND)
    node._claim(connection)
    assert statuses(connection, task_id) == ["LOST", "QUEUED"]


def test_it_does_not_claim_after_a_jump_of_the_clock(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands
):
    add_task(connection, next_slot_for=now + timedelta(minutes=30))
    node._claim(connection)
    hands.now += timedelta(hours=1)
    node._claim(connection)
    assert executions(connection) == []


def test_it_claims_once_three_readings_agree_on_the_jump(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands
):
    task_id = add_task(connection, next_slot_for=now + timedelta(minutes=59, seconds=30))
    node._claim(connection)
    hands.now += timedelta(hours=1)
    for _ in range(4):
        node._claim(connection)
        hands.move(SECOND)
    assert statuses(connection, task_id) == ["QUEUED"]


# Partitions


@pytest.fixture
def gap(connection: psycopg.Connection, now: datetime) -> Iterator[datetime]:
    """An instant whose partition of history is away."""
    instant = now + 3 * DAY
    with connection.transaction(force_rollback=True):
        connection.execute(
            f"ALTER TABLE task_execution_history DETACH PARTITION task_execution_history_p{instant:%Y%m%d}"
        )
        yield instant


def test_it_makes_the_partition_that_a_slot_lacks_and_claims_again(
    gap: datetime, node: SchedulerNode, connection: psycopg.Connection, hands: Hands
):
    task_id = add_task(connection, next_slot_for=gap)
    hands.move(3 * DAY)
    waits = [node._claim(connection), node._claim(connection)]
    assert (waits, statuses(connection, task_id)) == ([0, 0.05], ["QUEUED"])


def test_it_does_not_spin_where_no_partition_can_be_made(
    gap: datetime, node: SchedulerNode, connection: psycopg.Connection, hands: Hands, monkeypatch: pytest.MonkeyPatch
):
    add_task(connection, next_slot_for=gap)
    hands.move(3 * DAY)
    monkeypatch.setattr(partitions, "fill", lambda *_, **__: [])
    assert node._claim(connection) >= 1


def test_it_renews_the_beat_lease_even_where_a_claim_lacks_its_partition(
    gap: datetime, node: SchedulerNode, connection: psycopg.Connection, hands: Hands
):
    add_task(connection, next_slot_for=gap)
    hands.move(3 * DAY)
    node._claim(connection)
    assert node.may_beat


# The beat lease


def test_it_beats_while_it_holds_the_lease(node: SchedulerNode, connection: psycopg.Connection):
    node._claim(connection)
    assert (node.may_beat, node.epoch) == (True, 1)


def test_it_does_not_beat_beside_the_holder(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    leases.acquire(connection, BEAT_LEASE, holder=uuid4(), ttl=BEAT_LEASE_TTL, now=now)
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
    leases.acquire(connection, BEAT_LEASE, holder=uuid4(), ttl=BEAT_LEASE_TTL, now=now)
    hands.move(BEAT_LEASE_TTL + SECOND)
    node._claim(connection)
    assert (node.may_beat, node.epoch) == (True, 2)


def test_it_gives_the_lease_up(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    node._claim(connection)
    node.release_beat_lease(connection)
    assert leases.acquire(connection, BEAT_LEASE, holder=uuid4(), ttl=BEAT_LEASE_TTL, now=now) == 2
    assert not node.may_beat


# Publish


def test_it_publishes_what_the_claim_hands_over(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker, now: datetime
):
    add_task(connection, next_slot_for=now)
    node._claim(connection)
    node._publish(connection)
    assert (broker.depth("default"), executions(connection)[0]["published_at"]) == (1, now)


def test_it_leaves_rows_to_the_sweep_where_publishing_is_behind(node: SchedulerNode):
    for _ in range(node._batches.maxsize + 1):
        node._hand_over([Ready(uuid4(), "default", 5, 60)])
    assert node._batches.full()


def fails(*_: object) -> None:
    raise BrokerUnavailable("away")


def test_it_lets_the_broker_rest_after_a_failure(
    node: SchedulerNode, connection: psycopg.Connection, hands: Hands, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Broker, "has_lost_data", fails)
    node._batches.put([])
    node._publish(connection)
    assert node.live()[1]["isBrokerReachable"] is False


def test_it_publishes_what_nobody_has_once_the_broker_is_back(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker, now: datetime, hands: Hands,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    add_task(connection, next_slot_for=now)
    node._claim(connection)
    with monkeypatch.context() as patch:
        patch.setattr(Broker, "publish", fails)
        node._publish(connection)
    hands.move(6 * SECOND)
    node._batches.put([])
    node._publish(connection)
    assert (broker.depth("default"), node._outlet.is_open) == (1, True)


def test_it_publishes_old_slots_ids_too(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker, now: datetime
):
    """A retry of a slot that was caught up weeks late keeps that slot's id."""
    queue_one(connection, add_task(connection, next_slot_for=now + DAY), now=now - 20 * DAY)
    node._batches.put([])
    node._publish(connection)
    assert broker.depth("default") == 1


def test_it_publishes_all_again_where_the_broker_has_lost_its_data(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker, store: redis.Redis, now: datetime, hands: Hands
):
    for number in range(3):
        queue_one(connection, add_task(connection, next_slot_for=now + DAY), now=now - number * SECOND)
    for _ in range(3):
        hands.move(6 * SECOND)
        node._batches.put([])
        node._publish(connection)
    empty(store)
    store.delete(f"{key_prefix()}{GENERATION_KEY}")
    for _ in range(2):
        hands.move(6 * SECOND)
        node._batches.put([])
        node._publish(connection)
    assert (broker.depth("default"), {row["publish_count"] for row in executions(connection)}) == (3, {2})


def test_it_remembers_the_broker_that_it_has_filled(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker
):
    node._batches.put([])
    node._publish(connection)
    assert not broker.has_lost_data()


def empty(store: redis.Redis) -> None:
    """Take the messages away, and nothing else."""
    for key in store.scan_iter(f"{key_prefix()}default*"):
        store.delete(key)


def test_it_publishes_again_what_the_broker_has_lost_singly(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker, store: redis.Redis, now: datetime, hands: Hands
):
    broker.remember()
    queue_one(connection, add_task(connection, next_slot_for=now + DAY), now=now - 6 * SECOND)
    node._batches.put([])
    node._publish(connection)
    empty(store)
    for _ in range(2):
        hands.move(timedelta(minutes=6))
        node._batches.put([])
        node._publish(connection)
    assert broker.depth("default") == 1


def test_it_publishes_nothing_again_while_the_queue_is_long(
    node: SchedulerNode, connection: psycopg.Connection, broker: Broker, now: datetime, hands: Hands
):
    broker.remember()
    queue_one(connection, add_task(connection, next_slot_for=now + DAY), now=now - 6 * SECOND)
    for _ in range(4):
        node._batches.put([])
        node._publish(connection)
        hands.move(timedelta(minutes=6))
    assert broker.depth("default") == 1


# Sweep


def test_it_writes_down_that_it_lives(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    node._sweep(connection)
    rows = connection.execute("SELECT id, role, heartbeat_at FROM scheduler_nodes").fetchall()
    assert rows == [(node.id, "scheduler", now)]


def test_it_loses_nothing_before_it_has_been_steady(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands
):
    """After an outage of the database every lease has run out: the workers renew first."""
    task_id = add_task(connection, next_slot_for=now + DAY)
    start_one(connection, task_id, now=now)
    hands.move(LEASE + 30 * SECOND)
    node._sweep(connection)
    assert statuses(connection, task_id) == ["RUNNING"]


def test_it_loses_what_nobody_renews_once_it_has_been_steady(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands
):
    task_id = add_task(connection, next_slot_for=now + DAY, max_retry_count=0)
    start_one(connection, task_id, now=now - LEASE)
    steady(node, hands)
    node._sweep(connection)
    assert statuses(connection, task_id) == ["LOST"]


def test_it_loses_nothing_right_after_an_outage(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands
):
    task_id = add_task(connection, next_slot_for=now + DAY)
    started = start_one(connection, task_id, now=now)
    steady(node, hands)
    hands.move(LEASE)
    node._sweep(connection)
    assert execution(connection, started.id)["status"] == "RUNNING"


def test_it_makes_partitions_ahead(node: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands):
    with connection.transaction(force_rollback=True):
        hands.move(DAY)
        node._sweep(connection)
        found = partitions.existing(connection, "task_execution_history")
    assert found[-1].name == f"task_execution_history_p{now + 15 * DAY:%Y%m%d}"


def test_it_gives_up_on_partitions_that_claims_are_in_the_way_of(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):  # fmt: skip
    def in_the_way(*_: object, **__: object) -> None:
        raise psycopg.errors.LockNotAvailable

    monkeypatch.setattr(partitions, "ensure", in_the_way)
    node._make_partitions(connection, now)
    assert "not made" in caplog.text


def test_it_goes_through_all_busy_tasks_in_turns(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sweep, "BATCH", 1)
    tasks = [add_task(connection, next_slot_for=now, overlap_policy="SKIP", open_count=3) for _ in range(3)]
    for _ in range(4):
        node._recount_open(connection, now)
    assert [task(connection, one)["open_count"] for one in tasks] == [0, 0, 0]


# The flood


@pytest.fixture
def flooded(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> SchedulerNode:
    """A node that has seen too many rows that no broker has taken."""
    monkeypatch.setattr(sweep, "MOST_UNPUBLISHED", 1)
    for number in range(2):
        queue_one(connection, add_task(connection, next_slot_for=now + DAY), now=now - number * SECOND)
    node._sweep(connection)
    return node


def test_it_claims_nothing_in_a_flood(flooded: SchedulerNode, connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now)
    assert (flooded._claim(connection), executions(connection, task_id)) == (0.05, [])


def test_it_says_that_a_flood_holds_the_claim(flooded: SchedulerNode):
    assert flooded.ready()[1]["isClaimHeldByFlood"] is True


def test_it_keeps_the_beat_lease_in_a_flood(flooded: SchedulerNode, connection: psycopg.Connection):
    flooded._claim(connection)
    assert flooded.may_beat


def test_it_claims_again_after_the_flood(
    flooded: SchedulerNode, connection: psycopg.Connection, broker: Broker, now: datetime, hands: Hands
):
    task_id = add_task(connection, next_slot_for=now)
    hands.move(6 * SECOND)
    flooded._batches.put([])
    flooded._publish(connection)
    flooded._sweep(connection)
    flooded._claim(connection)
    assert (statuses(connection, task_id), flooded.ready()[1]["isClaimHeldByFlood"]) == (["QUEUED"], False)


# The whole


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
    node._batches.put([Ready(queue_one(connection, add_task(connection), now=now), "default", 5, 60)])
    node.stop()
    assert (lived, node.live()[0], broker.depth("default")) == (True, False, 1)


def test_it_forgets_nodes_that_have_been_silent(connection: psycopg.Connection, now: datetime):
    nodes.heartbeat(connection, now - DAY, node=uuid4(), role="worker")
    nodes.heartbeat(connection, now, node=uuid4(), role="worker")
    assert nodes.forget(connection, before=now - SECOND) == 1
