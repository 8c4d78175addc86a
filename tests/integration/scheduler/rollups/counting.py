"""Reads the roll-ups, and brings executions to their ends."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from scheduler import rollups
from scheduler.engine.histograms import bucket
from scheduler.engine.states import Status
from scheduler.records import Started
from tests.hot_paths import start_one
from tests.integration.scheduler.lifecycle import end


def run(
    connection: psycopg.Connection, task_id: UUID, *, at: datetime, took_ms: int = 100, status: Status = Status.SUCCESS
) -> Started:
    """Run an execution that was asked for at an instant to its end."""
    started = start_one(connection, task_id, now=at)
    ended_at = at + timedelta(milliseconds=took_ms)
    end(connection, started, now=ended_at, status=status, ended_at=ended_at)
    return started


def take_all_in(connection: psycopg.Connection) -> None:
    while rollups.take_in(connection, limit=rollups.BATCH):
        pass


def last_run(connection: psycopg.Connection, task_id: UUID) -> datetime | None:
    """Return when the latest run of a task began that has been counted."""
    row = connection.execute("SELECT began_at FROM scheduler_last_runs WHERE task_id = %s", (task_id,)).fetchone()
    return row[0] if row else None


def hours(connection: psycopg.Connection, task_id: UUID) -> list[dict[str, Any]]:
    """Return a task's roll-ups, oldest first."""
    cursor = connection.cursor(row_factory=dict_row)
    return cursor.execute(
        "SELECT * FROM scheduler_task_rollups WHERE task_id = %s ORDER BY hour", (task_id,)
    ).fetchall()


def spans(connection: psycopg.Connection, span: str, namespace: str = "default") -> list[dict[str, Any]]:
    """Return a namespace's roll-ups of one span, oldest first."""
    cursor = connection.cursor(row_factory=dict_row)
    return cursor.execute(
        "SELECT * FROM scheduler_namespace_rollups WHERE span = %s AND namespace = %s ORDER BY begin", (span, namespace)
    ).fetchall()


def everything(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Return all roll-ups, in an order."""
    by_task = connection.execute("SELECT * FROM scheduler_task_rollups ORDER BY task_id, hour").fetchall()
    by_namespace = connection.execute("SELECT * FROM scheduler_namespace_rollups ORDER BY span, namespace, begin")
    return [*by_task, *by_namespace.fetchall()]


def histogram(*milliseconds: int) -> dict[str, int]:
    """Return the stored form of a histogram of different values."""
    return {str(bucket(one)): 1 for one in milliseconds}
