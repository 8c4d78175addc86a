"""What a node claims at each pass: what is due, unless its clock, a partition or a flood is in the way."""

from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from platform_scheduler.embedded.waiting import wait_until
from scheduler import claims, partitions, sweep
from scheduler.broker import Broker
from scheduler.loops import Timer
from scheduler.node import GATHER_SECONDS, REST_SECONDS, TICK_SECONDS, SchedulerNode
from tests.hot_paths import DAY, SECOND, Open, add_task, executions, queue_one, start_one, statuses
from tests.integration.scheduler.hands import Hands

# Claim


def test_it_claims_and_hands_over(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now)
    node._claim(connection)
    handed = node.publisher.batches.get_nowait()
    assert handed is not None
    assert [one.id for one in handed[0]] == [row["id"] for row in executions(connection, task_id)]


def test_it_claims_again_at_once_where_more_is_due(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now - timedelta(days=1), misfire_policy="FIRE_ALL", catch_up_limit=500)
    assert node._claim(connection) == 0


def test_it_rests_for_a_second_where_nothing_is_due(node: SchedulerNode, connection: psycopg.Connection):
    assert node._claim(connection) == REST_SECONDS


def test_it_rests_no_longer_than_until_it_looks_at_what_is_held(
    node: SchedulerNode, connection: psycopg.Connection, hands: Hands
):
    node._claim(connection)
    hands.move(timedelta(milliseconds=875))
    assert node._claim(connection) == 0.125


def test_it_looks_again_soon_where_it_was_told_in_the_middle_of_a_pass(
    node: SchedulerNode,
    connection: psycopg.Connection,
    open_connection: Open,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
):
    """What is registered between its look and its next statement wakes nobody: that statement takes the notice."""
    register = open_connection()

    def release(connection: psycopg.Connection, now: datetime) -> None:
        add_task(register, next_slot_for=now)
        assert wait_until(lambda: connection.execute("SELECT 1") and node._is_told, seconds=10, every=0.001)

    node._claim(connection)
    timer = Timer(1, release)
    timer.make_due()
    monkeypatch.setattr(node, "_release_timer", timer)
    assert node._claim(connection) == GATHER_SECONDS


def test_it_goes_on_at_once_where_it_heard_of_an_end_after_it_looked_at_what_is_held(
    node: SchedulerNode, connection: psycopg.Connection
):
    node._claim(connection)
    node._release_timer.make_due()
    assert node._longest_rest() == 0


def test_it_rests_for_a_tick_while_something_waits_for_its_rate(node: SchedulerNode, connection: psycopg.Connection):
    connection.execute("INSERT INTO scheduler_permits (key, has_waiting) VALUES ('all', true)")
    assert node._claim(connection) == TICK_SECONDS


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


def test_it_makes_the_partition_that_a_slot_lacks_and_claims_again(
    gap: datetime, node: SchedulerNode, connection: psycopg.Connection, hands: Hands
):
    task_id = add_task(connection, next_slot_for=gap)
    hands.move(3 * DAY)
    waits = [node._claim(connection), node._claim(connection)]
    assert (waits, statuses(connection, task_id)) == ([0, 0.02], ["QUEUED"])


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


# The flood


@pytest.fixture
def flooded(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> SchedulerNode:
    """A node that has seen too many rows that no broker has taken."""
    monkeypatch.setattr(sweep, "MOST_UNPUBLISHED", 1)
    for number in range(2):
        queue_one(connection, add_task(connection, next_slot_for=now + DAY), now=now - number * SECOND)
    node.sweeping.turn(connection)
    return node


def test_it_claims_nothing_in_a_flood(flooded: SchedulerNode, connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now)
    assert (flooded._claim(connection), executions(connection, task_id)) == (TICK_SECONDS, [])


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
    flooded.publisher.batches.put(([], None))
    flooded.publisher.turn(connection)
    flooded.sweeping.turn(connection)
    flooded._claim(connection)
    assert (statuses(connection, task_id), flooded.ready()[1]["isClaimHeldByFlood"]) == (["QUEUED"], False)


def test_it_looks_again_just_when_the_next_slot_is_due(
    node: SchedulerNode, connection: psycopg.Connection, now: datetime
):
    add_task(connection, next_slot_for=now + timedelta(milliseconds=7))
    assert node._claim(connection) == 0.007


def test_it_gathers_what_comes_due_after_a_claim(node: SchedulerNode, connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now)
    assert node._claim(connection) == 0.02


def test_it_rests_for_a_tick_where_another_node_is_claiming(
    node: SchedulerNode, connection: psycopg.Connection, open_connection: Open, now: datetime
):
    add_task(connection, next_slot_for=now)
    with connection.transaction():
        claims.due_tasks(connection, now=now, limit=1)
        assert node._claim(open_connection()) == TICK_SECONDS


# The second thread of a backlog


@pytest.fixture
def backlogged(node: SchedulerNode) -> SchedulerNode:
    """A node whose last claim came back full."""
    node._backlogged.set()
    return node


def test_it_assists_where_there_is_a_backlog(backlogged: SchedulerNode, connection: psycopg.Connection, now: datetime):
    task_id = add_task(connection, next_slot_for=now - timedelta(days=1), misfire_policy="FIRE_ALL", catch_up_limit=500)
    backlogged._assist(connection)
    assert (len(executions(connection, task_id)), backlogged._backlogged.is_set()) == (100, True)


def test_it_rests_when_the_backlog_is_gone_though_the_claim_loop_says_nothing(
    backlogged: SchedulerNode, connection: psycopg.Connection
):
    backlogged._assist(connection)
    assert not backlogged._backlogged.is_set()


def test_it_does_not_assist_after_a_jump_of_the_clock(
    backlogged: SchedulerNode, connection: psycopg.Connection, now: datetime, hands: Hands
):
    backlogged._assist(connection)
    backlogged._backlogged.set()
    add_task(connection, next_slot_for=now + timedelta(minutes=30))
    hands.now += timedelta(hours=1)
    backlogged._assist(connection)
    assert executions(connection) == []
