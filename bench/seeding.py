"""`seed-history`: a database with the tasks and the history of a company, to measure reads on; it stays."""

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import orjson
import psycopg
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from bench import engines, processes
from bench.arena import Arena
from bench.past import COLUMNS, Past, Row
from bench.population import Member, members, shares
from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.services import MANAGE
from scheduler import clock, partitions
from scheduler.rebuild import rebuild

Say = Callable[[str], None]

TASKS = 100_000
EXECUTIONS = 10_000_000
# By it the tables are known as made here.
ACTOR = "bench seed-history"
KINDS = {"frequent": "0 0/5 * * * ?", "hourly": "0 0 * * * ?", "daily": "0 0 0 * * ?", "weekly": "0 0 0 ? * 1"}

_TASK_COLUMNS = (
    "id", "name", "task_class", "cron_expression", "status", "priority", "created_at", "updated_at", "created_by",
    "namespace", "queue", "labels", "next_slot_for", "next_execution_time", "claim_at", "last_executed_at",
)  # fmt: skip


def run(options: Mapping[str, Any], *, say: Say) -> None:
    """Seed the database that the options name, or make one on DATABASE_URL's server. Raises CannotStart."""
    tasks, executions = options["tasks"] or TASKS, options["executions"] or EXECUTIONS
    first, *others = options["database"] or [None]
    if others:
        raise CannotStart("seed-history fills one database: give --database once.")
    url = first or _made(f"history_{tasks}_{executions}_{options['seed']}")
    with TemporaryDirectory(prefix=engines.PREFIX) as folder:
        migrate(url, folder=Path(folder))
    seed(url, tasks=tasks, executions=executions, seed=options["seed"], say=say)
    say(f"Measure on it: manage.py bench query --database {url}")


def migrate(url: str, *, folder: Path) -> None:
    """Bring the database up to date, as an installation's is. Raises CannotStart."""
    environment = Arena.environment(url, "redis://127.0.0.1:1/0", secrets.token_urlsafe(60), folder)
    processes.run_to_end(processes.command("migrate", MANAGE, "migrate"), folder=folder, environment=environment)


def seed(url: str, *, tasks: int, executions: int, seed: int, say: Say) -> None:
    """Load tasks and history into a migrated database that has none, and count its roll-ups. Raises CannotStart."""
    with _connected(url) as connection:
        _require_empty(connection)
        drawn = shares(tasks=tasks, executions=executions)
        population = list(members(tasks=tasks, frequent=drawn.frequent, seed=seed))
        past = Past(population, now=clock.read(connection), days=drawn.days, seed=seed)
        _partition(connection, past)
        _copy(connection, "scheduler_tasks", _TASK_COLUMNS, _task_rows(population, past.now))
        connection.execute(_LAST_RUNS)
        # Whoever may do so spares the check of each row's task; nobody else writes here.
        with suppress(InsufficientPrivilege):
            connection.execute("SET session_replication_role = replica")
        count = 0
        for hour, rows in past.hours():
            count += _copy(connection, "task_execution_history", COLUMNS, rows)
            if hour.hour == 0:
                say(f"{hour:%Y-%m-%d}: {count:,} executions")
        say(f"{count:,} executions of {tasks:,} tasks since {past.begin:%Y-%m-%d}; now their roll-ups")
        for _ in rebuild(connection, begin=None, end=past.now + timedelta(hours=1)):
            pass
        with suppress(InsufficientPrivilege):
            connection.execute("SET session_replication_role = origin")
        connection.execute(_PROMISED)
        connection.execute("VACUUM (ANALYZE)")


_LAST_RUNS = """
INSERT INTO scheduler_last_runs (task_id, began_at)
SELECT id, last_executed_at FROM scheduler_tasks WHERE last_executed_at IS NOT NULL
"""

# As if every task had promised a deadline, which a failure breaks.
_PROMISED = """
INSERT INTO scheduler_sla_rollups (task_id, day, namespace, slots, broken, lateness, duration, deadline)
SELECT r.task_id, (r.hour AT TIME ZONE 'UTC')::date AS day, t.namespace,
    sum(r.success + r.failed + r.timed_out + r.lost), sum(r.failed + r.timed_out + r.lost), 0, sum(r.timed_out),
    sum(r.failed + r.timed_out + r.lost)
FROM scheduler_task_rollups r JOIN scheduler_tasks t ON t.id = r.task_id GROUP BY r.task_id, day, t.namespace
"""


def _made(name: str) -> str:
    server = engines.database_of_environment()
    try:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.errors.DuplicateDatabase:
        raise CannotStart(f"There is a database {name} already: drop it, or name another with --database.") from None
    except psycopg.Error as error:
        raise CannotStart(f"No database {name} can be made: {error}") from None
    return urlsplit(server)._replace(path=f"/{name}").geturl()


@contextmanager
def _connected(url: str) -> Iterator[psycopg.Connection]:
    try:
        connection = psycopg.connect(url, autocommit=True, options="-c timezone=UTC")
    except psycopg.Error as error:
        raise CannotStart(f"The database does not answer: {error}") from None
    with connection:
        # What a crash would lose is seeded anew.
        connection.execute("SET synchronous_commit = off")
        yield connection


def _require_empty(connection: psycopg.Connection) -> None:
    """Refuse a database in which anything was registered or has run, whatever its name."""
    for table in ("scheduler_tasks", "task_execution_history", "scheduler_task_rollups"):
        if connection.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(sql.Identifier(table))).fetchone() is not None:
            raise CannotStart(f"{table} is not empty: history is seeded into a new database only.")


def _partition(connection: psycopg.Connection, past: Past) -> None:
    """Divide the empty tables by day from the first slot on, as they are where the platform has run since then."""
    for table in partitions.PARTITIONED_TABLES:
        for partition in partitions.existing(connection, table):
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(partition.name)))
    day = past.begin
    while day < past.now + timedelta(days=1):
        partitions.ensure(connection, now=min(day, past.now))
        day += timedelta(days=1)


def _task_rows(population: Sequence[Member], now: datetime) -> Iterator[Row]:
    for one in population:
        slot = _next(one, now) if one.status == "ACTIVE" else None
        created_at = now - timedelta(minutes=one.number * 7 % 500_000)
        labels = orjson.dumps({"team": one.team, "env": "production" if one.is_production else "test"}).decode()
        yield (
            one.id, one.name, one.task_class, KINDS[one.kind], one.status, one.priority, created_at, created_at, ACTOR,
            one.namespace, one.queue, labels, slot, slot, slot, now - timedelta(seconds=one.number % 86_400),
        )  # fmt: skip


def _next(one: Member, now: datetime) -> datetime:
    """Return a coming instant such as its next slot; the claim is not to meet it while reads are measured."""
    hours = {"frequent": 1, "hourly": 1, "daily": one.hour + 1, "weekly": 24 * (one.weekday + 1)}[one.kind]
    ahead = timedelta(hours=hours, minutes=one.minute, seconds=one.second)
    return now.replace(minute=0, second=0, microsecond=0) + ahead


def _copy(connection: psycopg.Connection, table: str, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Copy rows into a table in one statement; return how many."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    count = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for count, row in enumerate(rows, start=1):  # noqa: B007 - it is returned
            copy.write_row(row)
    return count
