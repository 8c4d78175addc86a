"""Several copies at what is to be told: each message is made once, and taken by one of them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import psycopg
import pytest

from scheduler import claims, rollups, transitions, webhooks
from scheduler.engine.states import Status
from scheduler.outgoing import DueDelivery
from scheduler.records import Outcome
from tests.concurrency.together import flat, in_turn, together
from tests.hot_paths import Open, add_task, add_webhook, deliveries, start_one

ENDS = 8
rounds = pytest.mark.parametrize("_", range(5))


@pytest.fixture
def ended(connection: psycopg.Connection, now: datetime, monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """Executions that have ended, each in an entry of its own, and two webhooks that want to hear of it."""
    monkeypatch.setattr("scheduler.outbox.EXECUTIONS_AT_ONCE", 1)
    monkeypatch.setattr(webhooks, "ENTRIES_PER_PASS", 2)
    add_webhook(connection)
    add_webhook(connection, "execution.*")
    task = add_task(connection)
    started = [start_one(connection, task, now=now + timedelta(milliseconds=number)) for number in range(ENDS)]
    transitions.finish(connection, [Outcome(one.id, one.fence, Status.SUCCESS) for one in started], now=now)
    rollups.take_in(connection, limit=rollups.BATCH)
    return [one.id for one in started]


@rounds
def test_each_message_is_made_once(
    connection: psycopg.Connection, open_connection: Open, ended: list[UUID], now: datetime, _: int
) -> None:
    step: list[Callable[[], int]] = [partial(webhooks.fan_out, open_connection(), now=now) for _ in range(3)]

    told = flat([[count] for count in flat(together(*(in_turn(one, one, one) for one in step)))])

    assert (sum(told), len(deliveries(connection))) == (ENDS, 2 * ENDS)


def test_what_a_copy_had_not_committed_another_tells(
    connection: psycopg.Connection, open_connection: Open, ended: list[UUID], now: datetime
) -> None:
    dying = open_connection()
    with pytest.raises(psycopg.OperationalError), dying.transaction():
        webhooks.fan_out(dying, now=now)
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (dying.info.backend_pid,))
        dying.execute("SELECT 1")

    while webhooks.fan_out(connection, now=now):
        pass

    assert len(deliveries(connection)) == 2 * ENDS


@rounds
def test_each_message_is_taken_by_one(
    connection: psycopg.Connection, open_connection: Open, ended: list[UUID], now: datetime, _: int
) -> None:
    while webhooks.fan_out(connection, now=now):
        pass

    def take(other: psycopg.Connection) -> list[DueDelivery]:
        return claims.due_deliveries(other, now=now, until=now + timedelta(minutes=1), of_each=4, limit=16)

    copies: list[Callable[[], list[DueDelivery]]] = [partial(take, open_connection()) for _ in range(3)]
    taken = flat(flat(together(*(in_turn(one, one, one) for one in copies))))

    assert len({due.id for due in taken}) == len(taken) == 2 * ENDS
