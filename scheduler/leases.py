"""Leases by the database's clock: one holder at a time, an epoch that grows with each new holder."""

from datetime import datetime, timedelta
from uuid import UUID

import psycopg

_ACQUIRE = """
INSERT INTO scheduler_leases AS l (name, holder, epoch, expires_at)
VALUES (%(name)s, %(holder)s, 1, %(expires_at)s)
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder, expires_at = excluded.expires_at,
    epoch = l.epoch + (l.holder IS DISTINCT FROM excluded.holder)::int
WHERE l.holder = excluded.holder OR l.holder IS NULL OR l.expires_at < %(now)s
RETURNING epoch
"""


def acquire(connection: psycopg.Connection, name: str, *, holder: UUID, ttl: timedelta, now: datetime) -> int | None:
    """Take or renew the lease; return its epoch, or None while another node holds it."""
    parameters = {"name": name, "holder": holder, "expires_at": now + ttl, "now": now}
    row = connection.execute(_ACQUIRE, parameters).fetchone()
    return row[0] if row else None


def release(connection: psycopg.Connection, name: str, *, holder: UUID) -> None:
    """Give the lease up, so that the next node need not wait for its end."""
    connection.execute("UPDATE scheduler_leases SET holder = NULL WHERE name = %s AND holder = %s", (name, holder))
