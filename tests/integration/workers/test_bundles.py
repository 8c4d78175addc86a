"""What the reporter does with executions that wait behind another one in a child, never to be held up by it."""

import os
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import psycopg
import pytest
import redis
from celery import current_app

from scheduler import transitions
from scheduler.broker import Broker
from scheduler.engine.states import Status
from scheduler.errors import BrokerUnavailable
from scheduler.records import Ended, Outcome, Started
from tests.hot_paths import LEASE, SECOND, change, execution, start_one, statuses_of
from tests.integration.workers.desk import NODE, Desk, dead, still_runs, was_killed
from workers import reporter
from workers.board import TAKEN_AFTER_SECONDS, Won


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


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing takes long while a loaded machine runs the test."""
    monkeypatch.setattr(reporter, "TAKEN_AFTER_SECONDS", 600)


Begin = Callable[[int], None]
LONG = TAKEN_AFTER_SECONDS * SECOND


@pytest.mark.usefixtures("patient")
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


def test_it_hands_back_over_a_connection_that_it_has_by_then(
    desk: Desk, begin: Begin, monkeypatch: pytest.MonkeyPatch
):  # fmt: skip
    """To open one takes longer than all the rest, and what waits has waited for long."""
    depth = Broker()
    assert depth.depth("default") == 0
    desk.turn()

    def opened(**_: object) -> None:
        pytest.fail("it opens another")

    monkeypatch.setattr(current_app, "connection_for_write", opened)
    begin(desk.child().pid)
    desk.move(LONG)
    desk.turn()
    assert depth.depth("default") == 2


def test_it_hands_back_before_it_writes_ends(
    desk: Desk, begin: Begin, running: Started, monkeypatch: pytest.MonkeyPatch
):  # fmt: skip
    done: list[str] = []

    def handed_back(*_: object, **__: object) -> set[Won]:
        done.append("handed back")
        return set()

    def written(*_: object, **__: object) -> dict[UUID, Ended]:
        done.append("written")
        return {}

    begin(desk.child().pid)
    desk.pipe.send(Outcome(running.id, running.fence, Status.SUCCESS))
    desk.move(LONG)
    monkeypatch.setattr(reporter, "hand_back", handed_back)
    monkeypatch.setattr(transitions, "finish", written)
    desk.turn()
    assert done == ["handed back", "written"]


@pytest.mark.usefixtures("patient")
def test_it_leaves_what_waits_behind_a_short_one(
    desk: Desk, connection: psycopg.Connection, begin: Begin, waiting: list[Started]
):
    begin(os.getpid())
    desk.turn()
    assert statuses_of(connection, [one.id for one in waiting]) == ["RUNNING"] * 2


def test_what_was_taken_goes_back_when_the_database_has_come_back(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, waiting: list[Started],
    outage: Callable[[], None],
):  # fmt: skip
    begin(os.getpid())
    desk.move(LONG)
    desk.turn()
    before = statuses_of(connection, [one.id for one in waiting])
    outage()
    desk.turn()
    assert (before, statuses_of(connection, [one.id for one in waiting])) == (["RUNNING"] * 2, ["QUEUED"] * 2)


def test_the_sweep_sends_what_no_broker_takes(
    desk: Desk, connection: psycopg.Connection, begin: Begin, waiting: list[Started], monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object, **__: object) -> None:
        raise BrokerUnavailable("away")

    monkeypatch.setattr(Broker, "publish", fail)
    begin(os.getpid())
    desk.move(LONG)
    desk.turn()
    rows = [execution(connection, one.id) for one in waiting]
    assert [(row["status"], row["published_at"]) for row in rows] == [("QUEUED", None)] * 2


def test_it_hands_back_what_a_dead_child_has_not_begun(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, running: Started,
    waiting: list[Started],
):  # fmt: skip
    begin(dead(desk.child()))
    desk.turn(2)
    assert statuses_of(connection, [running.id, *(one.id for one in waiting)]) == ["LOST", "QUEUED", "QUEUED"]


def test_it_hands_back_what_waits_behind_one_that_it_kills(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, running: Started,
    waiting: list[Started],
):  # fmt: skip
    child = desk.child()
    begin(child.pid)
    desk.move(61 * SECOND)
    desk.turn(2)
    assert was_killed(child)
    assert statuses_of(connection, [running.id, *(one.id for one in waiting)]) == ["TIMED_OUT", "QUEUED", "QUEUED"]


def test_it_hands_back_what_its_worker_leaves(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, running: Started,
    waiting: list[Started],
):  # fmt: skip
    begin(desk.child().pid)
    desk.take_over(pid=1)
    desk.reporter.run()
    assert statuses_of(connection, [running.id, *(one.id for one in waiting)]) == ["LOST", "QUEUED", "QUEUED"]


def test_what_is_to_be_cancelled_when_its_worker_leaves_is_cancelled(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, running: Started,
    waiting: list[Started],
):  # fmt: skip
    begin(desk.child().pid)
    with connection.transaction():
        transitions.request_cancel(connection, waiting[0].id, reason="requested", now=desk.now)
    desk.take_over(pid=1)
    desk.reporter.run()
    assert statuses_of(connection, [running.id, *(one.id for one in waiting)]) == ["LOST", "CANCELLED", "QUEUED"]


def test_what_is_to_be_cancelled_is_not_handed_back(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, waiting: list[Started]
):
    begin(os.getpid())
    with connection.transaction():
        transitions.request_cancel(connection, waiting[0].id, reason="requested", now=desk.now)
    desk.move(LONG)
    desk.turn(2)
    assert statuses_of(connection, [one.id for one in waiting]) == ["CANCELLED", "QUEUED"]


@pytest.mark.usefixtures("patient")
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


def test_what_is_lost_is_never_handed_back(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, waiting: list[Started]
):
    begin(os.getpid())
    change(connection, "task_execution_history", waiting[0].id, status="LOST")
    desk.move(LONG)
    desk.turn(2)
    assert (statuses_of(connection, [one.id for one in waiting]), Broker().depth("default")) == (["LOST", "QUEUED"], 1)


# A reporter that dies


def test_another_reporter_writes_what_one_had_in_hand(
    desk: Desk, connection: psycopg.Connection, running: Started, outage: Callable[[], None]
):
    desk.pipe.send(Outcome(running.id, running.fence, Status.SUCCESS, desk.now))
    desk.turn()
    outage()
    desk.take_over(pid=1)
    desk.reporter.run()
    assert statuses_of(connection, [running.id]) == ["SUCCESS"]


def test_another_reporter_hands_back_what_one_had_taken(
    desk: Desk, connection: psycopg.Connection, store: redis.Redis, begin: Begin, waiting: list[Started],
    outage: Callable[[], None],
):  # fmt: skip
    begin(desk.child().pid)
    desk.move(LONG)
    desk.turn()
    outage()
    desk.take_over(pid=1)
    desk.reporter.run()
    assert statuses_of(connection, [one.id for one in waiting]) == ["QUEUED"] * 2
