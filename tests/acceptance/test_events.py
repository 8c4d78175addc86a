"""Events in, webhooks out, with real processes: schedulers and workers, kill -9 in between."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.platform import Platform, outside_servers, running
from tests.handler_cast import Loopback, Received, answering

pytestmark = pytest.mark.acceptance

EVENTS = 40
RETRIES = {"retryPolicy": {"backoff": "FIXED", "delaySeconds": 1}}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the platform and its handlers write; as root PostgreSQL's user has to pass."""
    made = Path(tempfile.mkdtemp(prefix="platform-scheduler-acceptance-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def platform(folder: Path) -> Iterator[Platform]:
    """Two schedulers and two workers that may tell a receiver on this machine."""
    own = {"HANDLER_MODULES": "tests.acceptance.noting", "HTTP_ALLOWED_ADDRESSES": "127.0.0.1"}
    options = ("--schedulers", "2", "--worker-processes", "2")
    with outside_servers() as environment:
        with running(folder / "data", options=options, environment=environment | own) as platform:
            yield platform


@pytest.fixture(scope="module")
def receiver() -> Iterator[Loopback]:
    """Takes whatever it is told."""
    with Loopback(answering(204)) as server:
        yield server


@pytest.fixture(scope="module")
def secret(platform: Platform, receiver: Loopback) -> str:
    """The secret of a webhook that is told how executions end."""
    body = {"url": receiver.url("/hook"), "events": ["execution.succeeded"]}
    made = platform.call("POST", "/api/v1/webhooks", body)
    assert made.status == 201, made
    return str(made["secret"])


@pytest.fixture(scope="module")
def history(platform: Platform, folder: Path, receiver: Loopback, secret: str) -> list[dict[str, Any]]:
    """Tell of forty events, half of them heard, kill a scheduler and a worker meanwhile, and wait for all ends."""
    task = platform.call(
        "POST",
        "/api/v1/tasks",
        {"name": "load", "taskClass": "test.note_event", "taskData": {"file": str(folder / "noted")},
         "listensTo": [{"event": "told", "match": {"is_heard": True}}], **RETRIES},
    )  # fmt: skip
    assert task.status == 201, task
    for number in range(EVENTS):
        if number == EVENTS // 2:
            os.kill(platform.pids("scheduler")[0], signal.SIGKILL)
            os.kill(platform.pids("worker")[0], signal.SIGKILL)
        payload = {"number": number, "is_heard": number % 2 == 0}
        event = {"name": "told", "payload": payload, "idempotencyKey": f"event {number}"}
        answers = [platform.call("POST", "/api/v1/events", event) for _ in range(2)]
        assert [one.status for one in answers] == [202, 202], answers

    def succeeded() -> set[str]:
        return {one["scheduledFor"] for one in platform.history(task["id"]) if one["status"] == "SUCCESS"}

    platform.wait_for(lambda: len(succeeded()) == EVENTS // 2, seconds=120)
    platform.wait_for(lambda: _told(receiver) >= _ended(platform.history(task["id"])), seconds=60)
    return platform.history(task["id"])


def _ended(history: list[dict[str, Any]]) -> set[str]:
    return {one["id"] for one in history if one["status"] == "SUCCESS"}


def _told(receiver: Loopback) -> set[str]:
    return {json.loads(request.body)["data"]["id"] for request in receiver.requests}


def _is_signed(request: Received, secret: str) -> bool:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return f"v1,{expected}" in request.headers["webhook-signature"].split()


def test_each_event_that_is_heard_is_one_slot(history: list[dict[str, Any]]) -> None:
    first = [one for one in history if one["attempt"] == 1]

    assert {one["trigger"] for one in first} == {"EVENT"}
    assert len(first) == len({one["scheduledFor"] for one in first}) == EVENTS // 2


def test_the_handler_is_told_of_it(history: list[dict[str, Any]], folder: Path) -> None:
    assert {int(line) for line in (folder / "noted").read_text().split()} == set(range(0, EVENTS, 2))


def test_the_webhook_is_told_of_each_end(history: list[dict[str, Any]], receiver: Loopback, secret: str) -> None:
    assert _told(receiver) == _ended(history)
    assert all(_is_signed(request, secret) for request in receiver.requests)


def test_what_it_is_told_twice_has_the_same_id(history: list[dict[str, Any]], receiver: Loopback) -> None:
    messages = {
        (request.headers["webhook-id"], json.loads(request.body)["data"]["id"]) for request in receiver.requests
    }

    assert set(Counter(execution for _, execution in messages).values()) == {1}
