"""Several schedulers at one circuit: one probe, each call counted once."""

from datetime import datetime
from functools import partial
from uuid import UUID, uuid4

import psycopg

from scheduler import circuits, firing, hosts, throttles, webhooks
from scheduler.claims import EVERYWHERE
from scheduler.engine.circuits import Call, Limits
from scheduler.outgoing import DueDelivery
from tests.concurrency.together import flat, together
from tests.hot_paths import SECOND, Open, add_task, add_webhook

NODES = 4
ROUNDS = 10
LIMITS = Limits(minimum_calls=3)


def call(now: datetime, *, fails: bool) -> Call:
    return Call(uuid4(), now - SECOND, now, fails, 60 * SECOND)


def half_open(connection: psycopg.Connection, name: str, *, now: datetime) -> datetime:
    """Have a circuit be half-open; return when it is."""
    for _ in range(3):
        circuits.note_call(connection, name, call(now, fails=True))
    circuits.take_in(connection, limits=LIMITS, now=now)
    now += 30 * SECOND
    circuits.tick(connection, now=now)
    return now


def claim_and_let_go(connection: psycopg.Connection, *, now: datetime) -> list[UUID]:
    went: list[UUID] = []
    for _ in range(ROUNDS):
        went += [one.id for one in firing.claim(connection, now=now, limit=5).ready]
        went += [one.id for one in throttles.release(connection, now=now, low=EVERYWHERE)]
    return went


def test_one_execution_tries_a_half_open_circuit(connection: psycopg.Connection, open_connection: Open, now: datetime):
    now = half_open(connection, "billing", now=now)
    for number in range(100):
        policy = "SKIP" if number % 2 else "WAIT"
        add_task(connection, next_slot_for=now, interval_seconds=3600, uses=["billing"], circuit_policy=policy)
    went = flat(together(*(partial(claim_and_let_go, open_connection(), now=now) for _ in range(NODES))))
    row = connection.execute("SELECT probe FROM scheduler_circuits").fetchone()
    assert [row] == [(one,) for one in went]


def test_one_message_tries_a_half_open_host(connection: psycopg.Connection, open_connection: Open, now: datetime):
    now = half_open(connection, "host:receiver.example", now=now)
    for _ in range(NODES * ROUNDS):
        webhooks.send_test(connection, add_webhook(connection), None, now=now)

    def take(other: psycopg.Connection) -> list[DueDelivery]:
        return [
            one
            for _ in range(ROUNDS)
            for one in hosts.due_deliveries(other, now=now, until=now + 60 * SECOND, of_each=4, limit=16)
        ]

    taken = flat(together(*(partial(take, open_connection()) for _ in range(NODES))))
    row = connection.execute("SELECT probe FROM scheduler_circuits").fetchone()
    assert [row] == [(one.id,) for one in taken]


def test_each_call_is_counted_once(connection: psycopg.Connection, open_connection: Open, now: datetime):
    for _ in range(200):
        circuits.note_call(connection, "billing", call(now, fails=False))

    def take_in(other: psycopg.Connection) -> int:
        return sum(circuits.take_in(other, limits=LIMITS, now=now).note_count for _ in range(ROUNDS))

    assert sum(together(*(partial(take_in, open_connection()) for _ in range(NODES)))) == 200
    row = connection.execute("SELECT sum((b ->> 1)::int) FROM scheduler_circuits, jsonb_array_elements(buckets) b")
    assert row.fetchone() == (200,)
