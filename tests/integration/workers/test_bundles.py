"""Several executions of one message: one after another in a child, and never held up by a long one among them."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis

from scheduler import clock, transitions
from scheduler.broker import Broker
from scheduler.engine.states import Status
from scheduler.records import Outcome, Started
from tests.hot_paths import LEASE, SECOND, Open, add_task, change, execution, queue_one, start_one
from tests.integration.workers.desk import Desk, dead, still_runs, was_killed
from workers import registry
from workers.board import TAKEN_AFTER_SECONDS, Board
from workers.context import Context
from workers.pipe import Pipe
from workers.registry import Data, handler
from workers.run import LEASE as WORKER_LEASE
from workers.run import Runner

NODE = UUID("00000000-0000-4000-8000-00000000000f")


@pytest.fixture(autouse=True)
def _handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr(registry, "_handlers", {})


class Child:
    """A child of a worker; `ran` is what its handler was called for, `does` what that does at its nth call."""

    def __init__(self) -> None:
        self.board = Board()
        self.pipe = Pipe()
        self.runner = Runner(node_id=NODE, slot=0, board=self.board, pipe=self.pipe)
        self.ran: list[UUID] = []
        self.does: dict[int, Callable[[], Any]] = {}

    def sent(self) -> list[Outcome]:
        return list(self.pipe.receive(timeout=0))

    def handle(self, data: Data, context: Context) -> None:
        self.ran.append(context.execution_id)
        self.does.get(len(self.ran), int)()


@pytest.fixture
def child() -> Iterator[Child]:
    """A child that has nothing to do yet."""
    made = Child()
    handler("acme.test")(made.handle)
    yield made
    os.close(made.pipe.reading)
    os.close(made.pipe.writing)


@pytest.fixture
def three(connection: psycopg.Connection, now: datetime) -> list[UUID]:
    """Three queued executions."""
    return [queue_one(connection, add_task(connection, task_class="acme.test"), now=now) for _ in range(3)]


def states(connection: psycopg.Connection, executions: list[UUID]) -> list[str]:
    return [execution(connection, one)["status"] for one in executions]


# In a child


def test_it_runs_them_one_after_another(child: Child, connection: psycopg.Connection, three: list[UUID], now: datetime):
    child.runner.run(connection, three, now=now + SECOND)
    assert (child.ran, [one.id for one in child.sent()], states(connection, three)) == (three, three, ["RUNNING"] * 3)
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
    assert (child.ran, states(connection, [foreign])) == (three, ["QUEUED"])


def test_it_begins_nothing_more_where_the_worker_is_to_end(
    child: Child, connection: psycopg.Connection, store: redis.Redis, three: list[UUID], now: datetime
):
    child.does = {1: child.board.drain}
    child.runner.run(connection, three, now=now)
    assert (child.ran, states(connection, three)) == (three[:1], ["RUNNING", "QUEUED", "QUEUED"])
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
    assert (child.ran, states(connection, three)) == (three[:1], ["RUNNING", "LOST", "QUEUED"])


def test_it_leaves_what_it_cannot_give_back_to_the_lease(
    child: Child, connection: psycopg.Connection, three: list[UUID], now: datetime
):
    def end_without_database() -> None:
        child.board.drain()
        connection.close()

    child.does = {1: end_without_database}
    child.runner.run(connection, three, now=now)
    assert child.ran == three[:1]


# In the reporter


@pytest.fixture
def waiting(connection: psycopg.Connection, report: UUID, now: datetime) -> list[Started]:
    """Two executions that this worker has won besides the one that runs."""
    return [start_one(connection, report, now=now + count * SECOND, node_id=str(NODE)) for count in (1, 2)]


@pytest.fixture
def begin(desk: Desk, running: Started, waiting: list[Started]) -> Callable[..., None]:
    """Notes that a child runs one of them while the others wait."""

    def begin_it(pid: int) -> None:
        held = [(one.id, one.fence) for one in waiting]
        deadline = desk.monotonic() + 60
        desk.board.put(0, pid=pid, deadline=deadline, execution=running.id, fence=running.fence, waiting=held)

    return begin_it


Begin = Callable[[int], None]
LONG = TAKEN_AFTER_SECONDS * SECOND


def test_it_renews_what_waits(desk: Desk, connection: psycopg.Connection, begin: Begin, waiting: list[Started]):
    desk.turn()
    desk.move(20 * SECOND)
    begin(os.getpid())
    desk.turn()
    assert {execution(connection, one.id)["lease_expires_at"] for one in waiting} == {desk.now + LEASE}


def test_it_takes_what_waits_behind_a_long_one(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, running: Started,
    waiting: list[Started],
):  # fmt: skip
    child = desk.child()
    begin(child.pid)
    desk.move(LONG)
    desk.turn()
    rows = [execution(connection, one.id) for one in waiting]
    assert [(row["status"], row["start_time"], row["published_at"]) for row in rows] == [("QUEUED", None, desk.now)] * 2
    assert (execution(connection, running.id)["status"], Broker().depth("default"), still_runs(child)) == (
        "RUNNING", 2, True,
    )  # fmt: skip


def test_it_leaves_what_waits_behind_a_short_one(
    desk: Desk, connection: psycopg.Connection, begin: Begin, waiting: list[Started]
):
    begin(os.getpid())
    desk.turn()
    assert states(connection, [one.id for one in waiting]) == ["RUNNING"] * 2


def test_what_was_taken_goes_back_when_the_database_has_come_back(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, waiting: list[Started],
    outage: Callable[[], None],
):  # fmt: skip
    begin(os.getpid())
    desk.move(LONG)
    desk.turn()
    before = states(connection, [one.id for one in waiting])
    outage()
    desk.turn()
    assert (before, states(connection, [one.id for one in waiting])) == (["RUNNING"] * 2, ["QUEUED"] * 2)


def test_it_gives_back_what_a_dead_child_has_not_begun(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, running: Started,
    waiting: list[Started],
):  # fmt: skip
    begin(dead(desk.child()))
    desk.turn(2)
    assert states(connection, [running.id, *(one.id for one in waiting)]) == ["LOST", "QUEUED", "QUEUED"]


def test_it_gives_back_what_waits_behind_one_that_it_kills(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, running: Started,
    waiting: list[Started],
):  # fmt: skip
    child = desk.child()
    begin(child.pid)
    desk.move(61 * SECOND)
    desk.turn(2)
    assert was_killed(child)
    assert states(connection, [running.id, *(one.id for one in waiting)]) == ["TIMED_OUT", "QUEUED", "QUEUED"]


def test_it_gives_back_what_its_worker_leaves(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, running: Started,
    waiting: list[Started],
):  # fmt: skip
    begin(desk.child().pid)
    desk.take_over(pid=1)
    desk.reporter.run()
    assert states(connection, [running.id, *(one.id for one in waiting)]) == ["LOST", "QUEUED", "QUEUED"]


def test_what_is_to_be_cancelled_is_not_given_back(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, waiting: list[Started]
):
    begin(os.getpid())
    with connection.transaction():
        transitions.request_cancel(connection, waiting[0].id, reason="requested", now=desk.now)
    desk.move(LONG)
    desk.turn(2)
    assert states(connection, [one.id for one in waiting]) == ["CANCELLED", "QUEUED"]


def test_what_waits_is_asked_to_end_when_it_has_begun(
    desk: Desk, connection: psycopg.Connection, begin: Begin, waiting: list[Started]
):
    child = desk.child()  # it does not hear the signal, and ends of it
    begin(child.pid)
    desk.turn()
    with connection.transaction():
        transitions.request_cancel(connection, waiting[0].id, reason="requested", now=desk.now)
    desk.turn_until(lambda: waiting[0].id in desk.reporter._heard)
    spared = still_runs(child)
    desk.board.go_on(0, deadline=desk.monotonic() + 60)
    desk.turn()
    assert (spared, child.wait(10) < 0) == (True, True)


def test_what_is_lost_is_never_given_back(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, waiting: list[Started]
):
    begin(os.getpid())
    change(connection, "task_execution_history", waiting[0].id, status="LOST")
    desk.move(LONG)
    desk.turn(2)
    assert (states(connection, [one.id for one in waiting]), Broker().depth("default")) == (["LOST", "QUEUED"], 1)


# How long a task runs


def ended(connection: psycopg.Connection, task_id: UUID, ms: int, *, status: Status, now: datetime) -> None:
    started = start_one(connection, task_id, now=now)
    end = now + ms * SECOND / 1000
    transitions.finish(connection, [Outcome(started.id, started.fence, status, end)], now=end)


def learned(connection: psycopg.Connection, task_id: UUID) -> tuple[int, float | None]:
    row = connection.execute("SELECT run_count, expected_ms FROM scheduler_tasks WHERE id = %s", (task_id,)).fetchone()
    assert row is not None
    return row[0], row[1] and round(row[1], 3)


def test_it_learns_how_long_a_task_runs(connection: psycopg.Connection, report: UUID, now: datetime):
    end = partial(ended, connection, report)
    end(100, status=Status.SUCCESS, now=now)
    end(400, status=Status.FAILED, now=now + 10 * SECOND)
    end(100, status=Status.TIMED_OUT, now=now + 20 * SECOND)
    assert learned(connection, report) == (3, 388.0)


@pytest.mark.parametrize("status", [Status.LOST, Status.CANCELLED])
def test_what_did_not_end_by_itself_teaches_nothing(
    connection: psycopg.Connection, report: UUID, now: datetime, status: Status
):
    ended(connection, report, 100, status=status, now=now)
    assert learned(connection, report) == (0, None)


def test_it_learns_from_several_that_end_at_once(
    connection: psycopg.Connection, open_connection: Open, report: UUID, now: datetime
):
    both = [start_one(connection, report, now=now + count * SECOND) for count in range(2)]
    ends = [
        Outcome(one.id, one.fence, Status.SUCCESS, one.started_at + ms * SECOND / 1000)
        for one, ms in zip(both, (30, 20), strict=True)
    ]
    transitions.finish(connection, ends, now=now + 60 * SECOND)
    assert learned(connection, report) == (2, 30.0)


# A reporter that dies


def test_another_reporter_writes_what_one_had_in_hand(
    desk: Desk, connection: psycopg.Connection, running: Started, outage: Callable[[], None]
):
    desk.pipe.send(Outcome(running.id, running.fence, Status.SUCCESS, desk.now))
    desk.turn()
    outage()
    desk.take_over(pid=1)
    desk.reporter.run()
    assert states(connection, [running.id]) == ["SUCCESS"]


def test_another_reporter_gives_back_what_one_had_taken(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, waiting: list[Started],
    outage: Callable[[], None],
):  # fmt: skip
    begin(desk.child().pid)
    desk.move(LONG)
    desk.turn()
    outage()
    desk.take_over(pid=1)
    desk.reporter.run()
    assert states(connection, [one.id for one in waiting]) == ["QUEUED"] * 2


def test_a_child_gives_back_what_was_taken_from_it(
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
    assert (child.ran, states(connection, three)) == (three[:1], ["RUNNING", "QUEUED", "QUEUED"])
