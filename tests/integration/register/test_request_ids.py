"""The id of a request: given or made, answered, and on every line that is logged meanwhile."""

import logging
import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.test import Client

from scheduler import logs
from tests.integration.conftest import Caller


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged, as people see it."""
    written: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    handler = Keeping()
    handler.setFormatter(logs.Lines("%(name)s %(message)s"))
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def test_it_keeps_a_plain_id_of_the_client(client: Client):
    answer = client.get("/health/live", headers={"X-Request-ID": "order-4711"})
    assert answer.headers["X-Request-ID"] == "order-4711"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\tb", "<script>", "a\u00e9"])
def test_it_makes_one_where_there_is_none_that_is_plain(client: Client, given: str):
    answer = client.get("/health/live", headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_what_is_logged_meanwhile_carries_it_and_what_the_path_is_about(viewer: Caller, lines: list[str]):
    task = uuid4()
    viewer.get(f"/api/v1/tasks/{task}", headers={"X-Request-ID": "order-4711"})
    (line,) = [line for line in lines if line.startswith("django.request Not Found")]
    assert line.endswith(f"[request_id=order-4711 task_id={task}]")


def test_what_is_logged_afterwards_does_not(client: Client, lines: list[str]):
    client.get("/health/live", headers={"X-Request-ID": "order-4711"})
    logging.getLogger("after").warning("done")
    assert lines[-1] == "after done"
