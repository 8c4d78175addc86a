"""GET /api/v1/stream over HTTP: a hub with a thread of its own, and what is refused."""

import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import psycopg
import pytest
from django.conf import LazySettings

from query import stream
from query.stream import Hub
from scheduler import clock
from scheduler.records import Started
from tests.hot_paths import Open, add_task, connection, now, open_connection, start_one
from tests.integration.conftest import Caller

__all__ = ["connection", "now", "open_connection"]

STREAM = "/api/v1/stream"


@pytest.fixture
def served(open_connection: Open, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub of a process, with a thread of its own."""
    served = Hub()
    monkeypatch.setattr(stream, "hub", served)
    yield served
    loop = served._loop
    served.stop()
    with served.changed:
        served.changed.notify_all()
    if loop is not None:
        loop.join(timeout=5)


def _read(answer: Any, until: Callable[[bytes], bool]) -> bytes:
    text: bytes = b""
    for part in answer.streaming_content:
        text += part
        if until(text):
            return text
    return text


def test_a_change_is_seen_within_a_second(viewer: Caller, connection: psycopg.Connection, served: Hub):
    task_id = add_task(connection)
    answer: Any = viewer.get(STREAM)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/event-stream")
    assert answer["Cache-Control"] == "no-cache, no-transform"
    parts = answer.streaming_content
    assert next(parts).startswith(b"retry: 2000\nid: ")

    began = clock.monotonic()
    started: list[Started] = []
    threading.Thread(target=lambda: started.append(start_one(connection, task_id, now=clock.read(connection)))).start()
    text = _read(answer, lambda text: b"RUNNING" in text)

    assert b"RUNNING" in text
    assert clock.monotonic() - began < 1
    answer.close()
    assert served.client_count == 0


def test_too_many_are_answered_503(viewer: Caller, served: Hub, settings: LazySettings):
    settings.STREAM_CLIENTS = 0

    answer = viewer.get(STREAM)

    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert answer["Retry-After"] == "5"


@pytest.mark.parametrize(
    ("query", "namespace"), [({}, "payments"), ({"namespace": "payments"}, "payments"), ({"namespace": "default"}, "")]
)
def test_a_bound_token_gets_its_namespaces_changes(
    payments_editor: Caller, served: Hub, monkeypatch: pytest.MonkeyPatch, query: dict[str, str], namespace: str
):
    opened = Mock(return_value=iter(()))
    monkeypatch.setattr(served, "open", opened)

    payments_editor.get(STREAM, query)

    opened.assert_called_once_with(namespace=namespace, after=None)


def test_head_opens_nothing(viewer: Caller, served: Hub):
    answer = viewer.head(STREAM)

    assert (answer.status_code, answer["Content-Type"], served.client_count) == (200, "text/event-stream", 0)


@pytest.mark.parametrize("accept", ["text/event-stream", "*/*"])
def test_it_is_what_browsers_ask_for(viewer: Caller, served: Hub, accept: str):
    answer = viewer.get(STREAM, headers={"Accept": accept})

    assert answer.status_code == 200
    answer.close()


def test_strangers_are_refused(viewer: Caller, served: Hub):
    answer = viewer.get(STREAM, {"task": str(uuid4())})

    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "task")
