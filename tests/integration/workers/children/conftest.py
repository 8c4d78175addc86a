"""A child of a worker that runs what a test registers."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tests.hot_paths import SECOND, add_task, queue_one
from tests.integration.workers.children.child import Child
from workers import registry
from workers.context import Context
from workers.registry import Data, handler


@pytest.fixture
def child() -> Iterator[Child]:
    """A child with a pipe and a board of its own."""
    made = Child()
    yield made
    os.close(made.pipe.reading)
    os.close(made.pipe.writing)


@pytest.fixture(autouse=True)
def _handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr(registry, "_handlers", {})


@pytest.fixture
def run(child: Child, connection: psycopg.Connection, now: datetime) -> Callable[..., UUID]:
    """Registers a function, requests an execution of it and runs that; returns its id."""

    def run_it(function: Callable[[Data, Context], Any], *, task_data: str | None = None, **task: Any) -> UUID:
        handler("acme.test", schema=task.pop("schema", None))(function)
        task_id = add_task(connection, task_class="acme.test", **task)
        execution_id = queue_one(connection, task_id, now=now, task_data=task_data)
        child.runner.run(connection, [execution_id], now=now + SECOND)
        return execution_id

    return run_it
