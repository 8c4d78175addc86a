"""Several schedulers at the same bulk action: each item once, and one that dies in between loses none."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID, uuid4

import psycopg
import pytest

from scheduler import bulkactions
from scheduler.claims import EVERYWHERE
from scheduler.records import Ready
from tests.concurrency.together import flat, in_turn, together
from tests.hot_paths import Open, add_task, executions

TASKS = 12
ROUNDS = 5

rounds = pytest.mark.parametrize("_", range(ROUNDS))

_ASK = """
INSERT INTO scheduler_operations (id, kind, arguments, total_count, created_at, created_by)
VALUES (%s, 'BULK_ACTION', %s, %s, %s, 'olaf')
"""


@pytest.fixture
def tasks(connection: psycopg.Connection) -> list[UUID]:
    """Tasks without a schedule."""
    return sorted(add_task(connection, next_slot_for=None, claim_at=None) for _ in range(TASKS))


@pytest.fixture
def action(connection: psycopg.Connection, tasks: list[UUID], now: datetime, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A trigger of all of them, five at a time."""
    monkeypatch.setattr(bulkactions, "ITEMS_PER_STEP", 5)
    operation = uuid4()
    arguments = json.dumps({"on": "tasks", "action": "trigger", "arguments": {}, "filter": None})
    connection.execute(_ASK, (operation, arguments, TASKS, now))
    for number, task in enumerate(tasks):
        connection.execute("INSERT INTO scheduler_operation_items VALUES (%s, %s, %s)", (number, task, operation))
    return operation


def _advance(connection: psycopg.Connection, *, now: datetime) -> list[Ready]:
    return bulkactions.advance(connection, after=EVERYWHERE, now=now).ready


def _counts(connection: psycopg.Connection) -> tuple[str, int]:
    row = connection.execute("SELECT status, done_count FROM scheduler_operations").fetchone()
    assert row is not None
    return row


@rounds
def test_each_item_is_dealt_with_once_with_several_schedulers(
    connection: psycopg.Connection, open_connection: Open, tasks: list[UUID], action: UUID, now: datetime, _: int
) -> None:
    step: list[Callable[[], list[Ready]]] = [partial(_advance, open_connection(), now=now) for _ in range(4)]

    ready = flat(flat(together(*(in_turn(one, one, one) for one in step))))

    assert (len(ready), _counts(connection)) == (TASKS, ("COMPLETED", TASKS))
    assert [len(executions(connection, task)) for task in tasks] == [1] * TASKS


def test_what_a_node_had_not_committed_another_does(
    connection: psycopg.Connection, open_connection: Open, tasks: list[UUID], action: UUID, now: datetime
) -> None:
    dying = open_connection()
    with pytest.raises(psycopg.OperationalError), dying.transaction():
        _advance(dying, now=now)
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (dying.info.backend_pid,))
        dying.execute("SELECT 1")

    ready = _advance(connection, now=now)

    assert (len(ready), _counts(connection)) == (TASKS, ("COMPLETED", TASKS))


def test_an_abort_waits_for_the_step_that_runs(
    connection: psycopg.Connection, open_connection: Open, tasks: list[UUID], action: UUID, now: datetime
) -> None:
    other = open_connection()

    def abort() -> bool:
        with other.transaction():
            return bulkactions.abort(other, action, now=now)

    advanced, _ = together(partial(_advance, connection, now=now), abort)

    assert _counts(connection)[1] == len(advanced)
