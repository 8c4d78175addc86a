"""The clock of those that ask many times a second: PostgreSQL's, without a question each time."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from scheduler import clock

NOON = datetime.fromisoformat("2026-03-01T12:00:00+00:00")


class Server:
    """Stands for a connection: answers `instant`, each answer taking `takes` seconds of the machine's clock."""

    def __init__(self) -> None:
        self.instant, self.takes, self.machine, self.asked = NOON, 0.001, 100.0, 0

    def execute(self, _statement: str) -> SimpleNamespace:
        self.asked += 1
        self.machine += self.takes
        return SimpleNamespace(fetchone=lambda: (self.instant,))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(clock, "of_boot", lambda: server.machine)
    return server


@pytest.fixture
def follower(server: Server) -> clock.Follower:
    return clock.Follower(cast(Any, server))


def test_it_asks_once_a_second(server: Server, follower: clock.Follower):
    first = follower.now()
    server.machine += 0.9
    assert (first, follower.now(), server.asked) == (NOON, NOON + timedelta(seconds=0.9), 1)


def test_it_shows_a_step_of_the_servers_clock_after_a_second(server: Server, follower: clock.Follower):
    follower.now()
    server.machine += 1.0
    server.instant = NOON - timedelta(hours=1)
    assert (follower.now(), server.asked) == (NOON - timedelta(hours=1), 2)


def test_it_asks_again_after_a_slow_answer(server: Server, follower: clock.Follower):
    server.takes = 0.2
    follower.now()
    server.machine += 0.1
    assert (follower.now(), server.asked) == (NOON, 2)


def test_it_agrees_with_the_server(connection: psycopg.Connection):
    follower = clock.Follower(connection)
    follower.now()
    assert abs(follower.now() - clock.read(connection)) < timedelta(seconds=1)
