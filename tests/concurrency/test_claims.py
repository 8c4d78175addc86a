"""Several schedulers at the same time: each slot once, and nobody waits for anybody."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import redis

from scheduler import dispatch, firing, leases, partitions, permits, releases, sweep, transitions, triggers
from scheduler.broker import Broker
from scheduler.engine.states import Status, Trigger
from scheduler.records import NewExecution
from tests.concurrency.together import flat, in_turn, together
from tests.hot_paths import MINUTE, SECOND, Open, add_task, executions, queue_one, start_one, statuses, task

EVERYWHERE = UUID(int=0)
TASKS = 300
ROUNDS = 5


def claim_everything(connection: psycopg.Connection, *, now: datetime) -> list[UUID]:
    """Claim until nothing is due; return what is to be published."""
    ready: list[UUID] = []
    claimed = firing.Claimed(is_full=True)
    while claimed.is_full:
        claimed = firing.claim(connection, now=now, limit=20)
        ready += [one.id for one in claimed.ready]
    return ready


def test_it_fires_each_slot_once_with_several_schedulers(
    connection: psycopg.Connection, open_connection: Open, now: datetime
):
    for _ in range(TASKS):
        add_task(connection, next_slot_for=now)
    published = flat(together(*(partial(claim_everything, open_connection(), now=now) for _ in range(4))))
    rows = executions(connection)
    assert (len(published), {row["id"] for row in rows}, len(rows)) == (TASKS, set(published), TASKS)


def test_it_moves_each_task_on_once_with_several_schedulers(
    connection: psycopg.Connection, open_connection: Open, now: datetime
):
    for _ in range(TASKS):
        add_task(connection, next_slot_for=now - 3 * SECOND, interval_seconds=1)
    together(*(partial(claim_everything, open_connection(), now=now) for _ in range(4)))
    next_slots = connection.execute("SELECT DISTINCT next_slot_for FROM scheduler_tasks").fetchall()
    assert (next_slots, len(executions(connection))) == ([(now + SECOND,)], 4 * TASKS)


def test_it_claims_what_another_scheduler_does_not_hold(
    connection: psycopg.Connection, open_connection: Open, now: datetime
):
    tasks = [add_task(connection, next_slot_for=now) for _ in range(4)]
    other = open_connection()
    with other.transaction():
        firing.claim(other, now=now, limit=2)
        claimed = firing.claim(connection, now=now)
    assert (claimed.task_count, sorted(map(len, map(partial(executions, connection), tasks)))) == (2, [1, 1, 1, 1])


@pytest.mark.parametrize("_", range(ROUNDS))
def test_it_lets_only_one_of_several_schedulers_find_a_task_idle(
    connection: psycopg.Connection, open_connection: Open, now: datetime, _: int
):
    """Slots, requests and two schedulers at once: one execution is open, whoever was first."""
    task_id = add_task(connection, next_slot_for=now, overlap_policy="SKIP")
    together(
        partial(claim_everything, open_connection(), now=now),
        partial(claim_everything, open_connection(), now=now),
        partial(queue_one, open_connection(), task_id, now=now + SECOND),
        partial(queue_one, open_connection(), task_id, now=now + 2 * SECOND),
    )
    firing.claim(connection, now=now)  # where a request held the task, both have skipped it
    assert (sorted(statuses(connection, task_id)), task(connection, task_id)["open_count"]) == (
        ["QUEUED", "SKIPPED", "SKIPPED"], 1,
    )  # fmt: skip


def test_it_lets_a_change_answer_for_its_slots_beside_the_claim(
    connection: psycopg.Connection, open_connection: Open, now: datetime
):
    task_id = add_task(connection, next_slot_for=now - 2 * MINUTE, misfire_policy="FIRE_ALL")
    together(
        partial(claim_everything, open_connection(), now=now),
        partial(firing.record_due, open_connection(), task_id, now=now),
    )
    assert [row["scheduled_for"] for row in executions(connection, task_id)] == [now - 2 * MINUTE, now - MINUTE, now]


def row_of(task_id: UUID, now: datetime) -> NewExecution:
    return NewExecution(
        id=UUID(int=int(now.timestamp() * 1000) << 80), task_id=task_id, cause="slot:x", attempt=1,
        status=Status.QUEUED, trigger=Trigger.SCHEDULE, scheduled_for=now, due_at=now, namespace="default",
        queue="default", priority=5, timeout_seconds=60, revision=1,
    )  # fmt: skip


@pytest.mark.parametrize("_", range(ROUNDS))
def test_it_records_an_id_once_whoever_comes_with_it(
    connection: psycopg.Connection, open_connection: Open, now: datetime, _: int
):
    row = row_of(add_task(connection), now)
    inserted = together(*(partial(transitions.record, open_connection(), [row], now=now) for _ in range(4)))
    assert (sorted(map(len, inserted)), len(executions(connection))) == ([0, 0, 0, 1], 1)


@pytest.mark.parametrize("_", range(ROUNDS))
def test_it_finds_the_same_request_when_it_comes_twice_at_once(
    connection: psycopg.Connection, open_connection: Open, now: datetime, _: int
):
    task_id, request = add_task(connection, overlap_policy="SKIP"), uuid4()

    def ask(asking: psycopg.Connection) -> tuple[UUID, list[Any]]:
        with asking.transaction():
            return triggers.trigger(asking, task_id, request=request, task_data=None, now=now)

    answers = together(*(partial(ask, open_connection()) for _ in range(3)))
    assert ({one for one, _ in answers}, statuses(connection, task_id)) == ({answers[0][0]}, ["QUEUED"])


def test_it_releases_each_held_row_once_with_several_schedulers(
    connection: psycopg.Connection, open_connection: Open, now: datetime
):
    task_id = add_task(connection, retry_policy='{"delaySeconds": 0, "jitter": false}')
    for number in range(60):
        start_one(connection, task_id, now=now + number * timedelta(milliseconds=1))
    later = now + MINUTE
    sweep.lose(connection, now=later, low=EVERYWHERE)
    ready = flat(
        together(*(partial(releases.release, open_connection(), now=later + SECOND, low=EVERYWHERE) for _ in range(4)))
    )
    assert (len(ready), len({one.id for one in ready})) == (60, 60)


@pytest.mark.parametrize("_", range(ROUNDS))
def test_it_gives_a_lease_to_one_of_several_nodes(
    connection: psycopg.Connection, open_connection: Open, now: datetime, _: int
):
    epochs = together(
        *(
            partial(leases.acquire, open_connection(), "beat", holder=uuid4(), ttl=15 * SECOND, now=now)
            for _ in range(4)
        )
    )
    assert sorted(epochs, key=str) == [1, None, None, None]


def test_it_makes_partitions_once_with_several_nodes(open_connection: Open, now: datetime):
    """Each table is made by whoever comes first; all of them then see the same."""
    made = together(
        *(
            partial(partitions.ensure, open_connection(), now=now + timedelta(days=1), lock_timeout="5s")
            for _ in range(4)
        )
    )
    expected = [f"{table}_p{now + timedelta(days=15):%Y%m%d}" for table in partitions.PARTITIONED_TABLES]
    dropping = open_connection()
    dropped = [dropping.execute(f"DROP TABLE {name}") for name in expected]
    assert (sorted(flat(made)), len(dropped)) == (sorted(expected), 2)


@pytest.fixture
def brokers(store: redis.Redis) -> Iterator[list[Broker]]:
    """The connections of three nodes to an empty Valkey."""
    opened = [Broker() for _ in range(3)]
    yield opened
    for broker in opened:
        broker.close()


def test_it_publishes_what_nobody_has_once_with_several_nodes(
    connection: psycopg.Connection, open_connection: Open, brokers: list[Broker], now: datetime
):
    task_id = add_task(connection)
    for number in range(700):
        queue_one(connection, task_id, now=now + number * timedelta(milliseconds=1))
    sweeping: list[Callable[[], int]] = [
        partial(dispatch.dispatch_unpublished, open_connection(), broker, now=now + MINUTE, low=EVERYWHERE)
        for broker in brokers
    ]
    together(*(in_turn(one, one) for one in sweeping))
    assert brokers[0].depth("default") == 700


def test_two_schedulers_keep_a_limit_exactly(connection: psycopg.Connection, open_connection: Open, now: datetime):
    permits.limit(connection, "queue:default", 7, now=now)
    for _ in range(60):
        add_task(connection, next_slot_for=now)
    together(*(partial(claim_everything, open_connection(), now=now) for _ in range(4)))
    assert sorted(statuses(connection)) == ["QUEUED"] * 7 + ["SCHEDULED"] * 53
    together(*(partial(releases.release, open_connection(), now=now + MINUTE, low=EVERYWHERE) for _ in range(4)))
    assert sorted(statuses(connection)) == ["QUEUED"] * 7 + ["SCHEDULED"] * 53
    permits.limit(connection, "queue:default", 20, now=now)
    together(*(partial(releases.release, open_connection(), now=now + MINUTE, low=EVERYWHERE) for _ in range(4)))
    assert sorted(statuses(connection)) == ["QUEUED"] * 20 + ["SCHEDULED"] * 40
