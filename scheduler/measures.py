"""What is measured of the database and of what waits: a few statements, made off the hot path."""

from datetime import datetime

import psycopg

# Above it no more need be known, and counting costs.
MOST_COUNTED = 1_000_001

_DATABASE = """
SELECT
    100.0 * (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')
        / (current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int),
    (SELECT max(extract(epoch FROM %(now)s - xact_start)) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
    (SELECT 100.0 * sum(n_dead_tup) / greatest(sum(n_live_tup + n_dead_tup), 10000) FROM pg_stat_user_tables
        WHERE relname = 'scheduler_tasks' OR starts_with(relname, 'task_execution_history')),
    (SELECT max(extract(epoch FROM replay_lag)) FROM pg_stat_replication)
"""
_OF_DATABASE = (
    "databaseConnectionsPercent", "oldestTransactionSeconds", "deadRowsPercent", "replicationLagSeconds",
)  # fmt: skip


def of_database(connection: psycopg.Connection, *, now: datetime) -> dict[str, float]:
    """Return how the database stands; what it does not tell (no replica, no right to look) is left out.

    Dead rows are those of the hot tables, of at least ten thousand: few say nothing.
    """
    row = connection.execute(_DATABASE, {"now": now}).fetchone() or ()
    told = zip(_OF_DATABASE, row, strict=True)
    return {name: round(max(float(value), 0), 1) for name, value in told if value is not None}


_QUEUED = """
SELECT (SELECT count(*) FROM (
    SELECT FROM task_execution_history WHERE status = 'QUEUED' LIMIT %(most)s
) bounded), extract(epoch FROM %(now)s - (
    SELECT min(published_at) FROM task_execution_history WHERE status = 'QUEUED'
))
"""


def of_queues(connection: psycopg.Connection, *, now: datetime) -> dict[str, float]:
    """Return how many executions wait for a worker, counted up to 1,000,001, and for how long the oldest has."""
    count, oldest = connection.execute(_QUEUED, {"now": now, "most": MOST_COUNTED}).fetchone() or (0, None)
    return {"queued": float(count), "oldestQueuedSeconds": round(max(float(oldest or 0), 0), 1)}


_NODES = """
SELECT role, count(*) FILTER (WHERE heartbeat_at > %(silent)s), count(*) FILTER (WHERE heartbeat_at <= %(silent)s)
FROM scheduler_nodes WHERE ended_at IS NULL AND heartbeat_at > %(forgotten)s GROUP BY role
"""


def of_nodes(connection: psycopg.Connection, *, silent: datetime, forgotten: datetime) -> dict[str, float]:
    """Return how many workers beat, and how many have fallen silent since `forgotten`."""
    rows = connection.execute(_NODES, {"silent": silent, "forgotten": forgotten}).fetchall()
    beating, gone = next(((one, other) for role, one, other in rows if role == "worker"), (0, 0))
    return {"workers": float(beating), "silentWorkers": float(gone)}
