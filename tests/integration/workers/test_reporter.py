"""The reporter, turn by turn, with a real pipe, board and database, and processes that it may kill."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

import workers.handlers  # noqa: F401 - registers the built-in handlers
from scheduler import clock, transitions
from scheduler.engine.states import Status
from scheduler.records import Ended, Outcome, Started
from tests.hot_paths import LEASE, MINUTE, SECOND, add_task, change, execution, executions, start_one, statuses
from workers import catalogue, registry, reporter
from workers.board import Board
from workers.pipe import Pipe
from workers.reporter import Reporter, Worker

NODE = UUID("00000000-0000-4000-8000-00000000000f")


class Desk:
    """A worker as its reporter sees it, its clocks in the test's hands."""

    def __init__(self, now: datetime) -> None:
        self.board = Board()
        self.pipe = Pipe()
        self.now = now
        self.ahead = 0.0
        self.children: list[subprocess.Popen[bytes]] = []
        self.reporter = self.take_over(pid=os.getppid())

    def take_over(self, *, pid: int) -> Reporter:
        """Let another reporter take over."""
        worker = Worker(NODE, pid, ["default", "reports"], 4)
        self.reporter = Reporter(worker, board=self.board, pipe=self.pipe)
        return self.reporter

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.reporter.turn(0)

    def move(self, by: timedelta) -> None:
        self.now += by
        self.ahead += by.total_seconds()

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def child(self) -> subprocess.Popen[bytes]:
        """Start a process that runs until it is killed."""
        self.children.append(subprocess.Popen(["sleep", "600"]))
        return self.children[-1]

    def run(self, started: Started, *, slot: int = 0, pid: int | None = None, seconds: float = 60) -> None:
        """Note on the board that a child runs the execution, by default this process."""
        deadline = self.monotonic() + seconds
        self.board.put(slot, pid=pid or os.getpid(), deadline=deadline, execution=started.id, fence=started.fence)

    def close(self) -> None:
        self.reporter._close()
        for child in self.children:
            child.kill()
            child.wait()
        os.close(self.pipe.reading)
        os.close(self.pipe.writing)


@pytest.fixture
def desk(connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A worker's desk."""
    made = Desk(now)
    monkeypatch.setattr(clock, "read", lambda _: made.now)
    monkeypatch.setattr(clock, "monotonic", made.monotonic)
    yield made
    made.close()


@pytest.fixture
def report(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task that is retried."""
    return add_task(connection)


@pytest.fixture
def running(connection: psycopg.Connection, report: UUID, now: datetime) -> Started:
    """An execution of it that this worker has won."""
    return start_one(connection, report, now=now, node_id=str(NODE))


def outcome(started: Started, status: Status = Status.SUCCESS, **values: Any) -> Outcome:
    return Outcome(started.id, started.fence, status, started.started_at + SECOND, **values)


def dead(child: subprocess.Popen[bytes]) -> int:
    """Kill the child, as whatever kills children does, and return its pid."""
    child.kill()
    child.wait()
    return child.pid


def was_killed(child: subprocess.Popen[bytes]) -> bool:
    return child.wait(10) == -signal.SIGKILL


def still_runs(child: subprocess.Popen[bytes]) -> bool:
    return child.poll() is None


# Outcomes


def test_it_writes_what_a_child_has_sent(desk: Desk, connection: psycopg.Connection, running: Started):
    desk.pipe.send(outcome(running, result="42"))
    desk.turn()
    row = execution(connection, running.id)
    assert (row["status"], row["result"], row["end_time"]) == ("SUCCESS", "42", running.started_at + SECOND)


def test_it_writes_what_has_come_together_in_one_statement(
    desk: Desk, connection: psycopg.Connection, report: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    sizes: list[int] = []
    finish = transitions.finish

    def counted(on: psycopg.Connection, outcomes: list[Outcome], *, now: datetime) -> dict[UUID, Ended]:
        sizes.append(len(outcomes))
        return finish(on, outcomes, now=now)

    monkeypatch.setattr(transitions, "finish", counted)
    for number in range(30):
        desk.pipe.send(outcome(start_one(connection, report, now=now + number * SECOND)))
    desk.turn()
    assert (sizes, set(statuses(connection))) == ([30], {"SUCCESS"})


def test_it_writes_each_outcome_once(desk: Desk, connection: psycopg.Connection, report: UUID, running: Started):
    desk.pipe.send(outcome(running, Status.FAILED))
    desk.turn(3)
    assert statuses(connection, report) == ["FAILED", "SCHEDULED"]


def test_it_does_not_insist_on_what_another_node_has_ended(
    desk: Desk, connection: psycopg.Connection, running: Started
):
    change(connection, "task_execution_history", running.id, status="LOST")
    desk.pipe.send(outcome(running))
    desk.turn(2)
    assert execution(connection, running.id)["status"] == "LOST"


# Outcomes that are refused


def test_it_writes_the_others_where_one_is_refused(
    desk: Desk, connection: psycopg.Connection, report: UUID, now: datetime
):
    started = [start_one(connection, report, now=now + number * SECOND) for number in range(3)]
    desk.pipe.send(outcome(started[0]))
    desk.pipe.send(outcome(started[1], result="a\x00b"))
    desk.pipe.send(outcome(started[2]))
    desk.turn()
    assert statuses(connection, report) == ["SUCCESS"] * 3


@pytest.mark.parametrize("text", ["a\x00b"])
def test_it_writes_a_refused_outcome_without_its_texts(
    desk: Desk, connection: psycopg.Connection, running: Started, text: str
):
    desk.pipe.send(outcome(running, Status.FAILED, result=text, error_message=text, reason=text))
    desk.turn()
    row = execution(connection, running.id)
    assert (row["status"], row["result"], "NUL" in row["error_message"]) == ("FAILED", None, True)


@pytest.mark.parametrize("reason", ["x" * 300])
def test_it_writes_an_outcome_whose_reason_is_too_long(
    desk: Desk, connection: psycopg.Connection, running: Started, reason: str
):
    desk.pipe.send(outcome(running, Status.FAILED, reason=reason))
    desk.turn()
    assert execution(connection, running.id)["status"] == "FAILED"


class Tripping:
    """Finishes everything, and trips over one execution."""

    def __init__(self, stone: UUID) -> None:
        self.finish = transitions.finish
        self.stone = stone

    def __call__(self, connection: psycopg.Connection, outcomes: list[Outcome], *, now: datetime) -> dict[UUID, Ended]:
        if self.stone in {one.id for one in outcomes}:
            raise KeyError("a bug")
        return self.finish(connection, outcomes, now=now)


def test_it_gives_up_on_one_that_no_statement_takes_and_writes_the_others(
    desk: Desk, connection: psycopg.Connection, report: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    """A bug about one execution may not hold back the ends of all others for ever."""
    started = [start_one(connection, report, now=now + number * SECOND) for number in range(3)]
    monkeypatch.setattr(transitions, "finish", Tripping(started[1].id))
    for one in started[:2]:
        desk.pipe.send(outcome(one))
    desk.turn()
    desk.pipe.send(outcome(started[2]))
    desk.turn()
    assert statuses(connection, report) == ["SUCCESS", "RUNNING", "SUCCESS"]


# A database that is away


@pytest.fixture
def outage(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """The database is away from now on; a call brings it back."""
    with monkeypatch.context() as patch:

        def away(**_: str) -> None:
            raise psycopg.OperationalError("away")

        patch.setattr(reporter, "connect", away)
        yield patch.undo


def test_it_keeps_outcomes_while_the_database_is_away(
    desk: Desk, connection: psycopg.Connection, report: UUID, now: datetime, outage: Callable[[], None]
):
    for number in range(5):
        desk.pipe.send(outcome(start_one(connection, report, now=now + number * SECOND)))
        desk.turn()
    outage()
    desk.turn()
    assert statuses(connection, report) == ["SUCCESS"] * 5


def test_it_says_how_many_outcomes_wait(desk: Desk, running: Started, outage: Callable[[], None]):
    desk.pipe.send(outcome(running))
    desk.turn()
    assert desk.reporter._ready()[1]["unwrittenOutcomes"] == 1


def test_it_takes_no_more_than_a_batch_while_the_database_is_away(
    desk: Desk, running: Started, outage: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reporter, "MAX_BATCH", 3)
    for _ in range(3):
        desk.pipe.send(outcome(running))
    desk.turn()
    desk.pipe.send(outcome(running))
    desk.turn()
    assert desk.reporter._ready()[1]["unwrittenOutcomes"] == 3


def test_it_opens_another_connection_after_an_outage(desk: Desk, connection: psycopg.Connection, running: Started):
    desk.turn()
    assert desk.reporter._connection is not None
    desk.reporter._connection.close()
    desk.pipe.send(outcome(running))
    desk.turn(2)
    assert execution(connection, running.id)["status"] == "SUCCESS"


def test_it_is_not_ready_while_it_cannot_write(desk: Desk, outage: Callable[[], None]):
    desk.turn()
    assert (desk.reporter._live()[0], desk.reporter._ready()[0]) == (True, False)


def test_it_is_ready_once_it_has_reached_the_database(desk: Desk):
    desk.turn()
    assert (desk.reporter._live()[0], desk.reporter._ready()[0]) == (True, True)


# Leases


def test_it_renews_what_its_children_run(desk: Desk, connection: psycopg.Connection, running: Started):
    desk.run(running)
    desk.move(20 * SECOND)
    desk.turn()
    assert execution(connection, running.id)["lease_expires_at"] == desk.now + LEASE


def test_it_renews_each_quarter_of_a_lease(desk: Desk, connection: psycopg.Connection, running: Started, now: datetime):
    desk.run(running)
    desk.turn()
    desk.move(7 * SECOND)
    desk.turn()
    early = execution(connection, running.id)["lease_expires_at"]
    desk.move(SECOND)
    desk.turn()
    assert (early, execution(connection, running.id)["lease_expires_at"]) == (now + LEASE, now + 8 * SECOND + LEASE)


def test_it_kills_what_it_no_longer_owns(desk: Desk, connection: psycopg.Connection, running: Started):
    """Another attempt may be running by now."""
    child = desk.child()
    desk.run(running, pid=child.pid)
    change(connection, "task_execution_history", running.id, status="LOST")
    desk.turn()
    assert was_killed(child)


def test_it_spares_a_child_whose_end_it_has_written_itself(
    desk: Desk, connection: psycopg.Connection, running: Started
):
    """The child has sent its outcome and not cleared the board yet: the row is not RUNNING, and nothing is lost."""
    child = desk.child()
    desk.run(running, pid=child.pid)
    desk.pipe.send(outcome(running))
    desk.turn()
    assert still_runs(child)


def test_it_spares_a_child_that_has_gone_on_to_its_next_execution(
    desk: Desk, connection: psycopg.Connection, report: UUID, running: Started, now: datetime,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    child, following = desk.child(), start_one(connection, report, now=now + SECOND)
    desk.run(running, pid=child.pid)
    renew = transitions.renew

    def meanwhile(*arguments: Any, **options: Any) -> dict[UUID, datetime | None]:
        desk.run(following, pid=child.pid)
        change(connection, "task_execution_history", running.id, status="SUCCESS")
        return renew(*arguments, **options)

    monkeypatch.setattr(transitions, "renew", meanwhile)
    desk.turn()
    assert still_runs(child)


# The hard limit


def test_it_kills_what_has_passed_its_hard_limit(desk: Desk, connection: psycopg.Connection, running: Started):
    child = desk.child()
    desk.run(running, pid=child.pid, seconds=60)
    desk.move(61 * SECOND)
    desk.turn()
    row = execution(connection, running.id)
    assert (was_killed(child), row["status"]) == (True, "TIMED_OUT")
    assert row["error_message"] == "It did not end within ten seconds of its timeoutSeconds."


def test_it_kills_nothing_before_that(desk: Desk, connection: psycopg.Connection, running: Started):
    child = desk.child()
    desk.run(running, pid=child.pid, seconds=60)
    desk.move(59 * SECOND)
    desk.turn()
    assert (still_runs(child), execution(connection, running.id)["status"]) == (True, "RUNNING")


def test_it_times_an_execution_out_once(desk: Desk, connection: psycopg.Connection, report: UUID, running: Started):
    child = desk.child()
    desk.run(running, pid=child.pid, seconds=1)
    desk.move(2 * SECOND)
    desk.turn()
    assert was_killed(child)
    desk.turn(3)
    assert statuses(connection, report) == ["TIMED_OUT", "SCHEDULED"]


def test_it_believes_a_child_that_was_just_in_time(desk: Desk, connection: psycopg.Connection, running: Started):
    """Its outcome lies in the pipe by the time it is killed."""
    child = desk.child()
    desk.run(running, pid=child.pid, seconds=1)
    desk.move(2 * SECOND)
    desk.reporter._gather(0)
    desk.pipe.send(outcome(running))
    desk.reporter._kill_overdue()
    desk.turn()
    assert execution(connection, running.id)["status"] == "SUCCESS"


def test_it_kills_by_deadline_though_the_database_is_away(desk: Desk, running: Started, outage: Callable[[], None]):
    child = desk.child()
    desk.run(running, pid=child.pid, seconds=1)
    desk.move(2 * SECOND)
    desk.turn()
    assert was_killed(child)


# Children that die


def test_it_calls_lost_what_a_dead_child_was_running(desk: Desk, connection: psycopg.Connection, running: Started):
    pid = dead(desk.child())
    desk.run(running, pid=pid)
    desk.turn()
    row = execution(connection, running.id)
    assert (row["status"], row["error_message"]) == ("LOST", f"The process that ran it, {pid}, died.")


def test_it_retries_what_a_dead_child_was_running_once(
    desk: Desk, connection: psycopg.Connection, report: UUID, running: Started
):
    desk.run(running, pid=dead(desk.child()))
    desk.turn(3)
    assert statuses(connection, report) == ["LOST", "SCHEDULED"]


def test_it_believes_a_child_that_died_after_its_outcome(desk: Desk, connection: psycopg.Connection, running: Started):
    desk.run(running, pid=dead(desk.child()))
    desk.pipe.send(outcome(running))
    desk.turn(2)
    assert execution(connection, running.id)["status"] == "SUCCESS"


def test_it_believes_it_with_a_full_batch_in_hand_too(
    desk: Desk, connection: psycopg.Connection, report: UUID, running: Started, now: datetime,
    outage: Callable[[], None], monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """With the database away the pipe is not read any more, and the outcome of the dead child is still in there."""
    monkeypatch.setattr(reporter, "MAX_BATCH", 1)
    desk.pipe.send(outcome(start_one(connection, report, now=now + SECOND)))
    desk.turn()
    desk.run(running, pid=dead(desk.child()))
    desk.pipe.send(outcome(running))
    desk.turn()
    outage()
    desk.turn()
    assert execution(connection, running.id)["status"] == "SUCCESS"


def test_it_leaves_the_slot_of_a_dead_child_to_the_next_one(
    desk: Desk, connection: psycopg.Connection, report: UUID, running: Started, now: datetime,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """Cleared a moment too late, the next child's execution would not be renewed: LOST, while it runs."""
    following = start_one(connection, report, now=now + SECOND)
    desk.run(running, pid=dead(desk.child()))
    drain = desk.reporter._drain

    def meanwhile() -> None:
        desk.run(following)
        drain()

    monkeypatch.setattr(desk.reporter, "_drain", meanwhile)
    desk.turn()
    assert [note.execution for note in desk.board.running()] == [following.id]


def test_it_does_not_count_the_dead_among_what_runs(desk: Desk, running: Started):
    desk.run(running, pid=dead(desk.child()))
    desk.turn()
    assert desk.reporter._live()[1]["running"] == 0


def test_it_takes_over_from_a_reporter_that_died(
    desk: Desk, connection: psycopg.Connection, report: UUID, running: Started, now: datetime
):
    """What the last one had not read lies in the pipe, and what runs stands on the board."""
    following = start_one(connection, report, now=now + SECOND)
    desk.run(following)
    desk.pipe.send(outcome(running))
    desk.reporter._close()
    desk.take_over(pid=os.getppid())
    desk.move(20 * SECOND)
    desk.turn()
    assert (execution(connection, running.id)["status"], execution(connection, following.id)["lease_expires_at"]) == (
        "SUCCESS",
        desk.now + LEASE,
    )


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


def test_it_leaves_the_rest_to_the_leases_where_the_database_is_away(
    desk: Desk, connection: psycopg.Connection, running: Started, outage: Callable[[], None]
):
    desk.pipe.send(outcome(running))
    desk.take_over(pid=2**22)
    desk.reporter.run()
    assert [row["status"] for row in executions(connection)] == ["RUNNING"]


# The catalogue


def test_it_lets_the_last_announcement_count(connection: psycopg.Connection, now: datetime):
    known = [registry.Handler("acme.test", print, description=text) for text in ("old", "new")]
    for one in known:
        catalogue.announce(connection, [one], node=uuid4(), queues=["default"], now=now)
    rows = connection.execute("SELECT task_class, description FROM scheduler_handlers").fetchall()
    assert rows == [("acme.test", "new")]


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
