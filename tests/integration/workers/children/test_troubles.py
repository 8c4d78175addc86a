"""What a child does where a message, a class, a text or the database is not as it should be; and its logs."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest

from scheduler import nodes, transitions
from scheduler.engine.states import Status
from scheduler.records import Outcome
from tests.hot_paths import MINUTE, add_task, change, execution, queue_one
from tests.integration.workers.children.child import NODE, Child, nothing, raises, summary
from workers import catalogue
from workers.context import Context
from workers.registry import Data, Handler, handler

# Messages that come to nothing


@pytest.mark.parametrize("status", ["RUNNING", "SCHEDULED", "SUCCESS", "CANCELLED", "LOST", "SKIPPED"])
def test_it_does_nothing_for_an_execution_that_is_not_queued(
    child: Child, connection: psycopg.Connection, now: datetime, status: str
):
    handler("acme.test")(raises(AssertionError("it was called")))
    execution_id = queue_one(connection, add_task(connection, task_class="acme.test"), now=now)
    change(connection, "task_execution_history", execution_id, status=status)
    before = execution(connection, execution_id)
    child.runner.run(connection, [execution_id], now=now)
    assert (child.sent(), execution(connection, execution_id)) == ([], before)


def test_it_does_nothing_for_a_message_that_comes_twice(
    run: Callable[..., UUID], child: Child, connection: psycopg.Connection, now: datetime
):
    calls: list[int] = []
    execution_id = run(lambda data, context: calls.append(1))
    child.runner.run(connection, [execution_id], now=now + MINUTE)
    assert (len(calls), len(child.sent())) == (1, 1)


def test_it_does_nothing_for_an_execution_that_is_not_there(
    child: Child, connection: psycopg.Connection, now: datetime
):
    child.runner.run(connection, [uuid4()], now=now)
    assert child.sent() == []


# A class that this worker lacks


@pytest.fixture
def foreign(connection: psycopg.Connection, now: datetime) -> UUID:
    """An execution of a class that no worker here has."""
    return queue_one(connection, add_task(connection, task_class="acme.foreign"), now=now)


def test_it_hands_back_what_it_cannot_run(child: Child, connection: psycopg.Connection, foreign: UUID, now: datetime):
    child.runner.run(connection, [foreign], now=now)
    row = execution(connection, foreign)
    assert (row["status"], row["handed_back_count"], row["reason"], child.sent()) == (
        "QUEUED", 1, f"Node {NODE} has no handler acme.foreign.", [],
    )  # fmt: skip


def test_it_fails_for_good_what_comes_back(child: Child, connection: psycopg.Connection, foreign: UUID, now: datetime):
    for _ in range(2):
        child.runner.run(connection, [foreign], now=now)
    (outcome,) = child.sent()
    said = f"Node {NODE}: This worker has no handler acme.foreign."
    assert (*summary(outcome), outcome.error_message, outcome.reason) == ("FAILED", None, True, said, said)


@pytest.fixture
def colleague(connection: psycopg.Connection, now: datetime) -> UUID:
    """Another worker of the queue, which has that class."""

    def foreign_handler(data: Data, context: Context) -> None:
        """It is never called here."""

    node = uuid4()
    nodes.heartbeat(connection, now, node=node, role="worker")
    known = Handler("acme.foreign", foreign_handler)
    catalogue.announce(connection, [known], node=node, queues=["default"], now=now)
    return node


def _returned(child: Child, connection: psycopg.Connection, foreign: UUID, now: datetime) -> tuple[str, int, int]:
    """Have it come back once more; return its status, how often it was handed back, and how many ends were sent."""
    child.runner.run(connection, [foreign], now=now)
    row = execution(connection, foreign)
    return row["status"], row["handed_back_count"], len(child.sent())


@pytest.mark.usefixtures("colleague")
def test_what_comes_back_waits_for_a_worker_that_has_its_class(
    child: Child, connection: psycopg.Connection, foreign: UUID, now: datetime
):
    returned = [_returned(child, connection, foreign, now) for _ in range(3)]
    assert returned == [("QUEUED", 1, 0), ("QUEUED", 2, 0), ("QUEUED", 3, 0)]


@pytest.mark.usefixtures("colleague")
def test_it_does_not_come_back_for_ever(child: Child, connection: psycopg.Connection, foreign: UUID, now: datetime):
    for _ in range(catalogue.MOST_RETURNS):
        assert _returned(child, connection, foreign, now)[::2] == ("QUEUED", 0)
    assert _returned(child, connection, foreign, now) == ("RUNNING", catalogue.MOST_RETURNS, 1)


@pytest.mark.parametrize(
    "change_it",
    [
        "UPDATE scheduler_nodes SET ended_at = heartbeat_at",
        "UPDATE scheduler_nodes SET heartbeat_at = heartbeat_at - interval '16 seconds'",
        """UPDATE scheduler_handlers SET queues = '["other"]'""",
    ],
    ids=["has ended", "is silent", "takes from another queue"],
)
@pytest.mark.usefixtures("colleague")
def test_what_comes_back_does_not_wait_for_a_worker_that(
    child: Child, connection: psycopg.Connection, foreign: UUID, now: datetime, change_it: LiteralString
):
    connection.execute(change_it)
    returned = [_returned(child, connection, foreign, now) for _ in range(2)]
    assert returned == [("QUEUED", 1, 0), ("RUNNING", 1, 1)]


def test_a_class_that_it_lacks_goes_on_though_a_bundle_has_handed_it_back(
    child: Child, connection: psycopg.Connection, foreign: UUID, now: datetime
):
    """That a long execution was before it says nothing of who has its handler."""
    started = transitions.start(connection, foreign, node_id="another", lease_expires_at=now + MINUTE, now=now)
    assert started is not None
    transitions.hand_back(connection, [(foreign, started.fence)], now=now)
    child.runner.run(connection, [foreign], now=now)
    assert (execution(connection, foreign)["status"], child.sent()) == ("QUEUED", [])


def test_what_is_cancelled_before_it_is_handed_back_goes_to_nobody(
    child: Child, connection: psycopg.Connection, foreign: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    hand_back = transitions.hand_back

    def hand_back_a_moment_later(*arguments: Any, **others: Any) -> Any:
        transitions.request_cancel(connection, foreign, reason="requested", now=now)
        return hand_back(*arguments, **others)

    monkeypatch.setattr(transitions, "hand_back", hand_back_a_moment_later)
    child.runner.run(connection, [foreign], now=now)
    assert [one.status for one in child.sent()] == ["CANCELLED"]


def test_it_hands_back_a_class_of_any_length(child: Child, connection: psycopg.Connection, now: datetime):
    """The reason has 255 characters; a refusal by the database would leave the row RUNNING, to be LOST and retried."""
    foreign = queue_one(connection, add_task(connection, task_class="x" * 255), now=now)
    child.runner.run(connection, [foreign], now=now)
    assert execution(connection, foreign)["status"] == "QUEUED"


# Large results, logs, and a database that goes away


@pytest.mark.parametrize("ends", [lambda data, context: "x" * 10_000, raises(RuntimeError("x" * 10_000))])
def test_it_stores_large_texts_ahead_of_the_end(
    run: Callable[..., UUID], child: Child, connection: psycopg.Connection, ends: Any
):
    execution_id = run(ends)
    ahead = execution(connection, execution_id)
    (outcome,) = child.sent()
    transitions.finish(connection, [outcome], now=outcome.ended_at or ahead["start_time"])
    row = execution(connection, execution_id)
    texts = [(one["result"], one["error_message"]) for one in (ahead, row)]
    assert (ahead["status"], row["status"], len(str(texts)) > 20_000, texts[0]) == (
        "RUNNING", outcome.status, True, texts[1],
    )  # fmt: skip


def test_texts_that_were_stored_ahead_are_gone_with_the_child(
    run: Callable[..., UUID], child: Child, connection: psycopg.Connection, now: datetime
):
    execution_id = run(lambda data, context: "x" * 10_000)
    lost = Outcome(execution_id, child.sent()[0].fence, Status.LOST, error_message="It died.")
    transitions.finish(connection, [lost], now=now + MINUTE)
    row = execution(connection, execution_id)
    assert (row["status"], row["result"], row["error_message"]) == ("LOST", None, "It died.")


def test_it_sends_a_cut_result_where_the_database_is_away(
    run: Callable[..., UUID], child: Child, monkeypatch: pytest.MonkeyPatch
):
    def away(*_: object, **__: object) -> None:
        raise psycopg.OperationalError("away")

    monkeypatch.setattr(transitions, "keep_texts", away)
    run(lambda data, context: "x" * 10_000)
    (outcome,) = child.sent()
    assert (outcome.status, "… cut …" in str(outcome.result)) == ("SUCCESS", True)


def test_it_reports_though_the_database_has_gone_meanwhile(child: Child, connection: psycopg.Connection, now: datetime):
    def lose_the_database(data: Data, context: Context) -> str:
        context.log.info("so far, so good")
        connection.close()
        return "done"

    handler("acme.test")(lose_the_database)
    execution_id = queue_one(connection, add_task(connection, task_class="acme.test"), now=now)
    child.runner.run(connection, [execution_id], now=now)
    assert [summary(one) for one in child.sent()] == [("SUCCESS", "done", False)]


def logs(connection: psycopg.Connection) -> list[tuple[UUID, str, str, int]]:
    return connection.execute("SELECT id, head, tail, dropped_bytes FROM execution_log").fetchall()


def test_it_saves_what_was_logged(run: Callable[..., UUID], connection: psycopg.Connection):
    def talk(data: Data, context: Context) -> None:
        context.log.info("one")
        logging.getLogger("some.library").warning("two")

    execution_id = run(talk)
    ((saved, head, tail, dropped),) = logs(connection)
    assert (saved, [line.rsplit(": ")[-1] for line in head.splitlines()], tail, dropped) == (
        execution_id, ["one", "two"], "", 0,
    )  # fmt: skip


def test_it_saves_no_empty_log(run: Callable[..., UUID], connection: psycopg.Connection):
    run(nothing)
    assert logs(connection) == []


@pytest.mark.parametrize("said", ["a\ud800b", "a\x00b", "\udcff"], ids=["surrogate", "NUL", "undecodable"])
def test_it_reports_whatever_was_logged(run: Callable[..., UUID], child: Child, said: str):
    """A text that cannot be encoded would escape after the handler has run: LOST, and run again."""
    run(lambda data, context: context.log.warning(said))
    assert [one.status for one in child.sent()] == ["SUCCESS"]


def test_it_raises_only_before_the_handler_is_called(child: Child, connection: psycopg.Connection, now: datetime):
    handler("acme.test")(raises(AssertionError("it was called")))
    execution_id = queue_one(connection, add_task(connection, task_class="acme.test"), now=now)
    connection.close()
    with pytest.raises(psycopg.Error):
        child.runner.run(connection, [execution_id], now=now)
    assert list(child.board.running()) == []
