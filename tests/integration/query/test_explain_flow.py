"""Explanations of what flow control holds, has held, or keeps from the claim."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from query.slots import explain_at
from scheduler import connections, firing, flow, throttles
from scheduler.claims import EVERYWHERE
from scheduler.models import Execution, Task
from tests.integration.conftest import Caller
from tests.integration.query.test_explain_execution import claim, codes, explain

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
STOP = {"mode": "PAUSED", "queues": {}, "taskClasses": {}, "namespaces": {}}
SLOW = STOP | {"mode": "THROTTLED", "maxDispatchPerSecond": 0.1}


@pytest.fixture
def due(now: datetime) -> datetime:
    """The slot of these tests, soon to come."""
    return (now + timedelta(minutes=2)).replace(second=0, microsecond=0)


def ask(document: dict[str, Any], at: datetime, *, until: datetime | None = None) -> None:
    flow.ask(
        connections.current(), document, reason="The ledger is being moved.", starts_at=at, expires_at=until,
        actor="olaf", now=at,
    )  # fmt: skip


def test_it_tells_what_holds_an_execution(
    viewer: Caller, new_task: Callable[..., Task], due: datetime, now: datetime
) -> None:
    ask(SLOW, now)
    for name in ("first", "second"):
        new_task(name=name, intervalSeconds=3600, startAt=due.isoformat())
    claim(due)
    held = Execution.objects.get(status="SCHEDULED")

    answer = explain(viewer, held)

    step = answer["steps"][-1]
    assert (answer["outcome"], step["code"]) == ("waits", "flow")
    assert "lets 0.1 a second go of everything" in step["message"]
    assert "The ledger is being moved." in step["message"]
    assert (step["data"]["heldBy"], step["data"]["maxDispatchPerSecond"], step["data"]["askedBy"]) == (
        "all",
        0.1,
        "olaf",
    )


def test_it_tells_what_had_held_an_execution(
    viewer: Caller, new_task: Callable[..., Task], due: datetime, now: datetime
) -> None:
    ask(SLOW, now)
    for name in ("first", "second"):
        new_task(name=name, intervalSeconds=3600, startAt=due.isoformat())
    claim(due)
    held = Execution.objects.get(status="SCHEDULED")
    throttles.release(connections.current(), now=due + 20 * SECOND, low=EVERYWHERE)
    held.refresh_from_db()

    answer = explain(viewer, held)

    assert (held.status, codes(answer)[1]) == ("QUEUED", "flow")


def test_it_tells_that_a_lift_lets_it_go(
    viewer: Caller, new_task: Callable[..., Task], due: datetime, now: datetime
) -> None:
    ask(SLOW, now)
    for name in ("first", "second"):
        new_task(name=name, intervalSeconds=3600, startAt=due.isoformat())
    claim(due)
    ask({**STOP, "mode": "NORMAL"}, now + timedelta(milliseconds=1))

    answer = explain(viewer, Execution.objects.get(status="SCHEDULED"))

    assert "limits everything no more" in answer["steps"][-1]["message"]


def test_it_tells_what_stops_a_slot_that_is_due(new_task: Callable[..., Task], due: datetime, now: datetime) -> None:
    task = new_task(intervalSeconds=3600, startAt=due.isoformat())
    ask(STOP, now)
    firing.claim(connections.current(), now=due)

    explanation = explain_at(task, due, now=due + MINUTE).explanation

    step = next(step for step in explanation.steps if step.code == "flow")
    assert (explanation.outcome, step.data["isPaused"]) == ("waits", True)
    assert "paused everything" in explanation.summary


def test_what_a_stop_made_late_was_no_idle_scheduler(
    viewer: Caller, new_task: Callable[..., Task], due: datetime, now: datetime
) -> None:
    new_task(intervalSeconds=3600, startAt=due.isoformat())
    ask(STOP, now, until=due + 30 * SECOND)
    flow.begin_and_end(connections.current(), now=due + 31 * SECOND)
    claim(due + 31 * SECOND)

    answer = explain(viewer, Execution.objects.get())

    assert codes(answer)[1] == "flow"


def test_what_a_stop_made_a_task_miss_is_told_by_it(
    viewer: Caller, new_task: Callable[..., Task], due: datetime, now: datetime
) -> None:
    new_task(intervalSeconds=3600, startAt=due.isoformat(), misfirePolicy="SKIP")
    ask(STOP, now, until=due + 30 * MINUTE)
    claim(due + 31 * MINUTE)

    answer = explain(viewer, Execution.objects.get())

    assert (answer["outcome"], codes(answer)) == ("did_not_run", ["slot", "misfire"])
    assert "paused everything" in answer["summary"]
    assert answer["steps"][1]["data"]["misfirePolicy"] == "SKIP"


def test_it_tells_which_limit_is_reached(
    viewer: Caller, new_task: Callable[..., Task], due: datetime, now: datetime
) -> None:
    ask({**STOP, "mode": "NORMAL", "queues": {"default": {"mode": "THROTTLED", "maxConcurrency": 1}}}, now)
    for name in ("first", "second"):
        new_task(name=name, intervalSeconds=3600, startAt=due.isoformat())
    claim(due)

    step = explain(viewer, Execution.objects.get(status="SCHEDULED"))["steps"][-1]

    assert "flow control lets 1 run at once of the queue default" in step["message"]
    assert (step["code"], step["data"]["heldBy"], step["data"]["maxConcurrency"]) == ("limit", "queue:default", 1)
