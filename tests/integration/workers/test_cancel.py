"""A cancel, from whoever asks to the child: asked, terminated, killed, and shown as what it is."""

import signal
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from scheduler import requests, transitions
from scheduler.records import Started
from tests.hot_paths import Open, execution, queue_one, statuses
from tests.integration.workers.desk import Desk
from workers import registry
from workers.context import Context
from workers.errors import Cancelled
from workers.run import Runner

SECOND = timedelta(seconds=1)

# Says when it is asked, and goes on.
STUBBORN = "trap 'echo asked >> {log}' USR2; trap 'echo terminated >> {log}' TERM; while :; do sleep 0.01; done"


@pytest.fixture
def child(tmp_path: Path, desk: Desk, running: Started) -> subprocess.Popen[bytes]:
    """A child that runs the execution and heeds nothing but a kill; what it was told stands in its log."""
    log = tmp_path / "log"
    process = subprocess.Popen(["bash", "-c", f"echo up > {log}; " + STUBBORN.format(log=log)])
    desk.children.append(process)
    wait_for(log, "up")
    desk.run(running, pid=process.pid, seconds=600)
    return process


def wait_for(log: Path, word: str) -> None:
    command = f"until grep -q {word} {log}; do sleep 0.01; done"
    subprocess.run(["bash", "-c", command], timeout=10, check=True)


def cancel(connection: psycopg.Connection, started: Started, now: datetime) -> None:
    with connection.transaction():
        assert requests.cancel(connection, started.id, reason="cancelled by olaf", now=now)


@pytest.mark.usefixtures("child")
def test_the_child_is_asked_at_once(
    desk: Desk,
    open_connection: Open,
    running: Started,
    now: datetime,
    tmp_path: Path,
):
    desk.turn()
    cancel(open_connection(), running, now)
    # The server tells a listener a moment after the commit.
    desk.turn_until(lambda: desk.board.is_cancel_asked(0))
    wait_for(tmp_path / "log", "asked")
    assert desk.board.is_cancel_asked(0)


@pytest.mark.usefixtures("child")
def test_a_request_that_was_not_heard_comes_with_the_renewal(
    desk: Desk,
    connection: psycopg.Connection,
    running: Started,
    now: datetime,
    tmp_path: Path,
):
    cancel(connection, running, now)
    desk.turn()
    wait_for(tmp_path / "log", "asked")


@pytest.mark.usefixtures("child")
def test_it_is_terminated_after_ten_seconds(
    desk: Desk,
    connection: psycopg.Connection,
    running: Started,
    now: datetime,
    tmp_path: Path,
):
    cancel(connection, running, now)
    desk.turn()
    desk.move(10 * SECOND)
    desk.turn(2)
    wait_for(tmp_path / "log", "terminated")
    assert (tmp_path / "log").read_text().split().count("terminated") == 1


def test_it_is_killed_after_twenty_seconds(
    desk: Desk,
    connection: psycopg.Connection,
    running: Started,
    now: datetime,
    child: subprocess.Popen[bytes],
):
    cancel(connection, running, now)
    desk.turn()
    desk.move(20 * SECOND)
    desk.turn()
    row = execution(connection, running.id)
    assert (child.wait(10), row["status"], row["reason"]) == (-signal.SIGKILL, "CANCELLED", "cancelled by olaf")


def test_what_dies_of_it_is_cancelled_and_not_retried(
    desk: Desk,
    connection: psycopg.Connection,
    running: Started,
    now: datetime,
    child: subprocess.Popen[bytes],
):
    cancel(connection, running, now)
    desk.turn()
    child.kill()
    child.wait()
    desk.turn()
    assert statuses(connection) == ["CANCELLED"]


@pytest.mark.usefixtures("child")
def test_nobody_else_is_asked(
    desk: Desk,
    open_connection: Open,
    report: UUID,
    now: datetime,
):
    desk.turn()
    other = open_connection()
    with other.transaction():
        other.execute("SELECT pg_notify(%s, %s)", (transitions.CANCEL_CHANNEL, str(report)))
    desk.turn()
    assert not desk.board.is_cancel_asked(0)


# In the child


@pytest.fixture
def run_asked(
    desk: Desk, connection: psycopg.Connection, report: UUID, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> Callable[..., dict[str, Any]]:
    """Runs a handler that is cancelled as it runs, and then does what it is given; returns the row."""
    runner = Runner(node_id=UUID(int=15), slot=0, board=desk.board, pipe=desk.pipe)
    monkeypatch.setattr(registry, "_handlers", {})

    def run(then: Callable[[], Any]) -> dict[str, Any]:
        execution_id = queue_one(connection, report, now=now)

        @registry.handler("platform.noop")
        def asked(_data: registry.Data, _context: Context) -> Any:
            requests.cancel(connection, execution_id, reason="cancelled by olaf", now=now)
            desk.board.ask_cancel(next(desk.board.running()))
            try:
                signal.raise_signal(signal.SIGUSR2)
            except Cancelled:
                return then()

        runner.run(connection, [execution_id], now=now)
        desk.turn()
        return execution(connection, execution_id)

    return run


def give_in() -> None:
    raise Cancelled


def test_a_handler_that_gives_in_is_cancelled(run_asked: Callable[..., dict[str, Any]]):
    row = run_asked(give_in)
    assert (row["status"], row["error_message"].startswith("It was asked to end.")) == ("CANCELLED", True)


def test_a_handler_that_fails_at_cleaning_up_is_cancelled_and_not_retried(
    run_asked: Callable[..., dict[str, Any]], connection: psycopg.Connection
):
    row = run_asked(lambda: 1 / 0)
    assert (row["status"], statuses(connection)) == ("CANCELLED", ["CANCELLED"])


def test_a_handler_that_still_succeeds_is_success(run_asked: Callable[..., dict[str, Any]]):
    row = run_asked(lambda: "done")
    assert (row["status"], row["result"], row["reason"]) == ("SUCCESS", "done", None)
