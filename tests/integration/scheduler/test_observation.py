"""What a node shows of the whole platform, and the sign of life that it sends while slots are recorded on time."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from scheduler import clock, nodes
from scheduler.observation import EVERY_SECONDS, SOON_SECONDS, Observer
from tests.hot_paths import MINUTE, SECOND, add_task, queue_one, set_clock
from tests.listening import Listener, listening


@dataclass
class Seat:
    """An observer, with what it is told and what it shows."""

    watchdog: Listener
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    is_claiming: bool = True
    speaks_for_all: bool = True

    def __post_init__(self) -> None:
        self.observer = Observer(
            self.registry,
            watchdog_url=f"{self.watchdog.url}/ping/secret",
            is_claiming=lambda: self.is_claiming,
            speaks_for_all=lambda: self.speaks_for_all,
        )

    def shown(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"platform_scheduler_{name}", labels)


@pytest.fixture
def seat(now: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seat]:
    """At noon."""
    set_clock(monkeypatch, lambda: now)
    with listening() as watchdog:
        yield Seat(watchdog)


def test_it_calls_while_slots_are_recorded_on_time(seat: Seat, connection: psycopg.Connection, now: datetime):
    add_task(connection, next_slot_for=now + MINUTE)
    assert seat.observer.turn(connection) == EVERY_SECONDS
    assert seat.watchdog.asked == ["GET /ping/secret"]
    assert seat.shown("watchdog_called_timestamp_seconds") == now.timestamp()


def test_it_calls_once_a_minute(seat: Seat, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch):
    began = clock.monotonic()
    counts = []
    for seconds in (0, 15, 30, 45, 60, 75, 120):
        monkeypatch.setattr(clock, "monotonic", lambda seconds=seconds: began + seconds)
        seat.observer.turn(connection)
        counts.append(len(seat.watchdog.asked))
    assert counts == [1, 1, 1, 1, 2, 2, 3]


def test_it_is_silent_while_a_slot_is_late(
    seat: Seat, connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    add_task(connection, next_slot_for=now)
    set_clock(monkeypatch, lambda: now + 6 * SECOND)
    assert seat.observer.turn(connection) == SOON_SECONDS
    assert seat.watchdog.asked == []
    assert seat.shown("late", kind="unclaimed") == 1


def test_it_calls_again_as_soon_as_nothing_is_late(
    seat: Seat, connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    task = add_task(connection, next_slot_for=now)
    set_clock(monkeypatch, lambda: now + 6 * SECOND)
    seat.observer.turn(connection)
    connection.execute("UPDATE scheduler_tasks SET claim_at = %s WHERE id = %s", (now + MINUTE, task))
    seat.observer.turn(connection)
    assert len(seat.watchdog.asked) == 1


@pytest.mark.parametrize("what", ["is_claiming", "speaks_for_all"])
def test_it_is_silent_where_its_own_claims_rest_or_another_node_speaks(
    seat: Seat, connection: psycopg.Connection, what: str
):
    setattr(seat, what, False)
    seat.observer.turn(connection)
    assert seat.watchdog.asked == []


def test_it_tries_again_soon_where_the_watchdog_does_not_take_it_and_tells_no_key(
    seat: Seat, connection: psycopg.Connection, caplog: pytest.LogCaptureFixture
):
    seat.watchdog.status = 500
    with caplog.at_level(logging.WARNING):
        assert seat.observer.turn(connection) == SOON_SECONDS
    seat.watchdog.status = 200
    assert seat.observer.turn(connection) == EVERY_SECONDS
    assert "127.0.0.1 was not reached: HTTP Error 500" in caplog.text
    assert "secret" not in caplog.text


def test_it_survives_a_watchdog_that_is_gone(connection: psycopg.Connection):
    with listening() as gone:
        seat = Seat(gone)
    assert seat.observer.turn(connection) == SOON_SECONDS


def test_it_shows_executions_that_wait_too_long(
    seat: Seat, connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    queue_one(connection, add_task(connection), now=now)
    set_clock(monkeypatch, lambda: now + MINUTE + SECOND)
    seat.observer.turn(connection)
    assert seat.shown("late", kind="waiting") == 1
    assert len(seat.watchdog.asked) == 1


def test_it_tells_nodes_that_fell_silent_from_those_that_left(
    seat: Seat, connection: psycopg.Connection, now: datetime
):
    alive, silent, left = (uuid4() for _ in range(3))
    nodes.heartbeat(connection, now, node=alive, role="worker")
    nodes.heartbeat(connection, now - MINUTE, node=silent, role="worker")
    nodes.heartbeat(connection, now - MINUTE, node=left, role="worker")
    nodes.leave(connection, now, node=left)
    nodes.heartbeat(connection, now - timedelta(days=2), node=uuid4(), role="worker")
    seat.observer.turn(connection)
    shown = {state: seat.shown("nodes", role="worker", state=state) for state in ("alive", "silent")}
    assert shown == {"alive": 1, "silent": 1}
    assert seat.shown("nodes", role="scheduler", state="alive") == 0


def test_it_shows_for_how_long_history_has_room(seat: Seat, connection: psycopg.Connection):
    seat.observer.turn(connection)
    days = seat.shown("partitions_ahead_days")
    assert days is not None
    assert 14 <= days <= 15
