"""Several schedulers at the same event: each listener once, and one that dies in between loses none."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID, uuid4

import psycopg
import pytest

from scheduler import events
from scheduler.claims import EVERYWHERE
from scheduler.records import Ready
from tests.concurrency.together import flat, in_turn, together
from tests.hot_paths import Open, add_task, executions

TASKS = 12
rounds = pytest.mark.parametrize("_", range(5))

_TELL = "INSERT INTO scheduler_events (id, name, payload, received_at) VALUES (%s, 'a', '{}', %s)"


@pytest.fixture
def tasks(connection: psycopg.Connection) -> list[UUID]:
    """Tasks that listen, and one that does not."""
    add_task(connection, next_slot_for=None, claim_at=None)
    listening = '[{"event": "a", "match": {}}]'
    return sorted(add_task(connection, next_slot_for=None, claim_at=None, listens_to=listening) for _ in range(TASKS))


@pytest.fixture
def event(connection: psycopg.Connection, tasks: list[UUID], now: datetime, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """What they listen for, carried to five at a time."""
    monkeypatch.setattr(events, "TASKS_PER_STEP", 5)
    event = uuid4()
    connection.execute(_TELL, (event, now))
    return event


def _advance(connection: psycopg.Connection, *, now: datetime) -> list[Ready]:
    return events.advance(connection, after=EVERYWHERE, now=now).ready


def _started(connection: psycopg.Connection) -> tuple[int, bool]:
    row = connection.execute("SELECT started_count, completed_at IS NOT NULL FROM scheduler_events").fetchone()
    assert row is not None
    return row


@rounds
def test_each_listener_is_started_once_with_several_schedulers(
    connection: psycopg.Connection, open_connection: Open, tasks: list[UUID], event: UUID, now: datetime, _: int
) -> None:
    step: list[Callable[[], list[Ready]]] = [partial(_advance, open_connection(), now=now) for _ in range(4)]

    ready = flat(flat(together(*(in_turn(one, one, one) for one in step))))

    assert (len(ready), _started(connection)) == (TASKS, (TASKS, True))
    assert [len(executions(connection, task)) for task in tasks] == [1] * TASKS


def test_what_a_node_had_not_committed_another_starts(
    connection: psycopg.Connection, open_connection: Open, tasks: list[UUID], event: UUID, now: datetime
) -> None:
    dying = open_connection()
    with pytest.raises(psycopg.OperationalError), dying.transaction():
        events.step(dying, event, now=now)
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (dying.info.backend_pid,))
        dying.execute("SELECT 1")

    ready = _advance(connection, now=now)

    assert (len(ready), _started(connection)) == (TASKS, (TASKS, True))


def test_an_edit_that_comes_first_is_obeyed(
    connection: psycopg.Connection, open_connection: Open, tasks: list[UUID], event: UUID, now: datetime
) -> None:
    editor = open_connection()

    def edit() -> None:
        with editor.transaction():
            editor.execute("UPDATE scheduler_tasks SET listens_to = '[]' WHERE id = %s", (tasks[0],))
            editor.execute("SELECT pg_sleep(0.2)")

    together(edit, partial(_advance, connection, now=now))
    _advance(connection, now=now)

    started = len(executions(connection, tasks[0]))
    assert _started(connection) == (TASKS - 1 + started, True)
    assert [len(executions(connection, task)) for task in tasks[1:]] == [1] * (TASKS - 1)


def test_the_listeners_are_found_by_their_index(connection: psycopg.Connection, event: UUID) -> None:
    with connection.transaction(force_rollback=True):
        # Of a few tasks any plan is good.
        connection.execute(
            "INSERT INTO scheduler_tasks (id, name, task_class)"
            " SELECT gen_random_uuid(), 'Task ' || n, 'platform.noop' FROM generate_series(1, 5000) n"
        )
        connection.execute("ANALYZE scheduler_tasks")
        parameters = {"wanted": '[{"event": "a"}]', "namespace": None, "after": None, "limit": 5}
        plan = connection.execute("EXPLAIN " + events._LISTENING, parameters).fetchall()

    assert "scheduler_tasks_listening" in " ".join(line for (line,) in plan)
