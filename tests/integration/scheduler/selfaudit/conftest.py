"""A platform whose clock the test moves: tasks that are claimed, and the audit that looks at them."""

import os
import random
from collections.abc import Callable
from datetime import UTC, datetime

import psycopg
import pytest

from register import drafting
from scheduler.connections import current
from scheduler.engine import task_ids
from scheduler.models import Handler, Task
from tests.integration.scheduler.selfaudit.stage import MINUTE, Play, Stage

# A play's calendar closes within half an hour, and opens between slots of its tasks that lie further apart than their
# jitter. Long past: its rows lie in the partition of all that is old.
CURTAIN = datetime(2024, 3, 11, 12, 10, tzinfo=UTC)


@pytest.fixture
def stage(connection: psycopg.Connection, now: datetime, handlers: dict[str, Handler]) -> Stage:
    """One scheduler over Django's connection, whose transaction the test ends by undoing it."""
    return Stage(current(), now)


@pytest.fixture
def play_of(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Play]:
    """Makes the play of a seed, the same each time: at one instant, with ids that are drawn by the seed as well.

    The order of ids decides which of several things comes first, and the hour which of them a calendar closes.
    """

    def make(seed: int) -> Play:
        stage.now = CURTAIN
        stage.names = 0
        monkeypatch.setattr(os, "urandom", random.Random(seed).randbytes)  # all that uuid4() goes by
        monkeypatch.setattr(task_ids, "randbits", random.Random(seed).getrandbits)
        monkeypatch.setattr(drafting, "_ids", task_ids.Ascending())
        return Play(stage, seed)

    return make


@pytest.fixture
def minutely(stage: Stage) -> Task:
    """A task with a slot each minute, an hour and more of which have been claimed on time."""
    task = stage.create(intervalSeconds=60)
    stage.step = MINUTE
    stage.run(minutes=65)
    return task
