"""What becomes of what has happened: messages for whoever wants them, once each."""

import json
from datetime import datetime
from typing import Any

import psycopg
import pytest

from scheduler import audit, news, rollups, transitions, webhooks
from scheduler.audit import Entry
from scheduler.engine.states import Status
from scheduler.engine.webhooks import delivery_id
from scheduler.models.choices import AuditKind, AuditVerb
from scheduler.records import Outcome, Started
from tests.hot_paths import MINUTE, SECOND, add_task, add_webhook, deliveries, start_one

LEASE = MINUTE


def _end(connection: psycopg.Connection, started: Started, status: Status, *, now: datetime, **texts: Any) -> None:
    transitions.finish(connection, [Outcome(started.id, started.fence, status, **texts)], now=now)


def _tell(connection: psycopg.Connection, *, now: datetime) -> int:
    while rollups.take_in(connection, limit=rollups.BATCH):
        pass
    return webhooks.fan_out(connection, now=now)


def _outbox(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM scheduler_outbox").fetchone()
    assert row is not None
    return int(row[0])


def _body(delivery: dict[str, Any]) -> Any:
    return json.loads(delivery["body"])


class TestExecutions:
    def test_it_tells_of_an_end(self, connection: psycopg.Connection, running: Started, now: datetime) -> None:
        hook = add_webhook(connection)
        _end(connection, running, Status.SUCCESS, now=now + SECOND, result="42")

        _tell(connection, now=now + SECOND)

        (told,) = deliveries(connection)
        body = _body(told)
        assert (told["webhook_id"], told["event"], told["status"]) == (hook, "execution.succeeded", "PENDING")
        assert told["id"] == delivery_id(hook, f"execution:{running.id}")
        assert (body["id"], body["type"], body["namespace"]) == (str(told["id"]), "execution.succeeded", "default")
        assert (body["data"]["id"], body["data"]["result"]) == (str(running.id), "42")
        assert (body["data"]["status"], body["data"]["isFinal"]) == ("SUCCESS", True)
        assert body["occurredAt"] == body["data"]["endTime"] == f"{now + SECOND:%Y-%m-%dT%H:%M:%S}Z"

    def test_a_failure_that_is_tried_again_is_not_final(
        self, connection: psycopg.Connection, running: Started, now: datetime
    ) -> None:
        add_webhook(connection)
        _end(connection, running, Status.FAILED, now=now, error_message="no")

        _tell(connection, now=now)

        body = _body(deliveries(connection)[0])
        assert (body["type"], body["data"]["isFinal"], body["data"]["errorMessage"]) == (
            "execution.failed",
            False,
            "no",
        )

    def test_a_last_failure_is_final(self, connection: psycopg.Connection, now: datetime) -> None:
        add_webhook(connection)
        started = start_one(connection, add_task(connection, max_retry_count=0), now=now)
        _end(connection, started, Status.LOST, now=now)

        _tell(connection, now=now)

        body = _body(deliveries(connection)[0])
        assert (body["type"], body["data"]["isFinal"]) == ("execution.lost", True)

    def test_nothing_is_written_where_nobody_listens(
        self, connection: psycopg.Connection, running: Started, now: datetime
    ) -> None:
        add_webhook(connection, is_active=False)
        _end(connection, running, Status.SUCCESS, now=now)

        while rollups.take_in(connection, limit=rollups.BATCH):
            pass

        assert _outbox(connection) == 0

    def test_the_hot_path_writes_nothing_for_it(
        self, connection: psycopg.Connection, running: Started, now: datetime
    ) -> None:
        add_webhook(connection)

        _end(connection, running, Status.SUCCESS, now=now)

        assert _outbox(connection) == 0

    @pytest.mark.parametrize(
        ("events", "namespace", "is_told"),
        [
            (["execution.failed"], None, False),
            (["execution.succeeded"], None, True),
            (["task.*"], None, False),
            (["*"], "payments", False),
            (["*"], "default", True),
        ],
    )
    def test_it_tells_whoever_wants_it(
        self,
        connection: psycopg.Connection,
        running: Started,
        now: datetime,
        events: list[str],
        namespace: str | None,
        is_told: bool,
    ) -> None:
        add_webhook(connection, *events, namespace=namespace)
        _end(connection, running, Status.SUCCESS, now=now)

        _tell(connection, now=now)

        assert len(deliveries(connection)) == is_told
        assert _outbox(connection) == 0

    def test_what_is_told_again_is_told_once(
        self, connection: psycopg.Connection, running: Started, now: datetime
    ) -> None:
        add_webhook(connection)
        _end(connection, running, Status.SUCCESS, now=now)
        _tell(connection, now=now)
        connection.execute("INSERT INTO scheduler_outbox (executions) VALUES (%s)", ([running.id],))

        webhooks.fan_out(connection, now=now)

        assert len(deliveries(connection)) == 1

    def test_long_texts_are_cut(self, connection: psycopg.Connection, running: Started, now: datetime) -> None:
        add_webhook(connection)
        _end(connection, running, Status.SUCCESS, now=now, result="ä" * 60_000)

        _tell(connection, now=now)

        assert _body(deliveries(connection)[0])["data"]["result"] == "ä" * news.TEXT_LENGTH

    def test_an_entry_that_cannot_be_told_holds_up_no_other(
        self, connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_webhook(connection)
        bad, good = (start_one(connection, add_task(connection), now=now) for _ in range(2))
        for one in (bad, good):
            _end(connection, one, Status.SUCCESS, now=now)
            while rollups.take_in(connection, limit=rollups.BATCH):
                pass
        of_execution = news._of_execution
        monkeypatch.setattr(
            news, "_of_execution", lambda row, **facts: 1 / (row[0] != bad.id) and of_execution(row, **facts)
        )

        webhooks.fan_out(connection, now=now)

        assert [told["subject"] for told in deliveries(connection)] == [f"execution:{good.id}"]
        assert _outbox(connection) == 1


class TestDefinitions:
    def _record(self, connection: psycopg.Connection, *, now: datetime, **changes: Any) -> None:
        fields: dict[str, Any] = {
            "verb": AuditVerb.CHANGE, "kind": AuditKind.TASK, "object_id": "7", "object_name": "A task",
            "namespace": "default", "version": 2,
        }  # fmt: skip
        audit.record(connection, [Entry(**fields | changes)], now=now)

    def test_it_tells_of_a_write(self, connection: psycopg.Connection, now: datetime) -> None:
        add_webhook(connection)
        self._record(connection, now=now)

        webhooks.fan_out(connection, now=now)

        body = _body(deliveries(connection)[0])
        assert (body["type"], body["data"]["actor"]) == ("task.changed", "platform")
        assert body["data"]["task"] == {"id": "7", "name": "A task", "namespace": "default", "version": 2}

    def test_it_tells_of_many_at_once(self, connection: psycopg.Connection, now: datetime) -> None:
        add_webhook(connection)
        tasks = [add_task(connection) for _ in range(3)]
        audit.record_many(connection, tasks, verb=AuditVerb.PAUSE, now=now)

        webhooks.fan_out(connection, now=now)

        assert {told["event"] for told in deliveries(connection)} == {"task.paused"}
        assert len(deliveries(connection)) == 3

    def test_it_tells_of_what_the_platform_does(self, connection: psycopg.Connection, now: datetime) -> None:
        add_webhook(connection)
        audit.record_standing(connection, [add_task(connection)], verb=AuditVerb.PAUSE, before="ACTIVE", now=now)

        webhooks.fan_out(connection, now=now)

        assert [told["event"] for told in deliveries(connection)] == ["task.paused"]

    @pytest.mark.parametrize(
        "changes", [{"kind": AuditKind.TOKEN}, {"kind": AuditKind.REQUEST}, {"verb": AuditVerb.TRIGGER}]
    )
    def test_it_tells_of_nothing_else(
        self, connection: psycopg.Connection, now: datetime, changes: dict[str, Any]
    ) -> None:
        add_webhook(connection)
        self._record(connection, now=now, **changes)

        webhooks.fan_out(connection, now=now)

        assert deliveries(connection) == []

    def test_what_is_undone_is_not_told(self, connection: psycopg.Connection, now: datetime) -> None:
        add_webhook(connection)
        with connection.transaction(force_rollback=True):
            self._record(connection, now=now)

        assert _outbox(connection) == 0
