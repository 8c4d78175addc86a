"""How the reporter watches the children: leases that it renews, limits that it keeps, and deaths that it notices."""

import os
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from scheduler import transitions
from scheduler.records import Started
from tests.hot_paths import LEASE, SECOND, change, execution, start_one, statuses
from tests.integration.workers.desk import Desk, dead, outcome, still_runs, was_killed
from workers import reporter

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
