"""A node's own row: who it is, that it lives, what it carries."""

import json
import os
import socket
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from uuid import UUID

import psycopg

from scheduler import load

# A node beats every five seconds at most; one that was silent for a day is history, and each restart makes a new one.
SILENT_AFTER = timedelta(seconds=15)
SHOWN_FOR = timedelta(days=1)

_HEARTBEAT = """
INSERT INTO scheduler_nodes AS n (id, role, hostname, pid, version, started_at, heartbeat_at, load)
VALUES (%(id)s, %(role)s, %(hostname)s, %(pid)s, %(version)s, %(now)s, %(now)s, %(load)s)
ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at, load = excluded.load
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
            "version": code_version(),
            "now": now,
            "load": json.dumps(load.sample() | (carries or {})),
        },
    )


def code_version() -> str:
    """Return the installed version, or "source" where the project runs from its checkout."""
    try:
        return version("platform-scheduler")
    except PackageNotFoundError:
        return "source"


def forget(connection: psycopg.Connection, *, before: datetime) -> int:
    """Delete the rows of nodes silent since `before`; return how many."""
    return connection.execute("DELETE FROM scheduler_nodes WHERE heartbeat_at < %s", (before,)).rowcount
