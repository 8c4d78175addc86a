"""GET /api/v1/stream: changes of executions' statuses as they are committed."""

import json
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import LazySettings

from query import stream
from query.frames import RESET
from query.stream import Client, Hub
from scheduler import changes, clock, firing, transitions
from scheduler.engine.states import Status
from scheduler.errors import StreamFull
from scheduler.records import Outcome
from tests.hot_paths import LEASE, Open, add_task, connection, executions, now, open_connection, queue_one, start_one

__all__ = ["connection", "now", "open_connection"]

STREAM = "/api/v1/stream"
SECOND = timedelta(seconds=1)
Event = tuple[str, dict[str, Any]]


class Hand:
    """The monotonic clock, moved by the test."""

    second = 1_000.0


class HandHub(Hub):
    """A hub that reads when the test says so."""

    def __init__(self, connection: psycopg.Connection) -> None:
        super().__init__()
        self._connection = connection

    def _begin(self) -> None:
        if not self._is_reading:
            self.read()

    def read(self) -> float:
        return self.turn(self._connection)


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    hand = Hand()
    monkeypatch.setattr(clock, "monotonic", lambda: hand.second)
    return hand


@pytest.fixture
def hub(open_connection: Open, now: datetime, hand: Hand, monkeypatch: pytest.MonkeyPatch) -> HandHub:
    monkeypatch.setattr(clock, "read", lambda _: now)
    return HandHub(open_connection())


@pytest.fixture
def task_id(connection: psycopg.Connection) -> UUID:
    return add_task(connection, name="Report", namespace="payments")


def _opened(hub: Hub, *, namespace: str | None = None, after: str | None = None) -> Client:
    client = hub.open(namespace=namespace, after=after)
    next(client)  # how to come back, and from where
    return client


def _events(text: bytes) -> list[Event]:
    found = re.findall(r"event: (\w+)\ndata: (.*)\n\n", text.decode())
    return [(name, json.loads(data)) for name, data in found]


def _statuses(text: bytes) -> list[str]:
    return [data["status"] for _, data in _events(text)]


def _position(text: bytes) -> str:
    return str(re.findall(r"id: (\d+)\n", text.decode())[-1])


def test_it_tells_each_status_as_it_is_committed(
    connection: psycopg.Connection, hub: HandHub, task_id: UUID, now: datetime
):
    client, seen = _opened(hub), []
    execution_id = queue_one(connection, task_id, now=now)
    hub.read()
    seen += _statuses(next(client))
    started = transitions.start(connection, execution_id, node_id="n", lease_expires_at=now + LEASE, now=now)
    assert started is not None
    hub.read()
    seen += _statuses(next(client))
    transitions.finish(connection, [Outcome(started.id, started.fence, Status.SUCCESS)], now=now)
    hub.read()
    seen += _statuses(next(client))

    assert seen == ["QUEUED", "RUNNING", "SUCCESS"]


def test_an_event_says_what_lists_show(connection: psycopg.Connection, hub: HandHub, task_id: UUID, now: datetime):
    client = _opened(hub)
    execution_id = queue_one(connection, task_id, now=now)
    hub.read()

    ((name, data),) = _events(next(client))
    assert name == "execution"
    assert data == {
        "id": str(execution_id), "taskId": str(task_id), "taskName": "Report", "namespace": "payments",
        "queue": "default", "priority": 5, "scheduledFor": now.isoformat().replace("+00:00", "Z"),
        "status": "QUEUED", "reason": None, "attempt": 1, "trigger": "MANUAL", "startTime": None, "endTime": None,
        "executionTimeMs": None, "nodeId": None, "runId": None,
    }  # fmt: skip


def test_it_tells_of_slots_retries_and_cancels(connection: psycopg.Connection, hub: HandHub, now: datetime):
    client = _opened(hub)
    task_id = add_task(connection, next_slot_for=now)
    firing.claim(connection, now=now)
    first = executions(connection, task_id)[0]["id"]
    started = transitions.start(connection, first, node_id="n", lease_expires_at=now + LEASE, now=now)
    assert started is not None
    transitions.finish(connection, [Outcome(started.id, started.fence, Status.FAILED)], now=now)
    retry = executions(connection, task_id)[1]["id"]
    transitions.cancel_waiting(connection, [retry], reason="by ada", now=now)
    hub.read()

    assert {data["id"]: data["status"] for _, data in _events(next(client))} == {
        str(first): "FAILED",
        str(retry): "CANCELLED",
    }


def test_what_is_rolled_back_is_not_told(connection: psycopg.Connection, hub: HandHub, task_id: UUID, now: datetime):
    _opened(hub)
    with connection.transaction(force_rollback=True):
        queue_one(connection, task_id, now=now)
    hub.read()

    assert not hub.ticks


def test_nothing_is_written_down_while_nobody_listens(
    connection: psycopg.Connection, hub: HandHub, task_id: UUID, now: datetime
):
    queue_one(connection, task_id, now=now)
    _opened(hub)
    queue_one(connection, task_id, now=now + 16 * SECOND)

    assert connection.execute("SELECT FROM scheduler_changes").fetchall() == []


@pytest.mark.parametrize(("namespace", "count"), [(None, 2), ("payments", 1), ("nobody", 0), ("", 0)])
def test_it_tells_of_a_namespace(
    connection: psycopg.Connection, hub: HandHub, task_id: UUID, now: datetime, namespace: str | None, count: int,
    hand: Hand,
):  # fmt: skip
    client = _opened(hub, namespace=namespace)
    for one in (task_id, add_task(connection)):
        queue_one(connection, one, now=now)
    hub.read()

    assert len(_events(client._take())) == count


def test_one_that_comes_back_gets_what_it_has_missed(
    connection: psycopg.Connection, hub: HandHub, task_id: UUID, now: datetime
):
    client = _opened(hub)
    queue_one(connection, task_id, now=now)
    hub.read()
    position = _position(next(client))
    client.close()
    missed = queue_one(connection, task_id, now=now)
    hub.read()

    again = _opened(hub, after=position)
    assert [data["id"] for _, data in _events(next(again))] == [str(missed)]


@pytest.mark.parametrize("after", ["999999999", "99999999999999999999", "soon", "-1", "", "٣"])
def test_an_unknown_position_gets_a_reset(hub: HandHub, after: str):
    client = hub.open(namespace=None, after=after)

    assert RESET in next(client)


def test_a_known_position_gets_none(connection: psycopg.Connection, hub: HandHub):
    _opened(hub)

    assert RESET not in next(hub.open(namespace=None, after=str(hub.position)))


def test_one_that_is_too_slow_gets_a_reset(
    connection: psycopg.Connection, hub: HandHub, task_id: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stream, "MOST_KEPT", 2)
    client = _opened(hub)
    for _ in range(3):
        queue_one(connection, task_id, now=now)
        hub.read()

    assert next(client).startswith(RESET)
    queue_one(connection, task_id, now=now)
    hub.read()
    assert _statuses(next(client)) == ["QUEUED"]


def test_many_changes_are_told_by_task(
    connection: psycopg.Connection, hub: HandHub, task_id: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stream, "MOST_ONE_BY_ONE", 5)
    client = _opened(hub)
    for _ in range(5):
        queue_one(connection, task_id, now=now)
    start_one(connection, task_id, now=now)
    hub.read()

    assert _events(next(client)) == [
        ("task", {"taskId": str(task_id), "taskName": "Report", "namespace": "payments",
                  "counts": {"QUEUED": 5, "RUNNING": 1}}),
    ]  # fmt: skip


def test_after_a_second_they_are_told_one_by_one_again(
    connection: psycopg.Connection, hub: HandHub, task_id: UUID, now: datetime, hand: Hand,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setattr(stream, "MOST_ONE_BY_ONE", 1)
    client, names = _opened(hub), []
    for seconds in (0.25, 0.25, 1):
        queue_one(connection, task_id, now=now)
        hub.read()
        names += [name for name, _ in _events(next(client))]
        hand.second += seconds

    assert names == ["execution", "task", "task"]
    hand.second += 1
    queue_one(connection, task_id, now=now)
    hub.read()
    assert [name for name, _ in _events(next(client))] == ["execution"]


def test_too_many_to_be_told_are_a_reset(
    connection: psycopg.Connection, hub: HandHub, task_id: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stream, "MOST_EXECUTIONS", 1)
    client = _opened(hub)
    for _ in range(2):
        queue_one(connection, task_id, now=now)
    hub.read()

    assert next(client).startswith(RESET)


def test_a_change_that_commits_late_is_told(
    open_connection: Open, connection: psycopg.Connection, hub: HandHub, task_id: UUID, now: datetime
):
    client, late = _opened(hub), open_connection()
    with late.transaction():
        held = queue_one(late, task_id, now=now)
        other = queue_one(connection, add_task(connection), now=now)
        hub.read()
        first = [data["id"] for _, data in _events(next(client))]
    hub.read()

    assert (first, [data["id"] for _, data in _events(next(client))]) == ([str(other)], [str(held)])


def test_it_tells_nothing_twice(connection: psycopg.Connection, hub: HandHub, task_id: UUID, now: datetime, hand: Hand):
    client = _opened(hub)
    queue_one(connection, task_id, now=now)
    hub.read()
    next(client)
    for _ in range(3):
        hand.second += 1
        hub.read()

    assert hub.number == 1


def test_where_nothing_happens_it_says_how_far_it_has_read(hub: HandHub, hand: Hand, monkeypatch: pytest.MonkeyPatch):
    client = _opened(hub)
    monkeypatch.setattr(hub.changed, "wait", lambda seconds: setattr(hand, "second", hand.second + seconds))

    assert next(client) == f"id: {hub.position}\n\n".encode()
    assert hand.second == 1_005


def test_it_ends_after_five_minutes(hub: HandHub, hand: Hand):
    client = _opened(hub)
    hand.second += 300

    assert list(client) == []


def test_it_is_bounded(hub: HandHub, settings: LazySettings):
    settings.STREAM_CLIENTS = 2
    first, _ = _opened(hub), _opened(hub)
    with pytest.raises(StreamFull):
        _opened(hub)

    first.close()
    first.close()

    _opened(hub)
    assert hub.client_count == 2


def test_a_database_that_does_not_answer_takes_no_place(hub: HandHub, monkeypatch: pytest.MonkeyPatch):
    def refuse() -> None:
        raise psycopg.OperationalError

    monkeypatch.setattr(hub, "_begin", refuse)
    with pytest.raises(psycopg.OperationalError):
        _opened(hub)

    assert hub.client_count == 0


def test_it_goes_on_a_little_when_the_last_has_left(
    connection: psycopg.Connection, hub: HandHub, task_id: UUID, now: datetime, hand: Hand,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    client = _opened(hub)
    client.close()
    hand.second += 30
    queue_one(connection, task_id, now=now)
    hub.read()
    assert hub.number == 1

    hand.second += 31
    monkeypatch.setattr(hub.changed, "wait_for", lambda *_, **__: True)
    queue_one(connection, task_id, now=now)
    assert (hub.read(), hub.number) == (0, 1)


def test_old_changes_are_forgotten(connection: psycopg.Connection, hub: HandHub, task_id: UUID, now: datetime):
    _opened(hub)
    queue_one(connection, task_id, now=now)

    changes.forget(connection, now=now + 60 * SECOND)
    assert len(connection.execute("SELECT FROM scheduler_changes").fetchall()) == 1
    changes.forget(connection, now=now + 61 * SECOND)
    assert connection.execute("SELECT FROM scheduler_changes").fetchall() == []
