"""What a handler is told of the event that has started it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from scheduler import events, transitions
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import Status
from scheduler.records import Outcome
from tests.hot_paths import MINUTE, SECOND, add_task, executions
from tests.integration.workers.children.child import Child
from workers.registry import handler


@pytest.fixture
def told(connection: psycopg.Connection, now: datetime) -> UUID:
    """An event that a task of the class acme.test hears."""
    add_task(
        connection, task_class="acme.test", next_slot_for=None, claim_at=None, max_retry_count=1,
        listens_to='[{"event": "file.arrived", "match": {}}]', retry_policy='{"delaySeconds": 0}',
    )  # fmt: skip
    event = uuid4()
    connection.execute(
        "INSERT INTO scheduler_events (id, name, payload, received_at) VALUES (%s, 'file.arrived', %s, %s)",
        (event, '{"key": "ä.csv", "size": 5}', now),
    )
    events.advance(connection, after=EVERYWHERE, now=now)
    return event


def _seen() -> list[Any]:
    seen: list[Any] = []
    handler("acme.test")(lambda data, context: seen.append(context.event))
    return seen


def test_it_is_told_of_the_event(child: Child, connection: psycopg.Connection, told: UUID, now: datetime) -> None:
    seen = _seen()

    child.runner.run(connection, [executions(connection)[0]["id"]], now=now + SECOND)

    (event,) = seen
    assert (event.id, event.name, event.received_at) == (told, "file.arrived", now)
    assert event.payload == {"key": "ä.csv", "size": 5}


def test_a_retry_is_told_of_the_same(child: Child, connection: psycopg.Connection, told: UUID, now: datetime) -> None:
    seen = _seen()
    first = executions(connection)[0]["id"]
    started = transitions.start(connection, first, node_id="node-1", lease_expires_at=now + MINUTE, now=now)
    assert started is not None
    transitions.finish(connection, [Outcome(first, started.fence, Status.FAILED)], now=now)
    retry = executions(connection)[1]["id"]
    connection.execute("UPDATE task_execution_history SET status = 'QUEUED' WHERE id = %s", (retry,))

    child.runner.run(connection, [retry], now=now + MINUTE)

    assert seen[0].id == told


def test_it_is_told_nothing_of_an_event_that_is_no_longer_kept(
    child: Child, connection: psycopg.Connection, told: UUID, now: datetime
) -> None:
    seen = _seen()
    events.forget(connection, before=now + SECOND)

    child.runner.run(connection, [executions(connection)[0]["id"]], now=now + SECOND)

    assert seen == [None]


def test_a_run_by_hand_has_none(run: Callable[..., UUID]) -> None:
    seen: list[Any] = []

    run(lambda data, context: seen.append(context.event))

    assert seen == [None]
