"""Several executions of one message, one after another in a child."""

from datetime import datetime
from uuid import UUID

import psycopg
import pytest
import redis

from scheduler import clock, transitions
from scheduler.broker import Broker
from tests.hot_paths import SECOND, add_task, change, execution, queue_one, statuses_of
from tests.integration.workers.children.child import Child
from workers.registry import handler
from workers.run import LEASE as WORKER_LEASE


@pytest.fixture
def three(child: Child, connection: psycopg.Connection, now: datetime) -> list[UUID]:
    """Three queued executions of what the child notes that it ran."""
    handler("acme.test")(child.handle)
    return [queue_one(connection, add_task(connection, task_class="acme.test"), now=now) for _ in range(3)]


def test_it_runs_them_one_after_another(child: Child, connection: psycopg.Connection, three: list[UUID], now: datetime):
    child.runner.run(connection, three, now=now + SECOND)
    assert (child.ran, [one.id for one in child.sent()], statuses_of(connection, three)) == (
        three,
        three,
        ["RUNNING"] * 3,
    )
    assert list(child.board.running()) == []


def test_each_has_a_fence_of_its_own(child: Child, connection: psycopg.Connection, three: list[UUID], now: datetime):
    child.runner.run(connection, three, now=now + SECOND)
    fences = [execution(connection, one)["fence"] for one in three]
    assert (len(set(fences)), [one.fence for one in child.sent()]) == (3, fences)


def test_each_begins_when_the_one_before_has_ended(
    child: Child, connection: psycopg.Connection, three: list[UUID], now: datetime, monkeypatch: pytest.MonkeyPatch
):
    at = [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: at[-1])
    child.does = {1: lambda: at.append(100.5), 3: lambda: at.append(101.0)}
    child.runner.run(connection, three, now=now)
    transitions.finish(connection, child.sent(), now=now + 60 * SECOND)
    rows = [execution(connection, one) for one in three]
    assert [((row["start_time"] - now).total_seconds(), row["execution_time_ms"]) for row in rows] == [
        (0, 500), (0.5, 0), (0.5, 500),
    ]  # fmt: skip


def test_it_leaves_out_what_somebody_else_has(
    child: Child, connection: psycopg.Connection, three: list[UUID], now: datetime
):
    change(connection, "task_execution_history", three[1], status="CANCELLED")
    child.runner.run(connection, three, now=now)
    assert child.ran == [three[0], three[2]]


def test_a_bundle_that_comes_twice_runs_once(
    child: Child, connection: psycopg.Connection, three: list[UUID], now: datetime
):
    for _ in range(2):
        child.runner.run(connection, three, now=now)
    assert child.ran == three


def test_one_that_fails_holds_up_none(child: Child, connection: psycopg.Connection, three: list[UUID], now: datetime):
    child.does = {1: lambda: 1 / 0}
    child.runner.run(connection, three, now=now)
    assert [one.status for one in child.sent()] == ["FAILED", "SUCCESS", "SUCCESS"]


def test_the_board_shows_what_waits(child: Child, connection: psycopg.Connection, three: list[UUID], now: datetime):
    seen: list[list[UUID]] = []
    look = lambda: seen.extend([one for one, _ in note.waiting] for note in child.board.running())  # noqa: E731
    child.does = {1: look, 2: look, 3: look}
    child.runner.run(connection, three, now=now)
    assert seen == [three[1:], three[2:], []]


def test_a_class_that_it_lacks_goes_to_another_worker(
    child: Child, connection: psycopg.Connection, three: list[UUID], now: datetime
):
    foreign = queue_one(connection, add_task(connection, task_class="acme.foreign"), now=now)
    child.runner.run(connection, [foreign, *three], now=now)
    assert (child.ran, statuses_of(connection, [foreign])) == (three, ["QUEUED"])


def test_it_begins_nothing_more_where_the_worker_is_to_end(
    child: Child, connection: psycopg.Connection, store: redis.Redis, three: list[UUID], now: datetime
):
    child.does = {1: child.board.drain}
    child.runner.run(connection, three, now=now)
    assert (child.ran, statuses_of(connection, three)) == (three[:1], ["RUNNING", "QUEUED", "QUEUED"])
    assert Broker().depth("default") == 2


def test_it_begins_nothing_more_after_it_has_slept_for_longer_than_its_lease(
    child: Child, connection: psycopg.Connection, store: redis.Redis, three: list[UUID], now: datetime,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """Others may have lost and tried again what it has won, before its reporter tells it so."""
    at = [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: at[-1])
    child.does = {1: lambda: at.append(100.0 + WORKER_LEASE.total_seconds())}
    change(connection, "task_execution_history", three[1], status="LOST")
    child.runner.run(connection, three, now=now)
    assert (child.ran, statuses_of(connection, three)) == (three[:1], ["RUNNING", "LOST", "QUEUED"])


def test_it_leaves_what_it_cannot_hand_back_to_the_lease(
    child: Child, connection: psycopg.Connection, three: list[UUID], now: datetime
):
    def end_without_database() -> None:
        child.board.drain()
        connection.close()

    child.does = {1: end_without_database}
    child.runner.run(connection, three, now=now)
    assert child.ran == three[:1]


def test_a_child_hands_back_what_was_taken_from_it(
    child: Child, connection: psycopg.Connection, store: redis.Redis, three: list[UUID], now: datetime,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """Whoever took it may have died before it could."""
    at = [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: at[-1])

    def take() -> None:
        at.append(101.0)
        child.board.take(next(child.board.running()))

    child.does = {1: take}
    child.runner.run(connection, three, now=now)
    assert (child.ran, statuses_of(connection, three)) == (three[:1], ["RUNNING", "QUEUED", "QUEUED"])
