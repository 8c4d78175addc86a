"""Notifications as they leave the house: e-mail, chat, webhook."""

import json
import logging
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.core import mail

from scheduler import notices
from scheduler.engine.notifications import channel_key
from tests.handler_cast import Loopback, answering
from tests.hot_paths import MINUTE, add_webhook, deliveries, set_clock
from workers import deliveries as sending
from workers import notifying


@pytest.fixture(autouse=True)
def noon(now: datetime, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """The database's clock; receivers are on loopback, e-mail goes into memory."""
    set_clock(monkeypatch, lambda: now)
    settings.HTTP_ALLOWED_ADDRESSES = ["127.0.0.1"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def _wait(connection: psycopg.Connection, channel: dict[str, Any], *, now: datetime) -> None:
    """Have a failure of one task wait for a channel."""
    key = channel_key("default", channel)
    connection.execute(
        "INSERT INTO scheduler_channels (key, namespace, channel, next_at) VALUES (%s, 'default', %s, %s)",
        (key, json.dumps(channel), now),
    )
    connection.execute(
        "INSERT INTO scheduler_notices (channel_key, subject, occasion, task_id, task_name, happened_at, text)"
        " VALUES (%s, 'execution:7', 'FAILURE', %s, 'Größe', %s, 'FAILED no')", (key, str(uuid4()), now),
    )  # fmt: skip


def _left(connection: psycopg.Connection) -> tuple[int, str | None]:
    row = connection.execute(
        "SELECT (SELECT count(*) FROM scheduler_notices), (SELECT last_error FROM scheduler_channels)"
    ).fetchone()
    assert row is not None
    return row


def test_it_sends_an_e_mail(connection: psycopg.Connection, now: datetime, settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "scheduler@example.com"
    _wait(connection, {"kind": "EMAIL", "to": ["ops@example.com", "ada@example.com"]}, now=now)

    sending.work_off(connection)

    (message,) = mail.outbox
    assert (message.subject, message.to) == ("[default] 1 task has failed", ["ops@example.com", "ada@example.com"])
    assert message.from_email == "scheduler@example.com"
    assert "Größe: FAILURE at" in message.body
    assert _left(connection) == (0, None)


def test_without_a_mail_server_it_says_so(
    connection: psycopg.Connection, now: datetime, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", ""
    _wait(connection, {"kind": "EMAIL", "to": ["ops@example.com"]}, now=now)

    with caplog.at_level(logging.WARNING):
        sending.work_off(connection)

    assert _left(connection) == (1, "E-mail is not set up: set EMAIL_HOST for the workers.")
    assert "were not notified by EMAIL" in caplog.text


def test_it_writes_into_a_chat(connection: psycopg.Connection, now: datetime) -> None:
    with Loopback(answering()) as server:
        _wait(connection, {"kind": "CHAT", "url": server.url("/room?key=1")}, now=now)
        sending.work_off(connection)

    (request,) = server.requests
    assert (request.line, request.headers["Content-Type"]) == ("POST /room?key=1 HTTP/1.1", "application/json")
    assert json.loads(request.body)["text"].startswith("[default] 1 task has failed\n\nGröße: FAILURE at ")
    assert _left(connection) == (0, None)


def test_where_a_chat_listens_may_be_a_secret(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.execute("INSERT INTO scheduler_namespaces (name, secret_names) VALUES ('default', '[\"CHAT\"]')")
    with Loopback(answering()) as server:
        monkeypatch.setenv("TASK_SECRET_CHAT", server.url("/room"))
        _wait(connection, {"kind": "CHAT", "url": {"$secret": "CHAT"}}, now=now)
        sending.work_off(connection)

    assert [request.line for request in server.requests] == ["POST /room HTTP/1.1"]


def test_its_errors_do_not_tell_where_a_chat_listens(
    connection: psycopg.Connection, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    _wait(connection, {"kind": "CHAT", "url": "http://127.0.0.1:1/s3cret"}, now=now)

    with caplog.at_level(logging.INFO):
        sending.work_off(connection)

    left, error = _left(connection)
    assert (left, "s3cret" in caplog.text) == (1, False)
    assert error is not None
    assert error.startswith("POST the chat had no answer")


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_chat_that_refuses_is_tried_again(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    with Loopback(answering(status)) as server:
        _wait(connection, {"kind": "CHAT", "url": server.url()}, now=now)
        sending.work_off(connection)
        set_clock(monkeypatch, lambda: now + MINUTE)
        sending.work_off(connection)

    assert (len(server.requests), _left(connection)) == (2, (1, f"The chat answered {status}."))


def test_a_chat_is_on_a_public_address(connection: psycopg.Connection, now: datetime, settings: Any) -> None:
    settings.HTTP_ALLOWED_ADDRESSES = []
    _wait(connection, {"kind": "CHAT", "url": "http://169.254.169.254/"}, now=now)

    sending.work_off(connection)

    assert "is not a public address" in str(_left(connection)[1])


def test_it_tells_a_webhook(connection: psycopg.Connection, now: datetime) -> None:
    with Loopback(answering()) as server:
        hook = add_webhook(connection, "task.*", url=server.url())
        _wait(connection, {"kind": "WEBHOOK", "webhookId": str(hook)}, now=now)
        sending.work_off(connection)

    (told,) = deliveries(connection, hook)
    body = json.loads(server.requests[0].body)
    assert (told["event"], told["status"]) == ("notification", "DELIVERED")
    assert (body["type"], body["data"]["counts"]) == ("notification", {"FAILURE": 1})
    assert body["data"]["tasks"][0]["taskName"] == "Größe"
    assert server.requests[0].headers["webhook-signature"].startswith("v1,")


def test_it_tells_a_webhook_once_though_the_worker_dies(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = add_webhook(connection, url="http://127.0.0.1:1/")
    _wait(connection, {"kind": "WEBHOOK", "webhookId": str(hook)}, now=now)

    def die(*_: Any, **__: Any) -> None:
        raise psycopg.OperationalError("killed")

    with monkeypatch.context() as patch, pytest.raises(psycopg.OperationalError):
        patch.setattr(notices, "sent", die)
        notifying.send_one(connection)
    set_clock(monkeypatch, lambda: now + MINUTE)
    notifying.send_one(connection)

    assert len(deliveries(connection, hook)) == 1


@pytest.mark.parametrize("namespace", ["payments", None])
def test_it_tells_no_webhook_that_is_not_there(
    connection: psycopg.Connection, now: datetime, namespace: str | None
) -> None:
    hook: UUID = add_webhook(connection, namespace=namespace) if namespace else uuid4()
    _wait(connection, {"kind": "WEBHOOK", "webhookId": str(hook)}, now=now)

    sending.work_off(connection)

    assert (deliveries(connection), "no such webhook" in str(_left(connection)[1])) == ([], True)
