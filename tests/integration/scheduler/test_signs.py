"""Signs tell the sweep whether there may be anything to do: none where nothing waits, each where its work does."""

from collections.abc import Callable
from datetime import datetime
from uuid import uuid4

import psycopg
import pytest

from scheduler import clock, signs
from scheduler.engine.states import Status
from tests.hot_paths import DAY, add_backfill, add_task, queue_one, start_one
from tests.integration.scheduler.lifecycle import end

Prepare = Callable[[psycopg.Connection, datetime], object]

SIGNS = {name: text for name, text in vars(signs).items() if name.isupper()}


def batch(connection: psycopg.Connection, now: datetime) -> object:
    return connection.execute("INSERT INTO scheduler_batches VALUES (%s, %s, '{}')", (uuid4(), now))


def pause(connection: psycopg.Connection, now: datetime) -> object:
    return add_task(connection, status="PAUSED", paused_until=now + DAY)


def hold(connection: psycopg.Connection, now: datetime) -> object:
    return add_task(connection, held_by="all", claim_at=None)


def run_to_the_end(connection: psycopg.Connection, now: datetime) -> object:
    return end(connection, start_one(connection, add_task(connection), now=now), now=now, status=Status.SUCCESS)


def skip_a_range(connection: psycopg.Connection, now: datetime) -> object:
    queue_one(connection, add_task(connection), now=now)
    return connection.execute("UPDATE task_execution_history SET scheduled_until = scheduled_for, slot_count = NULL")


def promise(connection: psycopg.Connection, now: datetime) -> object:
    queue_one(connection, add_task(connection), now=now)
    return connection.execute("UPDATE task_execution_history SET sla_look_at = %s", (now + DAY,))


def backfill(connection: psycopg.Connection, now: datetime) -> object:
    return add_backfill(connection, add_task(connection), begin=now - DAY, end=now, now=now)


def catch_up(connection: psycopg.Connection, now: datetime) -> object:
    return connection.execute(
        "INSERT INTO scheduler_operations (id, kind, status, namespace, arguments, created_at)"
        " VALUES (%s, 'CATCH_UP', 'HELD', 'default', '{\"group\": \"g\"}', %s)",
        (uuid4(), now),
    )


def event(connection: psycopg.Connection, now: datetime) -> object:
    return connection.execute(
        "INSERT INTO scheduler_events (id, name, namespace, payload, received_at)"
        " VALUES (%s, 'e', 'default', '{}', %s)",
        (uuid4(), now),
    )


def calendar(connection: psycopg.Connection, now: datetime) -> object:
    return connection.execute(
        "INSERT INTO scheduler_calendars (id, name, rules, created_at, updated_at) VALUES (%s, 'c', '[]', %s, %s)",
        (uuid4(), now, now),
    )


def circuit(connection: psycopg.Connection, now: datetime) -> object:
    return connection.execute(
        "INSERT INTO scheduler_circuits (name, state, since, buckets) VALUES ('bank', 'OPEN', %s, '[]')", (now,)
    )


def upstream_end(connection: psycopg.Connection, now: datetime) -> object:
    return connection.execute(
        "INSERT INTO scheduler_upstream_ends (task_id, run_id, scheduled_for) VALUES (%s, %s, %s)",
        (uuid4(), uuid4(), now),
    )


def message(connection: psycopg.Connection, now: datetime) -> object:
    return connection.execute("INSERT INTO scheduler_outbox (executions) VALUES ('{}')")


WORK: dict[str, Prepare] = {
    "ARE_PUBLISHED": batch, "ARE_PAUSED": pause, "ARE_HELD": hold, "HAVE_ENDED": run_to_the_end,
    "ARE_UNCOUNTED": skip_a_range, "ARE_PROMISED": promise, "ARE_OPERATIONS": backfill, "ARE_CATCHUPS": catch_up,
    "ARE_EVENTS": event, "ARE_CALENDARS": calendar, "ARE_CIRCUITS": circuit,
    "ARE_MESSAGES": message, "ARE_UPSTREAM_ENDS": upstream_end,
}  # fmt: skip


def seen(connection: psycopg.Connection) -> set[str]:
    _now, *found = clock.read_beside(connection, *SIGNS.values())
    return {name for name, is_there in zip(SIGNS, found, strict=True) if is_there}


def test_it_sees_nothing_where_nothing_waits(connection: psycopg.Connection, now: datetime):
    add_task(connection)
    assert seen(connection) == set()


@pytest.mark.parametrize("name", sorted(SIGNS))
def test_it_sees_what_there_is_to_do(connection: psycopg.Connection, now: datetime, name: str):
    WORK[name](connection, now)
    assert name in seen(connection)
