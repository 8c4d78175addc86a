"""Breaches of an SLA reach people and webhooks: once each, gathered, and only where somebody wants to hear of them."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from scheduler import breaches, claims, firing, notices, outbox, webhooks
from scheduler.engine.notifications import GATHERED_FOR
from scheduler.engine.webhooks import delivery_id
from tests.hot_paths import MINUTE, SECOND, Open, add_task, add_webhook, deliveries, executions

MAIL = {"kind": "EMAIL", "to": ["ops@example.com"]}
SLA = '{"maxLatenessSeconds": 60}'


@pytest.fixture
def channel(connection: psycopg.Connection) -> None:
    """The people of the namespace default."""
    connection.execute(
        "INSERT INTO scheduler_namespaces (name, notify_channel) VALUES ('default', %s)", (json.dumps(MAIL),)
    )


@pytest.fixture
def late(connection: psycopg.Connection, now: datetime) -> UUID:
    """A task whose slot of now was to begin within a minute, and has not."""
    return _late(connection, now=now, name="report", owner="finance", labels='{"team": "a"}')


def _late(connection: psycopg.Connection, *, now: datetime, sla: str = SLA, **columns: Any) -> UUID:
    task = add_task(connection, next_slot_for=now, interval_seconds=86_400, sla=sla, **columns)
    firing.claim(connection, now=now)
    return task


def _look(connection: psycopg.Connection, *, now: datetime) -> int:
    return len(breaches.look(connection, now=now, low=claims.EVERYWHERE).found)


def _tell(connection: psycopg.Connection, *, now: datetime) -> None:
    while webhooks.fan_out(connection, now=now):
        pass


def _notices(connection: psycopg.Connection) -> list[Any]:
    return connection.execute("SELECT occasion, task_name, text FROM scheduler_notices ORDER BY id").fetchall()


def _outbox(connection: psycopg.Connection) -> list[Any]:
    return connection.execute("SELECT breaches FROM scheduler_outbox ORDER BY id").fetchall()


def test_a_webhook_is_told(connection: psycopg.Connection, late: UUID, now: datetime) -> None:
    hook = add_webhook(connection, "sla.*")
    _look(connection, now=now + MINUTE)

    _tell(connection, now=now + MINUTE)

    (told,) = deliveries(connection)
    message = json.loads(told["body"])
    data = message.pop("data")
    assert (told["webhook_id"], told["event"]) == (hook, "sla.broken")
    assert told["id"] == delivery_id(hook, f"breach:{data.pop('id')}")
    assert message == {
        "id": str(told["id"]), "type": "sla.broken", "occurredAt": _text(now + MINUTE), "namespace": "default",
    }  # fmt: skip
    assert data == {
        "taskId": str(late), "taskName": "report", "namespace": "default", "taskClass": "platform.noop",
        "owner": "finance", "labels": {"team": "a"}, "promise": "LATENESS",
        "executionId": str(executions(connection, late)[0]["id"]), "scheduledFor": _text(now),
        "brokenAt": _text(now + MINUTE), "detectedAt": _text(now + MINUTE),
    }  # fmt: skip


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%S}Z"


@pytest.mark.parametrize(
    ("event", "namespace", "count"),
    [("*", None, 1), ("sla.broken", "default", 1), ("execution.*", None, 0), ("*", "payments", 0)],
)
def test_only_those_webhooks_are_told_that_want_it(
    connection: psycopg.Connection, late: UUID, now: datetime, event: str, namespace: str | None, count: int
) -> None:
    add_webhook(connection, event, namespace=namespace)
    _look(connection, now=now + MINUTE)

    _tell(connection, now=now + MINUTE)

    assert len(deliveries(connection)) == count


@pytest.mark.usefixtures("channel")
def test_people_are_told_by_the_channel_of_the_namespace(
    connection: psycopg.Connection, late: UUID, now: datetime
) -> None:
    _look(connection, now=now + MINUTE)

    _tell(connection, now=now + MINUTE)

    assert _notices(connection) == [("SLA_BREACH", "report", f"LATENESS of the slot {now:%Y-%m-%d %H:%M:%S} UTC")]


@pytest.mark.usefixtures("channel")
@pytest.mark.parametrize(
    ("outcomes", "occasions"), [(["SLA_BREACH"], ["SLA_BREACH"]), (["FAILURE"], []), (None, ["SLA_BREACH"])]
)
def test_a_task_says_whether_people_are_told(
    connection: psycopg.Connection, now: datetime, outcomes: list[str] | None, occasions: list[str]
) -> None:
    notify_on = json.dumps([{"outcomes": outcomes, "channel": None}]) if outcomes else None
    _late(connection, now=now, notify_on=notify_on)
    _look(connection, now=now + MINUTE)

    _tell(connection, now=now + MINUTE)

    assert [row[0] for row in _notices(connection)] == occasions


@pytest.mark.usefixtures("channel")
def test_many_breaches_are_one_message(connection: psycopg.Connection, now: datetime) -> None:
    for number in range(30):
        _late(connection, now=now, name=f"task {number}")
    assert _look(connection, now=now + MINUTE) == 30
    _tell(connection, now=now + MINUTE)

    at = now + MINUTE + GATHERED_FOR
    assert notices.take(connection, now=at - SECOND, until=at + MINUTE) is None
    due = notices.take(connection, now=at, until=at + MINUTE)

    assert due is not None
    message = notices.compose(connection, due)
    assert message is not None
    assert (message.title, len(message.lines)) == ("[default] 30 tasks have broken an SLA", 20)


@pytest.mark.usefixtures("channel")
def test_each_promise_of_a_slot_is_told_once(connection: psycopg.Connection, now: datetime) -> None:
    _late(connection, now=now, sla='{"maxLatenessSeconds": 60, "deadlineAt": "13:00"}')
    for minutes in (1, 2, 60, 61):
        _look(connection, now=now + minutes * MINUTE)
        _tell(connection, now=now + minutes * MINUTE)

    assert [text.split()[0] for _, _, text in _notices(connection)] == ["LATENESS", "DEADLINE"]


@pytest.mark.usefixtures("channel")
def test_what_is_told_again_waits_once(connection: psycopg.Connection, late: UUID, now: datetime) -> None:
    add_webhook(connection)
    _look(connection, now=now + MINUTE)
    ((noted,),) = _outbox(connection)
    outbox.note_breaches(connection, noted)

    _tell(connection, now=now + MINUTE)

    assert (len(_notices(connection)), len(deliveries(connection))) == (1, 1)


def test_nothing_is_written_where_nobody_listens(connection: psycopg.Connection, late: UUID, now: datetime) -> None:
    add_webhook(connection, is_active=False)

    assert _look(connection, now=now + MINUTE) == 1
    assert _outbox(connection) == []


@pytest.mark.usefixtures("channel")
def test_a_node_that_dies_before_its_commit_has_told_nothing(
    connection: psycopg.Connection, open_connection: Open, late: UUID, now: datetime
) -> None:
    dying = open_connection()
    with pytest.raises(psycopg.OperationalError), dying.transaction():
        assert _look(dying, now=now + MINUTE) == 1
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (dying.info.backend_pid,))
        dying.execute("SELECT 1")

    assert _outbox(connection) == []
    assert _look(connection, now=now + MINUTE + SECOND) == 1
    assert len(_outbox(connection)) == 1


@pytest.mark.usefixtures("channel")
def test_what_a_worker_that_dies_had_not_committed_another_tells(
    connection: psycopg.Connection, open_connection: Open, late: UUID, now: datetime
) -> None:
    add_webhook(connection)
    _look(connection, now=now + MINUTE)
    dying = open_connection()
    with pytest.raises(psycopg.OperationalError), dying.transaction():
        assert webhooks.fan_out(dying, now=now + MINUTE) == 1
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (dying.info.backend_pid,))
        dying.execute("SELECT 1")

    _tell(connection, now=now + timedelta(hours=1))

    assert (len(_notices(connection)), len(deliveries(connection))) == (1, 1)


def test_what_cannot_be_told_stays(
    connection: psycopg.Connection, late: UUID, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError

    add_webhook(connection)
    _look(connection, now=now + MINUTE)
    noted = _outbox(connection)
    monkeypatch.setattr(webhooks, "news_of", fail)

    assert webhooks.fan_out(connection, now=now + MINUTE) == 0

    assert _outbox(connection) == noted
