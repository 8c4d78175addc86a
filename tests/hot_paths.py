"""What the tests of claim, transitions, sweep and run stand on: committed rows, seen by every connection."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import redis
from django.conf import settings
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Json

from platform_scheduler.celery import app
from scheduler import claims, clock, partitions, schedules, transitions, triggers
from scheduler.connections import connect
from scheduler.records import Held, Started

# tests.servers imports the app before DJANGO_SETTINGS_MODULE is set, and then Celery does not make it the default: in
# another thread `current_app` would be Celery's own, with RabbitMQ on its standard port for a broker.
app.set_default()

Open = Callable[[], psycopg.Connection]

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
LEASE = timedelta(seconds=30)

_TABLES = (
    "execution_log", "task_execution_history", "scheduler_operations", "scheduler_dependencies",
    "scheduler_upstream_ends", "scheduler_tasks", "scheduler_calendars",
    "scheduler_batches", "scheduler_leases", "scheduler_nodes", "scheduler_handlers", "scheduler_permits",
    "scheduler_namespaces", "scheduler_flow_control", "scheduler_flow_state",
    "scheduler_circuits", "scheduler_circuit_calls", "scheduler_protection",
    "scheduler_endings", "scheduler_events", "scheduler_outbox",
    "scheduler_deliveries", "scheduler_webhooks", "scheduler_notices", "scheduler_channels",
    "scheduler_failing_tasks", "scheduler_failing", "scheduler_queue_rollups", "scheduler_task_search",
    "scheduler_task_rollups", "scheduler_last_runs", "scheduler_namespace_rollups", "scheduler_sla_breaches",
    "scheduler_sla_rollups", "scheduler_sla_weeks",
    "scheduler_changes", "scheduler_listeners", "scheduler_slot_audits", "scheduler_slot_audit_tasks",
    "scheduler_slot_faults", "scheduler_forecasts", "scheduler_forecast_days", "scheduler_forecast_runs",
    "django_celery_beat_periodictask", "django_celery_beat_intervalschedule",
)  # fmt: skip


@pytest.fixture
def open_connection(db: None) -> Iterator[Open]:
    """Opens connections like those of the loops; what they commit is removed after the test."""
    opened: list[psycopg.Connection] = []

    def open_one() -> psycopg.Connection:
        opened.append(connect(application_name="platform-scheduler tests"))
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()
    with connect(application_name="platform-scheduler tests") as connection:
        for table in _TABLES:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        # Its rows cannot be deleted.
        if connection.execute("SELECT FROM scheduler_audit LIMIT 1").fetchone() is not None:
            connection.execute("TRUNCATE scheduler_audit")


def audited(connection: psycopg.Connection, task_id: UUID) -> list[tuple[str, str, Any]]:
    """Return who has done what to a task, and what came of it."""
    rows = connection.execute(
        "SELECT actor, verb, after ->> 'status' FROM scheduler_audit WHERE object_id = %s ORDER BY id", (str(task_id),)
    )
    return rows.fetchall()


@pytest.fixture
def connection(open_connection: Open) -> psycopg.Connection:
    """One such connection."""
    return open_connection()


@pytest.fixture
def now(connection: psycopg.Connection) -> datetime:
    """Noon of the day for which partitions were made, by the database: every test moves on from here.

    They reach two weeks further. It is today, or yesterday where a suite runs past midnight.
    """
    table = partitions.PARTITIONED_TABLES[0]
    first = next(one for one in partitions.existing(connection, table) if one.name.startswith(f"{table}_p"))
    return datetime.strptime(first.name[-8:], "%Y%m%d").replace(hour=12, tzinfo=UTC)


@pytest.fixture
def store() -> Iterator[redis.Redis]:
    """The tests' own Valkey, with this process's keys removed before and after."""
    client = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    _forget_keys(client)
    yield client
    _forget_keys(client)
    client.close()


def set_clock(monkeypatch: pytest.MonkeyPatch, read: Callable[[], datetime]) -> None:
    """Have the loops of this process read this clock."""
    beside = clock.read_beside
    monkeypatch.setattr(clock, "read", lambda _: read())
    monkeypatch.setattr(clock, "read_beside", lambda connection, *values: (read(), *beside(connection, *values)[1:]))


def key_prefix() -> str:
    """Return what stands before every key of this process, for several test processes share one server."""
    prefix: str = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    return prefix


def _forget_keys(client: redis.Redis) -> None:
    for key in client.scan_iter(f"{key_prefix()}*"):
        client.delete(key)


def add_task(connection: psycopg.Connection, **columns: Any) -> UUID:
    """Insert a task, minutely and due at `next_slot_for` unless said otherwise, and return its id."""
    due = columns.get("next_slot_for")
    values: dict[str, Any] = {
        "id": uuid4(),
        "name": f"task {uuid4()}",
        "task_class": "platform.noop",
        "interval_seconds": 60,
        "anchor_at": due and due - MINUTE,
        "next_slot_for": due,
        "next_execution_time": due,
        "claim_at": due,
    } | columns
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    places = sql.SQL(", ").join(sql.Placeholder() * len(values))
    connection.execute(
        sql.SQL("INSERT INTO scheduler_tasks ({}) VALUES ({})").format(names, places), list(values.values())
    )
    task_id: UUID = values["id"]
    return task_id


def add_webhook(connection: psycopg.Connection, *events: str, **columns: Any) -> UUID:
    """Insert a webhook that wants to be told of these events, by default of all, and return its id."""
    values: dict[str, Any] = {
        "id": uuid4(),
        "url": "https://receiver.example/",
        "events": Json(events or ["*"]),
    } | columns
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    places = sql.SQL(", ").join(sql.Placeholder() * len(values))
    connection.execute(
        sql.SQL("INSERT INTO scheduler_webhooks ({}) VALUES ({})").format(names, places), list(values.values())
    )
    webhook_id: UUID = values["id"]
    return webhook_id


def webhook(connection: psycopg.Connection, webhook_id: UUID) -> dict[str, Any]:
    """Return all columns of a webhook."""
    cursor = connection.cursor(row_factory=dict_row)
    row = cursor.execute("SELECT * FROM scheduler_webhooks WHERE id = %s", (webhook_id,)).fetchone()
    assert row is not None
    return row


def deliveries(connection: psycopg.Connection, webhook_id: UUID | None = None) -> list[dict[str, Any]]:
    """Return all columns of what a webhook, or any, is told, oldest subject first."""
    cursor = connection.cursor(row_factory=dict_row)
    return cursor.execute(
        "SELECT * FROM scheduler_deliveries WHERE %(id)s::uuid IS NULL OR webhook_id = %(id)s ORDER BY subject, id",
        {"id": webhook_id},
    ).fetchall()


def task(connection: psycopg.Connection, task_id: UUID) -> dict[str, Any]:
    """Return all columns of a task."""
    found = connection.cursor(row_factory=dict_row).execute("SELECT * FROM scheduler_tasks WHERE id = %s", (task_id,))
    row = found.fetchone()
    assert row is not None
    return row


def executions(connection: psycopg.Connection, task_id: UUID | None = None) -> list[dict[str, Any]]:
    """Return all columns of a task's executions, or of all, oldest slot first."""
    cursor = connection.cursor(row_factory=dict_row)
    return cursor.execute(
        "SELECT * FROM task_execution_history WHERE %(task)s::uuid IS NULL OR task_id = %(task)s"
        " ORDER BY scheduled_for, attempt, id",
        {"task": task_id},
    ).fetchall()


def execution(connection: psycopg.Connection, execution_id: UUID) -> dict[str, Any]:
    """Return all columns of an execution."""
    cursor = connection.cursor(row_factory=dict_row)
    row = cursor.execute("SELECT * FROM task_execution_history WHERE id = %s", (execution_id,)).fetchone()
    assert row is not None
    return row


def statuses(connection: psycopg.Connection, task_id: UUID | None = None) -> list[str]:
    """Return the statuses of a task's executions, or of all, oldest slot first."""
    return [row["status"] for row in executions(connection, task_id)]


def statuses_of(connection: psycopg.Connection, executions: list[UUID]) -> list[str]:
    """Return the statuses of these executions, in their order."""
    return [execution(connection, one)["status"] for one in executions]


def slots(connection: psycopg.Connection, task_id: UUID) -> list[datetime]:
    return [row["scheduled_for"] for row in executions(connection, task_id)]


def queue_one(connection: psycopg.Connection, task_id: UUID, *, now: datetime, task_data: str | None = None) -> UUID:
    """Request an execution of the task and return its id: QUEUED, not yet published."""
    execution_id, _ = triggers.trigger(connection, task_id, request=uuid4(), task_data=task_data, now=now)
    return execution_id


def start_one(connection: psycopg.Connection, task_id: UUID, *, now: datetime, node_id: str = "node-1") -> Started:
    """Request an execution of the task and start it."""
    started = transitions.start(
        connection, queue_one(connection, task_id, now=now), node_id=node_id, lease_expires_at=now + LEASE, now=now
    )
    assert started is not None
    return started


def lock_held(connection: psycopg.Connection, *, now: datetime, low: UUID = claims.EVERYWHERE) -> list[Held]:
    """Lock what a release would, as one that is in the middle of it."""
    tasks, keys = claims.deciding(connection, now=now, low=low, limit=500)
    return claims.held_executions(connection, now=now, low=low, limit=500, tasks=tasks, keys=keys)


def add_backfill(
    connection: psycopg.Connection,
    task_id: UUID,
    *,
    begin: datetime,
    end: datetime,
    now: datetime,
    max_parallel: int = 1,
    rerun: bool = False,
) -> UUID:
    """Insert a backfill of the task's slots, asked for at `now`, and return its id."""
    locked, operation_id = claims.task(connection, task_id), uuid4()
    assert locked is not None
    arguments = {
        "from": begin.isoformat(), "to": end.isoformat(), "maxParallel": max_parallel, "rerun": rerun,
        "schedule": schedules.kept(locked),
    }  # fmt: skip
    connection.execute(
        "INSERT INTO scheduler_operations (id, kind, namespace, task_id, arguments, position, total_count, created_at)"
        " VALUES (%s, 'BACKFILL', 'default', %s, %s, %s, 0, %s)",
        (operation_id, task_id, Json(arguments), begin, now),
    )
    return operation_id


def operation(connection: psycopg.Connection, operation_id: UUID) -> dict[str, Any]:
    """Return all columns of an operation."""
    cursor = connection.cursor(row_factory=dict_row)
    row = cursor.execute("SELECT * FROM scheduler_operations WHERE id = %s", (operation_id,)).fetchone()
    assert row is not None
    return row


def add_overdue(connection: psycopg.Connection, count: int, *, now: datetime, **columns: Any) -> list[UUID]:
    """Insert tasks that an outage of ten minutes has left behind, each with one missed slot that is to run."""
    missed = now - 10 * MINUTE
    hourly = {"interval_seconds": 3600, "anchor_at": missed - 60 * MINUTE}
    return [add_task(connection, next_slot_for=missed, **hourly, **columns) for _ in range(count)]


def change(connection: psycopg.Connection, table: str, row_id: UUID, **columns: Any) -> None:
    """Overwrite columns of one row, as a fault or another process would."""
    assignments = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), value) for name, value in columns.items()
    )
    connection.execute(
        sql.SQL("UPDATE {} SET {} WHERE id = {}").format(sql.Identifier(table), assignments, sql.Literal(row_id))
    )
