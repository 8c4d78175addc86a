"""What goes out to others: what they have not been told of yet, and the messages that are due."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg

from scheduler.engine.circuits import HOST
from scheduler.outgoing import DueDelivery, DueMessage

_OUTBOX = """
DELETE FROM scheduler_outbox WHERE id = ANY (ARRAY(
    SELECT id FROM scheduler_outbox ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
))
RETURNING coalesce(executions, '{}'), coalesce(records, '{}'), coalesce(breaches, '{}')
"""


class Untold(NamedTuple):
    """An entry of the outbox: executions that have ended, records of the audit, breaches."""

    executions: list[UUID]
    records: list[int]
    breaches: list[int]


def outbox(connection: psycopg.Connection, *, limit: int) -> list[Untold]:
    """Take up to `limit` entries of the outbox: they are gone once the caller commits."""
    return [Untold(*row) for row in connection.execute(_OUTBOX, (limit,))]


# The name of the circuit of a webhook's host: stored URLs are as `engine.urls` writes them.
HOST_OF_WEBHOOK = f"('{HOST}' || coalesce(substring(w.url FROM '^https?://([^/?#]+)'), ''))"

# A few of each webhook, so that one that does not answer holds up no other.
_DUE = f"""
UPDATE scheduler_deliveries d
SET attempt_count = d.attempt_count + 1, tries_left = d.tries_left - 1, next_attempt_at = %(until)s
FROM (
    SELECT * FROM (
        SELECT due.id, due.next_attempt_at, w.url, w.secret_version, w.secret_changed_at, {HOST_OF_WEBHOOK} AS host,
            row_number() OVER (PARTITION BY {HOST_OF_WEBHOOK} ORDER BY due.next_attempt_at, due.id) AS place
        FROM scheduler_webhooks w CROSS JOIN LATERAL (
            SELECT one.id, one.next_attempt_at FROM scheduler_deliveries one
            WHERE one.webhook_id = w.id AND one.status = 'PENDING' AND one.next_attempt_at <= %(now)s
            ORDER BY one.next_attempt_at, one.id LIMIT %(of_each)s
            FOR UPDATE SKIP LOCKED
        ) due
        WHERE w.is_active AND (w.not_before IS NULL OR w.not_before <= %(now)s)
            AND {HOST_OF_WEBHOOK} <> ALL (%(shut)s::text[])
    ) found
    WHERE place = 1 OR host <> ALL (%(probed)s::text[])
    ORDER BY next_attempt_at, id LIMIT %(limit)s
) taken
WHERE d.id = taken.id
RETURNING d.id, d.webhook_id, d.event, d.body, d.attempt_count, d.tries_left, taken.url, taken.secret_version,
    taken.secret_changed_at, taken.host
"""  # noqa: S608 - the expression stands above


def due_deliveries(
    connection: psycopg.Connection,
    *,
    now: datetime,
    until: datetime,
    of_each: int,
    limit: int,
    shut: Collection[str] = (),
    probed: Collection[str] = (),
) -> list[DueDelivery]:
    """Take messages that are due, as one more try each; one that nobody reports on is due again at `until`.

    None to the hosts that are `shut`, and one to each of those that are to be `probed`, by their circuits' names.
    """
    parameters = {
        "now": now, "until": until, "of_each": of_each, "limit": limit, "shut": list(shut), "probed": list(probed),
    }  # fmt: skip
    return [DueDelivery(*row) for row in connection.execute(_DUE, parameters)]


_DELIVERY = "SELECT status FROM scheduler_deliveries WHERE id = %s AND webhook_id = %s FOR UPDATE"


def delivery(connection: psycopg.Connection, delivery_id: UUID, *, webhook: UUID) -> str | None:
    """Lock one message of a webhook and return its status; None where there is none."""
    row = connection.execute(_DELIVERY, (delivery_id, webhook)).fetchone()
    return row[0] if row else None


def webhook_to_edit(connection: psycopg.Connection, webhook_id: UUID) -> bool:
    """Lock a webhook against other edits, and against being switched off; False where there is none."""
    found = connection.execute(
        "SELECT FROM scheduler_webhooks WHERE id = %s AND deleted_at IS NULL FOR NO KEY UPDATE", (webhook_id,)
    )
    return found.fetchone() is not None


# What waits is counted after the lock: whoever adds to it updates the same row.
_DUE_MESSAGE = """
UPDATE scheduler_channels c SET attempt_count = c.attempt_count + 1, next_at = %(until)s
FROM (
    SELECT key FROM scheduler_channels WHERE next_at <= %(now)s ORDER BY next_at, key LIMIT 1 FOR UPDATE SKIP LOCKED
) due
WHERE c.key = due.key
RETURNING c.key, c.namespace, c.channel::text, c.attempt_count, c.failure_count
"""

_LAST_NOTICE = "SELECT coalesce(max(id), 0) FROM scheduler_notices WHERE channel_key = %s"


def due_message(connection: psycopg.Connection, *, now: datetime, until: datetime) -> DueMessage | None:
    """Take a channel whose message is due, as one more try; one that nobody reports on is due again at `until`."""
    row = connection.execute(_DUE_MESSAGE, {"now": now, "until": until}).fetchone()
    if row is None:
        return None
    last = connection.execute(_LAST_NOTICE, (row[0],)).fetchone()
    return DueMessage(row[0], row[1], json.loads(row[2]), row[3], row[4], last[0] if last else 0)
