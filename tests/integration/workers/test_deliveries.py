"""Messages to webhooks over real sockets on loopback: signed, tried again, sent to permitted addresses only."""

import base64
import hashlib
import hmac
import json
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings as configured

from scheduler import advisory, clock, webhooks
from scheduler.engine import webhooks as rules
from tests.handler_cast import Loopback, Received, answering, silent
from tests.hot_paths import MINUTE, Open, add_webhook, deliveries, set_clock, webhook
from workers import deliveries as sending


@pytest.fixture(autouse=True)
def allowed(settings: Any) -> None:
    """Loopback is where the receivers are."""
    settings.HTTP_ALLOWED_ADDRESSES = ["127.0.0.1"]


@pytest.fixture(autouse=True)
def noon(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's clock."""
    set_clock(monkeypatch, lambda: now)


def _hook(connection: psycopg.Connection, url: str, *, now: datetime, **columns: Any) -> UUID:
    """Make a webhook with a message that is due, and return its id."""
    hook = add_webhook(connection, url=url, **columns)
    webhooks.send_test(connection, hook, None, now=now)
    return hook


def _is_signed_by(request: Received, hook: UUID, version: int) -> bool:
    key = base64.b64decode(rules.secret(configured.SECRET_KEY, hook, version).removeprefix("whsec_"))
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return f"v1,{expected}" in request.headers["webhook-signature"].split()


def test_it_sends_a_signed_message(connection: psycopg.Connection, now: datetime) -> None:
    with Loopback(answering(204)) as server:
        hook = _hook(connection, server.url("/hook?key=1"), now=now)
        sending.work_off(connection)

    (request,), (told,) = server.requests, deliveries(connection)
    assert (request.line, request.headers["Content-Type"]) == ("POST /hook?key=1 HTTP/1.1", "application/json")
    assert (request.headers["webhook-id"], json.loads(request.body)["type"]) == (str(told["id"]), "webhook.test")
    assert request.headers["webhook-timestamp"] == str(int(now.timestamp()))
    assert _is_signed_by(request, hook, 1)
    assert (told["status"], told["attempts"][0]["status"]) == ("DELIVERED", 204)


@pytest.mark.parametrize(("hours", "versions"), [(1, [2, 1]), (25, [2])])
def test_the_old_secret_signs_for_a_day(
    connection: psycopg.Connection, now: datetime, hours: int, versions: list[int]
) -> None:
    with Loopback(answering()) as server:
        hook = _hook(connection, server.url(), now=now, secret_version=2, secret_changed_at=now - hours * 60 * MINUTE)
        sending.work_off(connection)

    assert [one for one in (2, 1) if _is_signed_by(server.requests[0], hook, one)] == versions


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500, 503])
def test_any_other_answer_is_a_failure(connection: psycopg.Connection, now: datetime, status: int) -> None:
    with Loopback(answering(status, Location="http://127.0.0.1:1/")) as server:
        hook = _hook(connection, server.url(), now=now)
        sending.work_off(connection)

    (told,) = deliveries(connection)
    assert (told["status"], told["attempts"][0]["status"]) == ("PENDING", status)
    assert told["attempts"][0]["error"] == f"It answered {status}."
    assert (webhook(connection, hook)["failure_count"], len(server.requests)) == (1, 1)


def test_a_retry_has_the_same_id_and_body(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Loopback(answering(500)) as server:
        _hook(connection, server.url(), now=now)
        sending.work_off(connection)
        set_clock(monkeypatch, lambda: now + MINUTE)
        sending.work_off(connection)

    first, second = server.requests
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 60


def test_a_receiver_that_is_not_there_is_a_failure(connection: psycopg.Connection, now: datetime) -> None:
    _hook(connection, "http://127.0.0.1:1/", now=now)

    sending.work_off(connection)

    (attempt,) = deliveries(connection)[0]["attempts"]
    assert attempt["status"] is None
    assert "had no answer" in attempt["error"]


def test_what_is_said_of_a_failure_tells_nothing_of_the_query(connection: psycopg.Connection, now: datetime) -> None:
    _hook(connection, "http://127.0.0.1:1/hook?key=s3cret", now=now)

    sending.work_off(connection)

    (attempt,) = deliveries(connection)[0]["attempts"]
    assert "POST http://127.0.0.1:1/hook?… had no answer" in attempt["error"]


def test_a_receiver_that_is_silent_is_a_failure(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "ANSWER_SECONDS", 0.3)
    with Loopback(silent) as server:
        _hook(connection, server.url(), now=now)
        sending.work_off(connection)

    assert "no whole answer within 0.3 s" in deliveries(connection)[0]["attempts"][0]["error"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://[::1]:1/", "http://169.254.169.254/", "http://10.0.0.1/"]
)
def test_it_connects_to_public_addresses_only(
    connection: psycopg.Connection, now: datetime, settings: Any, url: str
) -> None:
    settings.HTTP_ALLOWED_ADDRESSES = []
    _hook(connection, url, now=now)

    sending.work_off(connection)

    assert "is not a public address" in deliveries(connection)[0]["attempts"][0]["error"]


def test_one_that_is_gone_is_switched_off(connection: psycopg.Connection, now: datetime) -> None:
    with Loopback(answering(410)) as server:
        hook = _hook(connection, server.url(), now=now)
        sending.work_off(connection)

    assert not webhook(connection, hook)["is_active"]


def test_it_sends_many_in_one_pass(connection: psycopg.Connection, now: datetime) -> None:
    with Loopback(answering()) as server:
        for _ in range(3):
            hook = _hook(connection, server.url(), now=now)
            for number in range(5):
                webhooks.send_test(connection, hook, None, now=now.replace(microsecond=number + 1))
        connection.execute("UPDATE scheduler_deliveries SET next_attempt_at = %s", (now,))
        sending.work_off(connection)

    assert {told["status"] for told in deliveries(connection)} == {"DELIVERED"}
    assert len(server.requests) == 18


def test_a_bug_of_ours_is_a_failure_of_the_one_message(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "read_url", lambda text: 1 / 0)
    _hook(connection, "http://127.0.0.1:1/", now=now)

    sending.work_off(connection)

    assert "ZeroDivisionError" in deliveries(connection)[0]["attempts"][0]["error"]


def test_while_another_worker_sends_it_does_nothing(
    connection: psycopg.Connection, open_connection: Open, now: datetime
) -> None:
    _hook(connection, "http://127.0.0.1:1/", now=now)
    with advisory.alone(open_connection(), sending._ADVISORY_KEY) as is_alone:
        sending.work_off(connection)

    assert (is_alone, deliveries(connection)[0]["attempt_count"]) == (True, 0)


def test_it_ends_when_its_time_is_up(
    connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    _hook(connection, "http://127.0.0.1:1/", now=now)
    seconds = iter([0.0, sending.PASS_SECONDS + 1.0])
    monkeypatch.setattr(clock, "monotonic", lambda: next(seconds))

    sending.work_off(connection)

    assert deliveries(connection)[0]["attempt_count"] == 0


def test_what_has_happened_is_sent_in_the_same_pass(connection: psycopg.Connection, now: datetime) -> None:
    with Loopback(answering()) as server:
        add_webhook(connection, url=server.url())
        connection.execute(
            "INSERT INTO scheduler_audit (recorded_at, actor, via, verb, kind, object_id)"
            " VALUES (%s, 'edda', 'API', 'create', 'task', '7')", (now,)
        )  # fmt: skip
        connection.execute("INSERT INTO scheduler_outbox (records) SELECT array_agg(id) FROM scheduler_audit")
        sending.work_off(connection)

    assert [json.loads(one.body)["type"] for one in server.requests] == ["task.created"]
