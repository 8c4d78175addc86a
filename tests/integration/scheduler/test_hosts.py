"""Circuits of webhooks' hosts: what is not sent while one is open, who tries, and how it goes on."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg
import pytest

from scheduler import circuits, hosts, webhooks
from scheduler.engine.circuits import Limits
from scheduler.outgoing import DueDelivery
from scheduler.webhooks import Tried
from tests.hot_paths import MINUTE, SECOND, add_webhook, deliveries

LIMITS = Limits(minimum_calls=3)
NAME = "host:receiver.example"


@dataclass
class Sender:
    """A worker that sends, and a scheduler, at an instant that moves on by hand."""

    connection: psycopg.Connection
    now: datetime

    def wait_for(self, url: str = "https://receiver.example/") -> UUID:
        """Have a message be due, to a webhook of its own; return the webhook."""
        hook = add_webhook(self.connection, url=url)
        webhooks.send_test(self.connection, hook, None, now=self.now)
        return hook

    def take(self, *, limit: int = 16) -> list[DueDelivery]:
        return hosts.due_deliveries(self.connection, now=self.now, until=self.now + MINUTE, of_each=4, limit=limit)

    def end(self, due: DueDelivery, status: int | None, *, took_ms: int = 5) -> None:
        webhooks.note(self.connection, Tried(due, self.now, took_ms, status, None), now=self.now)

    def look(self) -> None:
        circuits.take_in(self.connection, limits=LIMITS, now=self.now)
        circuits.tick(self.connection, now=self.now)

    def call(self, status: int | None, *, count: int = 3, took_ms: int = 5) -> None:
        """Have so many messages be tried, each of another webhook of the host."""
        for _ in range(count):
            self.wait_for()
        for due in self.take():
            self.end(due, status, took_ms=took_ms)
        self.look()

    def half_open(self) -> None:
        self.call(503)
        self.now += 30 * SECOND
        self.look()

    def state(self) -> str:
        row = self.connection.execute("SELECT state FROM scheduler_circuits WHERE name = %s", (NAME,)).fetchone()
        assert row is not None
        return str(row[0])

    def tries_left(self, hook: UUID) -> int:
        (told,) = deliveries(self.connection, hook)
        return int(told["tries_left"])


@pytest.fixture
def sender(connection: psycopg.Connection, now: datetime) -> Sender:
    return Sender(connection, now)


@pytest.mark.parametrize(("status", "took_ms"), [(None, 5), (503, 5), (429, 5), (200, 6_000)])
def test_one_that_fails_or_is_slow_opens_its_circuit(sender: Sender, status: int | None, took_ms: int):
    sender.call(status, took_ms=took_ms)
    assert sender.state() == "OPEN"


@pytest.mark.parametrize("status", [200, 301, 404])
def test_one_that_answers_does_not(sender: Sender, status: int):
    sender.call(status)
    assert sender.state() == "CLOSED"


def test_what_is_due_to_an_open_one_waits_with_its_tries(sender: Sender):
    sender.call(503)
    waiting = sender.wait_for()
    tries = sender.tries_left(waiting)
    assert (sender.take(), sender.tries_left(waiting)) == ([], tries)


def test_it_takes_no_place_of_others(sender: Sender):
    sender.call(503)
    for _ in range(3):
        sender.wait_for()
    sender.now += SECOND
    others = {sender.wait_for(url) for url in ("https://receiver.example:8443/", "https://other.example/x?y=1")}
    assert {due.webhook_id for due in sender.take(limit=2)} == others


def test_one_message_tries_a_half_open_one(sender: Sender):
    sender.half_open()
    for _ in range(3):
        sender.wait_for()
    assert len(sender.take()) == 1
    assert (sender.state(), sender.take()) == ("HALF_OPEN", [])


def test_after_a_probe_that_goes_well_everything_goes(sender: Sender):
    sender.half_open()
    sender.wait_for()
    (probe,) = sender.take()
    sender.end(probe, 204)
    sender.look()
    rest = {sender.wait_for() for _ in range(2)}
    assert sender.state() == "CLOSED"
    assert rest <= {due.webhook_id for due in sender.take()}


def test_a_probe_that_fails_opens_it_for_twice_as_long(sender: Sender):
    sender.half_open()
    (probe,) = sender.take()
    sender.end(probe, None)
    sender.look()
    assert sender.state() == "OPEN"
    sender.now += 59 * SECOND
    sender.look()
    assert sender.state() == "OPEN"
    sender.now += SECOND
    sender.look()
    assert sender.state() == "HALF_OPEN"


def test_the_probe_of_a_worker_that_has_died_gives_its_place_to_the_next(sender: Sender):
    sender.half_open()
    sender.take()
    sender.now += MINUTE - SECOND
    sender.look()
    assert sender.take() == []
    sender.now += SECOND
    sender.look()
    assert len(sender.take()) == 1


def test_hosts_have_no_permits(sender: Sender):
    sender.half_open()
    assert sender.connection.execute("SELECT count(*) FROM scheduler_permits").fetchone() == (0,)


def test_one_that_is_closed_by_hand_is_called_at_once(sender: Sender):
    sender.call(503)
    with sender.connection.transaction():
        circuits.reset(sender.connection, NAME, now=sender.now)
    waiting = sender.wait_for()
    assert [due.webhook_id for due in sender.take()] == [waiting]
