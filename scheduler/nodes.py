"""A node's own row: who it is, that it lives, what it carries."""

import json
import os
import socket
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings

from scheduler import load

# A node beats every five seconds at most; one that was silent for a day is history, and each restart makes a new one.
SILENT_AFTER = timedelta(seconds=15)
SHOWN_FOR = timedelta(days=1)
# A worker announces its handlers once a minute.
ANNOUNCED_WITHIN = timedelta(minutes=3)

_HEARTBEAT = """
INSERT INTO scheduler_nodes AS n (id, role, hostname, pid, version, started_at, heartbeat_at, load)
VALUES (%(id)s, %(role)s, %(hostname)s, %(pid)s, %(version)s, %(now)s, %(now)s, %(load)s)
ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at, load = n.load || excluded.load
"""


def heartbeat(
    connection: psycopg.Connection,
    now: datetime,
    *,
    node: UUID,
    role: str,
    carries: dict[str, Any] | None = None,
    pid: int | None = None,
) -> None:
    """Write the node's row, with a sample of its load and what else it says of itself in `carries`."""
    connection.execute(
        _HEARTBEAT,
        {
            "id": node,
            "role": role,
            "hostname": socket.gethostname(),
            "pid": pid or os.getpid(),
            "version": settings.VERSION,
            "now": now,
            "load": json.dumps(load.sample() | (carries or {})),
        },
    )


_CARRY = "UPDATE scheduler_nodes SET load = load || %s WHERE id = %s"


def carry(connection: psycopg.Connection, carries: dict[str, Any], *, node: UUID) -> None:
    """Add to what the node says of itself, between its heartbeats."""
    connection.execute(_CARRY, (json.dumps(carries), node))


_LEAVE = "UPDATE scheduler_nodes SET ended_at = %s WHERE id = %s"


def leave(connection: psycopg.Connection, now: datetime, *, node: UUID) -> None:
    """Write down that the node has ended: nobody need wait until it is silent for long enough."""
    connection.execute(_LEAVE, (now, node))


_ENDED_WORKERS = """
SELECT q.name, max(coalesce(n.ended_at, n.heartbeat_at + %(silence)s))
FROM scheduler_nodes n, jsonb_array_elements_text(n.load -> 'queues') AS q (name)
WHERE n.role = 'worker' AND coalesce(n.ended_at, n.heartbeat_at + %(silence)s) <= %(now)s
GROUP BY q.name
"""


def ended_workers(connection: psycopg.Connection, *, now: datetime) -> dict[str, datetime]:
    """Return for each queue when the last of its workers ended, or had been silent for so long that it has."""
    rows = connection.execute(_ENDED_WORKERS, {"now": now, "silence": SILENT_AFTER})
    return dict(rows.fetchall())


def forget(connection: psycopg.Connection, *, before: datetime) -> int:
    """Delete the rows of nodes silent since `before`; return how many."""
    return connection.execute("DELETE FROM scheduler_nodes WHERE heartbeat_at < %s", (before,)).rowcount
