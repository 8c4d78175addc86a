"""What people do to many tasks, as the audit has it."""

from datetime import datetime

import psycopg

from scheduler import verbs
from tests.hot_paths import DAY, MINUTE, add_task


def test_the_audit_has_the_end_of_a_pause_as_the_api_has_it(connection: psycopg.Connection, now: datetime):
    one = add_task(connection, next_slot_for=now + MINUTE)
    with connection.transaction():
        verbs.pause(connection, [one], reason="Stocktaking", until=now + DAY, now=now)
    row = connection.execute("SELECT after ->> 'pausedUntil' FROM scheduler_audit WHERE object_id = %s", (str(one),))
    assert row.fetchone() == (f"{now + DAY:%Y-%m-%dT%H:%M:%SZ}",)
