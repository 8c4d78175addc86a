"""What the reporter does for its worker: it says who is there, counts, and leaves nothing behind at the end."""

import os
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from django.conf import LazySettings

from platform_scheduler.embedded.ports import is_free
from scheduler.engine.states import Status
from scheduler.records import Started
from tests.hot_paths import MINUTE, SECOND, change, execution, executions, start_one, statuses
from tests.integration.workers.desk import NODE, Desk, outcome, was_killed
from workers import catalogue, registry, reporter

# Who is there


def test_it_writes_down_that_the_worker_lives(desk: Desk, connection: psycopg.Connection, running: Started):
    desk.run(running)
    desk.turn()
    ((node, role, pid, load),) = connection.execute("SELECT id, role, pid, load FROM scheduler_nodes").fetchall()
    assert (node, role, pid) == (NODE, "worker", os.getppid())
    assert {"queues": ["default", "reports"], "concurrency": 4, "running": [str(running.id)]}.items() <= load.items()


def test_it_announces_what_the_worker_can_run(desk: Desk, connection: psycopg.Connection):
    desk.turn()
    rows = connection.execute("SELECT task_class, node_id, queues FROM scheduler_handlers").fetchall()
    assert ("platform.noop", str(NODE), ["default", "reports"]) in rows


def test_it_announces_once_a_minute(desk: Desk, connection: psycopg.Connection, now: datetime):
    desk.turn()
    desk.move(59 * SECOND)
    desk.turn()
    desk.move(2 * SECOND)
    desk.turn()
    seen = connection.execute("SELECT DISTINCT seen_at FROM scheduler_handlers").fetchall()
    assert seen == [(now + 61 * SECOND,)]


def test_it_outlives_a_part_that_fails(
    desk: Desk, connection: psycopg.Connection, running: Started, monkeypatch: pytest.MonkeyPatch
):
    """Without its reporter a worker may not begin anything."""

    def bug(*_: object, **__: object) -> None:
        raise TypeError("a default that JSON cannot hold")

    monkeypatch.setattr(catalogue, "announce", bug)
    desk.turn()
    desk.pipe.send(outcome(running))
    desk.turn()
    assert execution(connection, running.id)["status"] == "SUCCESS"


def test_it_shows_the_children_that_it_turns(desk: Desk):
    desk.move(MINUTE)
    desk.turn()
    assert desk.board.reporter_seen_at == pytest.approx(desk.monotonic(), abs=5)


# The end of the worker


def test_it_ends_with_its_worker(desk: Desk, connection: psycopg.Connection, running: Started):
    desk.take_over(pid=2**22)
    desk.pipe.send(outcome(running))
    desk.reporter.run()
    assert execution(connection, running.id)["status"] == "SUCCESS"


def test_it_ends_when_its_worker_is_over(desk: Desk, connection: psycopg.Connection, running: Started, now: datetime):
    """The parent waits for it, for what is left behind may be killed."""
    desk.turn()
    desk.pipe.send(outcome(running))
    desk.board.end()
    desk.reporter.run()
    assert execution(connection, running.id)["status"] == "SUCCESS"
    assert connection.execute("SELECT ended_at FROM scheduler_nodes").fetchall() == [(now,)]


def test_it_says_when_its_worker_ended(desk: Desk, connection: psycopg.Connection, now: datetime):
    desk.turn()
    desk.take_over(pid=2**22)
    desk.reporter.run()
    assert connection.execute("SELECT ended_at FROM scheduler_nodes").fetchall() == [(now,)]


def test_it_calls_lost_at_once_what_the_worker_left(desk: Desk, connection: psycopg.Connection, running: Started):
    child = desk.child()
    desk.run(running, pid=child.pid)
    desk.take_over(pid=2**22)
    desk.reporter.run()
    row = execution(connection, running.id)
    assert (was_killed(child), row["status"], row["error_message"]) == (
        True, "LOST", f"Its worker, process {2**22}, ended.",
    )  # fmt: skip


def test_it_writes_all_that_is_left_however_much(
    desk: Desk, connection: psycopg.Connection, report: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reporter, "MAX_BATCH", 2)
    for number in range(7):
        desk.pipe.send(outcome(start_one(connection, report, now=now + number * SECOND)))
    desk.take_over(pid=2**22)
    desk.reporter.run()
    assert set(statuses(connection, report)) == {"SUCCESS"}


def test_it_gives_its_port_back_before_it_waits(
    desk: Desk, running: Started, outage: Callable[[], None], settings: LazySettings, monkeypatch: pytest.MonkeyPatch
):
    """The next worker, which starts meanwhile, is to listen there."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    settings.HEALTH_PORT = port
    taken: list[bool] = []

    def sleep(_seconds: float) -> None:
        taken.append(not is_free(port))

    monkeypatch.setattr(time, "sleep", sleep)
    desk.pipe.send(outcome(running))
    desk.take_over(pid=2**22)
    desk.reporter.run()
    assert set(taken) == {False}


def test_it_waits_for_a_database_that_restarts_with_it(
    desk: Desk, connection: psycopg.Connection, running: Started, outage: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """Tries that are refused at once, one after the other, are over in a millisecond, and what has ended runs again."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if sum(slept) >= 5:
            outage()

    monkeypatch.setattr(time, "sleep", sleep)
    desk.pipe.send(outcome(running))
    desk.take_over(pid=2**22)
    desk.reporter.run()
    assert execution(connection, running.id)["status"] == "SUCCESS"


def test_it_leaves_the_rest_to_the_leases_where_the_database_is_away(
    desk: Desk, connection: psycopg.Connection, running: Started, outage: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setattr(time, "sleep", lambda _: None)
    desk.pipe.send(outcome(running))
    desk.take_over(pid=2**22)
    desk.reporter.run()
    assert [row["status"] for row in executions(connection)] == ["RUNNING"]


def test_it_works_on_where_its_port_is_taken(
    desk: Desk, connection: psycopg.Connection, running: Started, settings: LazySettings
):
    """One that takes over from a reporter that died may find somebody else there; without it nothing may begin."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings.HEALTH_PORT = taken.getsockname()[1]
        desk.take_over(pid=2**22)
        desk.pipe.send(outcome(running))
        desk.reporter.run()
    assert execution(connection, running.id)["status"] == "SUCCESS"


# The catalogue


def test_it_lets_the_last_announcement_count(connection: psycopg.Connection, now: datetime):
    known = [registry.Handler("acme.test", print, description=text) for text in ("old", "new")]
    for one in known:
        catalogue.announce(connection, [one], node=uuid4(), queues=["default"], now=now)
    rows = connection.execute("SELECT task_class, description FROM scheduler_handlers").fetchall()
    assert rows == [("acme.test", "new")]


def test_it_announces_declared_schedules(connection: psycopg.Connection, now: datetime):
    for schedules in ((), ({"name": "Nightly"},)):
        one = registry.Handler("acme.test", print, schedules=schedules)
        catalogue.announce(connection, [one], node=NODE, queues=[], now=now)
    assert connection.execute("SELECT schedules FROM scheduler_handlers").fetchall() == [([{"name": "Nightly"}],)]


def test_it_announces_nothing_where_there_is_nothing(connection: psycopg.Connection, now: datetime):
    catalogue.announce(connection, [], node=NODE, queues=[], now=now)
    assert connection.execute("SELECT 1 FROM scheduler_handlers").fetchall() == []


# Metrics


def counted(desk: Desk, name: str, **labels: str) -> float | None:
    return desk.reporter._metrics.registry.get_sample_value(f"platform_scheduler_{name}", labels)


def test_it_counts_what_it_has_written(desk: Desk, running: Started):
    desk.pipe.send(outcome(running, Status.FAILED))
    desk.turn()
    assert counted(desk, "executions_total", outcome="FAILED") == 1
    assert counted(desk, "execution_duration_seconds_bucket", le="1.0") == 1
    assert counted(desk, "start_lateness_seconds_count") == 1
    assert counted(desk, "queue_wait_seconds_count") == 1


def test_it_counts_no_end_that_was_no_longer_its_own(desk: Desk, connection: psycopg.Connection, running: Started):
    change(connection, "task_execution_history", running.id, status="LOST")
    desk.pipe.send(outcome(running))
    desk.turn()
    assert counted(desk, "executions_total", outcome="SUCCESS") == 0


def test_it_counts_renewals_and_those_whom_it_kills(desk: Desk, running: Started):
    desk.run(running, pid=desk.child().pid, seconds=5)
    desk.turn()
    desk.move(timedelta(seconds=6))
    desk.turn()
    assert counted(desk, "lease_renewals_total") == 1
    assert counted(desk, "kills_total", cause="timed_out") == 1


def test_it_shows_what_runs_and_how_much_could(desk: Desk, running: Started):
    desk.run(running)
    assert (counted(desk, "executions_running"), counted(desk, "worker_slots")) == (1, 4)
    assert counted(desk, "outcomes_unwritten") == 0
