"""One execution in a child: won, called, reported, against the real database."""

import logging
import os
import signal
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from scheduler import clock, transitions
from scheduler.engine.states import Status
from scheduler.records import Outcome
from tests.hot_paths import MINUTE, SECOND, Open, add_task, change, execution, queue_one
from workers import registry
from workers.board import Board, Note
from workers.context import Context
from workers.errors import PermanentFailure, SoftTimeout
from workers.pipe import Pipe
from workers.registry import Data, handler
from workers.run import LEASE, Runner

NODE = UUID("00000000-0000-4000-8000-00000000000f")


class Child:
    """A child of a worker, and what its reporter would see."""

    def __init__(self) -> None:
        self.board = Board()
        self.pipe = Pipe()
        self.runner = Runner(node_id=NODE, slot=3, board=self.board, pipe=self.pipe)

    def sent(self) -> list[Outcome]:
        return list(self.pipe.receive(timeout=0))


@pytest.fixture
def child() -> Iterator[Child]:
    """A child with a pipe and a board of its own."""
    made = Child()
    yield made
    os.close(made.pipe.reading)
    os.close(made.pipe.writing)


@pytest.fixture(autouse=True)
def _handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr(registry, "_handlers", {})


@pytest.fixture
def run(child: Child, connection: psycopg.Connection, now: datetime) -> Callable[..., UUID]:
    """Registers a function, requests an execution of it and runs that; returns its id."""

    def run_it(function: Callable[[Data, Context], Any], *, task_data: str | None = None, **task: Any) -> UUID:
        handler("acme.test", schema=task.pop("schema", None))(function)
        task_id = add_task(connection, task_class="acme.test", **task)
        execution_id = queue_one(connection, task_id, now=now, task_data=task_data)
        child.runner.run(connection, [execution_id], now=now + SECOND)
        return execution_id

    return run_it


def nothing(data: Data, context: Context) -> None:
    """Do nothing."""


def raises(error: BaseException) -> Callable[[Data, Context], Any]:
    def fail(data: Data, context: Context) -> None:
        raise error

    return fail


def summary(outcome: Outcome) -> tuple[str, str | None, bool]:
    return outcome.status, outcome.result, outcome.is_permanent


# Outcomes


def test_it_reports_success_with_its_result(run: Callable[..., UUID], child: Child):
    execution_id = run(lambda data, context: {"answer": 42})
    (outcome,) = child.sent()
    assert (outcome.id, *summary(outcome)) == (execution_id, "SUCCESS", '{"answer": 42}', False)


def test_it_reports_under_the_fence_that_it_has_drawn(
    run: Callable[..., UUID], child: Child, connection: psycopg.Connection
):
    execution_id = run(nothing)
    assert child.sent()[0].fence == execution(connection, execution_id)["fence"]


def test_it_measures_its_time_by_its_own_clock(
    run: Callable[..., UUID], child: Child, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    """The end is the database's start and our monotonic seconds: neither this machine's wall clock counts nor a delay
    until the reporter writes."""
    seconds = [100.0]
    monkeypatch.setattr(clock, "monotonic", lambda: seconds[-1])
    run(lambda data, context: seconds.append(107.5))
    assert child.sent()[0].ended_at == now + SECOND + timedelta(seconds=7.5)


def test_it_leaves_the_end_to_the_reporter(run: Callable[..., UUID], connection: psycopg.Connection):
    assert execution(connection, run(nothing))["status"] == "RUNNING"


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(1), SystemExit(0), KeyboardInterrupt(), GeneratorExit(), BaseException("x")]
)
def test_it_fails_whatever_the_handler_raises(run: Callable[..., UUID], child: Child, error: BaseException):
    """Whatever escaped would leave the row RUNNING until its lease ends, and then count as LOST."""
    run(raises(error))
    assert [summary(one) for one in child.sent()] == [("FAILED", None, False)]


def test_it_fails_where_the_handler_exits(run: Callable[..., UUID], child: Child):
    def leave(data: Data, context: Context) -> None:
        raise SystemExit("bye")

    run(leave)
    assert str(child.sent()[0].error_message).startswith("SystemExit: bye")


def test_it_fails_for_good_on_request(run: Callable[..., UUID], child: Child):
    run(raises(PermanentFailure("no such customer")))
    (outcome,) = child.sent()
    assert (*summary(outcome), outcome.error_message) == ("FAILED", None, True, "no such customer")


def test_it_times_out_by_the_soft_limit(run: Callable[..., UUID], child: Child):
    def too_slow(data: Data, context: Context) -> None:
        signal.raise_signal(signal.SIGALRM)

    run(too_slow, timeout_seconds=60)
    assert summary(child.sent()[0]) == ("TIMED_OUT", None, False)


def test_it_arms_the_soft_limit_with_the_tasks_timeout(run: Callable[..., UUID], child: Child):
    def tell(data: Data, context: Context) -> float:
        return round(signal.getitimer(signal.ITIMER_REAL)[0] / 10)

    run(tell, timeout_seconds=120)
    assert child.sent()[0].result == "12"


def test_it_succeeds_where_the_handler_makes_do_with_its_time(run: Callable[..., UUID], child: Child):
    def part(data: Data, context: Context) -> str:
        try:
            signal.raise_signal(signal.SIGALRM)
        except SoftTimeout:
            return "a part"
        return "all"

    run(part)
    assert summary(child.sent()[0]) == ("SUCCESS", "a part", False)


SCHEMA = {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]}


def test_it_refuses_task_data_that_do_not_fit(run: Callable[..., UUID], child: Child):
    run(raises(AssertionError("it was called")), schema=SCHEMA, task_data='{"days": "x"}')
    (outcome,) = child.sent()
    assert (*summary(outcome), outcome.error_message) == (
        "FAILED", None, True, "taskData.days: 'x' is not of type 'integer'",
    )  # fmt: skip


@pytest.mark.parametrize("task_data", ["not JSON", "[]", "5", "null"])
def test_it_fails_for_task_data_that_are_no_object(run: Callable[..., UUID], child: Child, task_data: str):
    run(raises(AssertionError("it was called")), schema=SCHEMA, task_data=task_data)
    (outcome,) = child.sent()
    assert (outcome.status, "it was called" in str(outcome.error_message)) == ("FAILED", False)


# What the handler is told


def test_it_gives_the_handler_its_data(run: Callable[..., UUID], child: Child):
    run(lambda data, context: data["days"], task_data='{"days": 7}')
    assert child.sent()[0].result == "7"


def test_it_gives_no_data_as_an_empty_object(run: Callable[..., UUID], child: Child):
    run(lambda data, context: data)
    assert child.sent()[0].result == "{}"


def test_it_tells_the_handler_about_its_execution(
    run: Callable[..., UUID], connection: psycopg.Connection, now: datetime
):
    seen: list[Context] = []
    execution_id = run(lambda data, context: seen.append(context), timeout_seconds=90)
    row, (context,) = execution(connection, execution_id), seen
    assert (context.execution_id, context.task_id, context.fence) == (row["id"], row["task_id"], row["fence"])
    assert (context.scheduled_for, context.started_at) == (now, now + SECOND)
    assert (context.attempt, context.trigger, context.timeout_seconds) == (1, "MANUAL", 90)


def test_it_tells_the_slot_of_the_latest_success_before(child: Child, connection: psycopg.Connection, now: datetime):
    seen: list[datetime | None] = []
    handler("acme.test")(lambda data, context: seen.append(context.previous_success_for))
    task_id = add_task(connection, task_class="acme.test")
    for minutes, status in ((3, "SUCCESS"), (2, "SUCCESS"), (1, "FAILED")):
        earlier = queue_one(connection, task_id, now=now - minutes * MINUTE)
        change(connection, "task_execution_history", earlier, status=status)
    child.runner.run(connection, [queue_one(connection, task_id, now=now)], now=now)
    assert seen == [now - 2 * MINUTE]


def test_it_tells_of_no_success_where_there_was_none(run: Callable[..., UUID]):
    seen: list[datetime | None] = []
    run(lambda data, context: seen.append(context.previous_success_for))
    assert seen == [None]


# The board and the row meanwhile


def test_it_notes_on_the_board_what_it_runs(run: Callable[..., UUID], child: Child, monkeypatch: pytest.MonkeyPatch):
    seen: list[Note] = []
    monkeypatch.setattr(clock, "monotonic", lambda: 100.0)
    execution_id = run(lambda data, context: seen.extend(child.board.running()), timeout_seconds=60)
    (note,) = seen
    assert (note.slot, note.pid, note.deadline, note.execution) == (3, os.getpid(), 170.0, execution_id)


@pytest.mark.parametrize("function", [nothing, raises(ValueError()), raises(BaseException())])
def test_it_clears_the_board_when_it_has_ended(
    run: Callable[..., UUID], child: Child, function: Callable[[Data, Context], Any]
):
    run(function)
    assert list(child.board.running()) == []


def test_it_holds_a_lease_while_it_runs(
    run: Callable[..., UUID], open_connection: Open, connection: psycopg.Connection, now: datetime
):
    seen: list[dict[str, Any]] = []
    other = open_connection()
    run(lambda data, context: seen.append(execution(other, context.execution_id)))
    assert (seen[0]["status"], seen[0]["lease_expires_at"], seen[0]["node_id"]) == (
        "RUNNING", now + SECOND + LEASE, str(NODE),
    )  # fmt: skip


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
