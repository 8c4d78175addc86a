"""Publications: what is noted of messages, so that none is sent twice without need and none is missed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from scheduler.engine.identity import id_bounds

_PUBLISHED = """
UPDATE task_execution_history h SET published_at = %(now)s, publish_count = h.publish_count + 1
WHERE h.id = ANY(%(id)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s AND h.status || '' = 'QUEUED'
    AND h.queued_at <= %(now)s
"""


def mark(connection: psycopg.Connection, executions: Sequence[UUID], *, now: datetime) -> None:
    """Note that the broker took the messages; `now` was read before they were sent.

    What a worker has started meanwhile needs no note. What it has even handed back since then was queued after
    `now`, and its message is used up: with a note the sweep would take it for published.
    """
    if executions:
        parameters: dict[str, Any] = {"id": list(executions), "now": now}
        connection.execute(_PUBLISHED, parameters | id_bounds(executions))


_FORGET_PUBLISHED = """
UPDATE task_execution_history h SET published_at = NULL
WHERE h.id = ANY(%(id)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s AND h.status || '' = 'QUEUED'
"""


def forget(connection: psycopg.Connection, executions: Sequence[UUID]) -> int:
    """Let the sweep publish rows again, whose messages are gone; return how many are still QUEUED."""
    if not executions:
        return 0
    return connection.execute(_FORGET_PUBLISHED, {"id": list(executions)} | id_bounds(executions)).rowcount


def forget_all(connection: psycopg.Connection) -> None:
    """Let the sweep publish everything QUEUED again: nobody knows what a broker holds of a database that was restored.

    Looks in all partitions, through the index of what is QUEUED.
    """
    connection.execute("UPDATE task_execution_history SET published_at = NULL WHERE status = 'QUEUED'")
