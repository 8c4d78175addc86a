"""Several copies at breaches of an SLA: each is found by one node, and told by one worker."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import psycopg
import pytest

from scheduler import breaches, claims, firing, webhooks
from tests.concurrency.together import in_turn, together
from tests.hot_paths import Open, add_task, add_webhook, deliveries

SLOTS = 12
rounds = pytest.mark.parametrize("_", range(5))
MINUTE = timedelta(minutes=1)


@rounds
def test_each_breach_is_told_once(
    connection: psycopg.Connection, open_connection: Open, now: datetime, monkeypatch: pytest.MonkeyPatch, _: int
) -> None:
    monkeypatch.setattr(webhooks, "ENTRIES_PER_PASS", 1)
    add_webhook(connection, "sla.broken")
    connection.execute(
        "INSERT INTO scheduler_namespaces (name, notify_channel) VALUES ('default', %s)",
        (json.dumps({"kind": "EMAIL", "to": ["ops@example.com"]}),),
    )
    for _number in range(SLOTS):
        add_task(connection, next_slot_for=now, interval_seconds=86_400, sla='{"maxLatenessSeconds": 60}')
    firing.claim(connection, now=now)
    look = partial(breaches.look, now=now + MINUTE, low=claims.EVERYWHERE, limit=2)
    finding: list[Callable[[], object]] = [partial(look, open_connection()) for _number in range(3)]
    telling: list[Callable[[], object]] = [
        partial(webhooks.fan_out, open_connection(), now=now + MINUTE) for _number in range(3)
    ]

    together(*(in_turn(*[one] * SLOTS) for one in (*finding, *telling)))
    while breaches.look(connection, now=now + MINUTE, low=claims.EVERYWHERE).row_count:
        pass
    while webhooks.fan_out(connection, now=now + MINUTE):
        pass

    told = connection.execute("SELECT count(*), count(DISTINCT task_id) FROM scheduler_notices").fetchone()
    assert (told, len(deliveries(connection))) == ((SLOTS, SLOTS), SLOTS)
