"""One execution in a child: won, called, reported, against the real database."""

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from scheduler import clock
from tests.hot_paths import MINUTE, SECOND, Open, add_task, change, execution, queue_one
from tests.integration.workers.children.child import NODE, Child, nothing, raises, summary
from workers.board import Note
from workers.context import Context
from workers.errors import PermanentFailure, SoftTimeout
from workers.registry import Data, handler
from workers.run import LEASE

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


def test_it_logs_that_an_attempt_has_failed_with_the_first_line_of_why(
    run: Callable[..., UUID], child: Child, caplog: pytest.LogCaptureFixture, connection: psycopg.Connection
):
    execution_id = run(raises(ValueError("no\nand no again")))

    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "Attempt 1 of acme.test is FAILED: ValueError: no"
    ]
    # The execution's own log is the handler's; there the error stands beside it.
    assert connection.execute("SELECT count(*) FROM execution_log WHERE id = %s", (execution_id,)).fetchone() == (0,)


def test_it_logs_nothing_of_success(run: Callable[..., UUID], caplog: pytest.LogCaptureFixture):
    run(nothing)

    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


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
