"""How a message reaches the runner, and what happens to it where that cannot be."""

import time
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from celery.exceptions import Reject

from scheduler import clock
from tests.hot_paths import Open
from workers import tasks

EXECUTION, OTHER = uuid4(), uuid4()


class Worker:
    """Stands in for desk and runner: says what it was asked."""

    def __init__(self) -> None:
        self.is_reported = True
        self.faults: list[Exception] = []
        self.ran: list[UUID] = []
        self.connections: list[psycopg.Connection] = []
        self.slept = 0.0
        self.why_stopped = ""

    def await_reporter(self) -> bool:
        return self.is_reported

    def stop_worker(self, why: str) -> None:
        self.why_stopped = why

    def run(self, connection: psycopg.Connection, executions: list[UUID], *, now: datetime) -> None:
        self.connections.append(connection)
        if self.faults:
            raise self.faults.pop(0)
        self.ran += executions

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def monotonic(self) -> float:
        return self.slept


@pytest.fixture
def worker(open_connection: Open, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A worker whose waits the test does not wait for."""
    made = Worker()
    monkeypatch.setattr(tasks, "desk", made)
    monkeypatch.setattr(tasks, "_runner", lambda: made)
    monkeypatch.setattr(time, "sleep", made.sleep)
    monkeypatch.setattr(clock, "monotonic", made.monotonic)
    yield made
    tasks._drop_connection()


def away() -> psycopg.Error:
    return psycopg.OperationalError("away")


@pytest.mark.parametrize("task", [tasks.execute, tasks.execute_long])
def test_it_runs_the_execution_of_a_message(worker: Worker, task: Any):
    task(str(EXECUTION))
    assert worker.ran == [EXECUTION]


@pytest.mark.parametrize("task", [tasks.execute, tasks.execute_long])
def test_it_runs_the_executions_of_a_bundle(worker: Worker, task: Any):
    task(str(EXECUTION), str(OTHER))
    assert worker.ran == [EXECUTION, OTHER]


def test_it_keeps_its_connection_from_message_to_message(worker: Worker):
    for _ in range(3):
        tasks.execute(str(EXECUTION))
    assert len({id(one) for one in worker.connections}) == 1


def test_it_waits_for_a_database_that_is_away(worker: Worker):
    worker.faults = [away() for _ in range(3)]
    tasks.execute(str(EXECUTION))
    assert (worker.ran, worker.slept) == ([EXECUTION], 1.5)


def test_it_opens_another_connection_after_an_error(worker: Worker):
    worker.faults = [away()]
    tasks.execute(str(EXECUTION))
    first, second = worker.connections
    assert (first.closed, second.closed) == (True, False)


def test_it_gives_the_message_back_where_the_database_stays_away(worker: Worker):
    worker.faults = [away() for _ in range(1_000)]
    with pytest.raises(Reject, match="True"):
        tasks.execute(str(EXECUTION))
    assert (worker.slept, worker.ran) == (tasks.DATABASE_PATIENCE_SECONDS, [])


def test_it_begins_nothing_without_a_reporter(worker: Worker):
    worker.is_reported = False
    with pytest.raises(Reject, match="True"):
        tasks.execute(str(EXECUTION))
    assert (worker.ran, worker.why_stopped) == ([], "its reporter is gone")


@pytest.mark.parametrize(("task", "is_late"), [(tasks.execute, True), (tasks.execute_long, False)])
def test_it_acknowledges_late_only_what_the_broker_waits_for(task: Any, is_late: bool):
    assert task.acks_late is is_late


def test_it_gives_the_message_back_when_its_child_dies():
    assert tasks.execute.reject_on_worker_lost is True
