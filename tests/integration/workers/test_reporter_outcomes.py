"""What the reporter writes of the ends that children send, though some are refused or the database is away."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import psycopg
import pytest

from scheduler import transitions
from scheduler.engine.states import Status
from scheduler.records import Ended, Outcome, Started
from tests.hot_paths import SECOND, change, execution, start_one, statuses
from tests.integration.workers.desk import Desk, outcome
from workers import reporter

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
    assert (row["status"], row["result"], "\\u0000" in row["error_message"]) == ("FAILED", None, True)


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
    desk.reporter._open().close()
    desk.pipe.send(outcome(running))
    desk.turn(2)
    assert execution(connection, running.id)["status"] == "SUCCESS"


def test_it_is_not_ready_while_it_cannot_write(desk: Desk, outage: Callable[[], None]):
    desk.turn()
    assert (desk.reporter._live()[0], desk.reporter._ready()[0]) == (True, False)


def test_it_is_ready_once_it_has_reached_the_database(desk: Desk):
    desk.turn()
    assert (desk.reporter._live()[0], desk.reporter._ready()[0]) == (True, True)
