"""What follows an end, where something fails: it fails alone."""

import logging
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg
import pytest

from scheduler import dependents, permits, transitions, workflows
from scheduler.claims import EVERYWHERE
from scheduler.errors import PartitionMissing
from tests.hot_paths import MINUTE, SECOND
from tests.workflow import Workflow


@pytest.fixture
def flow(flow: Workflow) -> Workflow:
    """Four loads that have succeeded, each with its report."""
    for number in range(4):
        flow.add(f"load {number}")
        flow.add(f"report {number}", f"load {number}")
        flow.trigger(f"load {number}")
        flow.end(f"load {number}", carries_on=False)
    return flow


def fails_for(unlucky: UUID, step: Callable[..., object]) -> Callable[..., object]:
    """Return what does as `step` does, but for rows of one task or one execution, where it trips over a bug."""

    def act(connection: psycopg.Connection, rows: Sequence[Any], **arguments: Any) -> object:
        if any(unlucky in (row.id, getattr(row, "task_id", None)) for row in rows):
            raise IndexError("a bug")
        return step(connection, rows, **arguments)

    return act


@pytest.fixture
def unlucky(flow: Workflow, monkeypatch: pytest.MonkeyPatch) -> Workflow:
    """No row of the second report can be recorded."""
    monkeypatch.setattr(transitions, "record", fails_for(flow.tasks["report 1"], transitions.record))
    return flow


def reported(flow: Workflow) -> list[int]:
    return [number for number in range(4) if flow.rows(f"report {number}")]


def test_an_end_that_cannot_be_carried_on_holds_up_no_other(unlucky: Workflow, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.ERROR, logger="scheduler.dependents"):
        count = dependents.follow(unlucky.connection, now=unlucky.now)
    run = unlucky.rows("load 1")[0]["run_id"]
    message = f"The end of {unlucky.tasks['load 1']} in run {run} cannot be carried on."
    assert (count, reported(unlucky), caplog.messages) == (3, [0, 2, 3], [message])


def test_it_is_carried_on_as_soon_as_it_can_be(unlucky: Workflow, monkeypatch: pytest.MonkeyPatch):
    dependents.follow(unlucky.connection, now=unlucky.now)
    monkeypatch.undo()
    assert (dependents.follow(unlucky.connection, now=unlucky.now), reported(unlucky)) == (1, [0, 1, 2, 3])


def test_it_waits_behind_those_that_have_come_since(unlucky: Workflow, monkeypatch: pytest.MonkeyPatch):
    """Or as many as one pass takes would keep all others from it for ever."""
    monkeypatch.setattr(dependents, "ENDS_PER_PASS", 1)
    for _ in range(4):
        dependents.follow(unlucky.connection, now=unlucky.now)
    assert reported(unlucky) == [0, 2, 3]


def test_a_slot_that_cannot_be_decided_on_holds_up_no_other(flow: Workflow, monkeypatch: pytest.MonkeyPatch):
    dependents.follow(flow.connection, now=flow.now)
    waiting = flow.rows("report 2")[0]["id"]
    with monkeypatch.context() as patch:
        patch.setattr(transitions, "admit", fails_for(waiting, transitions.admit))
        ready = dependents.decide(flow.connection, now=flow.now, low=EVERYWHERE)
    at_once, later = (
        dependents.decide(flow.connection, now=flow.now + wait, low=EVERYWHERE) for wait in (59 * SECOND, MINUTE)
    )
    assert (len(ready), at_once, [one.id for one in later]) == (3, [], [waiting])


def test_what_could_not_be_decided_on_takes_no_permit(flow: Workflow, monkeypatch: pytest.MonkeyPatch):
    permits.limit(flow.connection, "queue:default", 10, now=flow.now)
    dependents.follow(flow.connection, now=flow.now)
    waiting = flow.rows("report 2")[0]["id"]
    monkeypatch.setattr(transitions, "admit", fails_for(waiting, transitions.admit))
    dependents.decide(flow.connection, now=flow.now, low=EVERYWHERE)
    assert flow.connection.execute("SELECT used FROM scheduler_permits").fetchall() == [(3,)]


@pytest.mark.parametrize("error", [PartitionMissing(), psycopg.OperationalError("away")])
def test_what_is_no_rows_fault_is_raised(flow: Workflow, monkeypatch: pytest.MonkeyPatch, error: Exception):
    def fails(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(workflows, "dependents", fails)
        with pytest.raises(type(error)):
            dependents.follow(flow.connection, now=flow.now)
    assert (dependents.follow(flow.connection, now=flow.now), reported(flow)) == (4, [0, 1, 2, 3])
