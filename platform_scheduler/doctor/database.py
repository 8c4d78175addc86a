"""PostgreSQL: its version, the settings that matter here, its clock, its tables and their partitions."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from platform_scheduler.doctor.finding import Finding, error, ok, warning
from scheduler import clock, partitions
from scheduler.connections import current
from scheduler.engine.identity import lower_bound

LEAST_VERSION: Final = 150_000
# A web process holds 8, a scheduler 6, a worker one a child and two.
FEW_CONNECTIONS: Final = 100
LOCKS: Final = 256
SKEW_WARNS: Final = timedelta(seconds=1)
SKEW_FAILS: Final = timedelta(seconds=5)
DAYS_AHEAD_WARN: Final = 7
# A horizon that transaction ids must not come near.
OLD_TRANSACTIONS: Final = 1_000_000_000
LONG_TRANSACTION: Final = timedelta(minutes=15)

_SETTINGS = "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)"


def check() -> Iterator[Finding]:
    """Look at the server, then at what is in it."""
    yield _version()
    yield from _settings()
    yield _encoding()
    yield _skew()
    migrations = _migrations()
    yield migrations
    yield _transactions()
    if not migrations.level:
        yield from (_partitions(table) for table in partitions.PARTITIONED_TABLES)


def _one(statement: str, *parameters: object) -> tuple[Any, ...]:
    row = current().execute(statement, parameters).fetchone()
    assert row is not None  # noqa: S101 - each of these statements has one row
    return row


def _version() -> Finding:
    number = current().info.server_version
    shown = f"PostgreSQL {number // 10_000}.{number % 10_000}"
    if number < LEAST_VERSION:
        return error("database.version", f"{shown} is too old.", "Upgrade to PostgreSQL 15 or newer.")
    return ok("database.version", f"{shown}.")


_Rule = tuple[str, Callable[[str], bool], Callable[..., Finding], str, str]

_RULES: Final[tuple[_Rule, ...]] = (
    (
        "max_connections", lambda value: int(value) >= FEW_CONNECTIONS, warning,
        "it is {} and each web process holds 8, each scheduler 6, each worker one a child and 2",
        f"Set max_connections to {FEW_CONNECTIONS} or more, or put fewer processes on it.",
    ),
    (
        "max_locks_per_transaction", lambda value: int(value) >= LOCKS, warning,
        "it is {}; a statement over all partitions of history locks some 1,000 tables and indexes",
        f"Set max_locks_per_transaction = {LOCKS} and restart PostgreSQL.",
    ),
    (
        "autovacuum", lambda value: value == "on", error,
        "it is {}: the tables of tasks and executions grow without end, and slow down within hours",
        "Set autovacuum = on.",
    ),
    ("track_counts", lambda value: value == "on", error, "it is {}, and autovacuum needs it", "Set track_counts = on."),
    (
        "fsync", lambda value: value == "on", error,
        "it is {}: a crash of the machine may lose or damage everything", "Set fsync = on.",
    ),
    (
        "full_page_writes", lambda value: value == "on", error,
        "it is {}: a crash of the machine may damage tables", "Set full_page_writes = on.",
    ),
    (
        "default_transaction_isolation", lambda value: value == "read committed", error,
        "it is {}; claims and starts are written for read committed",
        "ALTER ROLE … RESET default_transaction_isolation, or of the database.",
    ),
    (
        "default_transaction_read_only", lambda value: value == "off", error,
        "it is {}: nothing can be written", "Point DATABASE_URL to the primary, not to a standby.",
    ),
)  # fmt: skip


def _settings() -> Iterator[Finding]:
    values: dict[str, str] = dict(current().execute(_SETTINGS, ([name for name, *_ in _RULES],)).fetchall())
    for name, is_good, finding, message, remedy in _RULES:
        value = values[name]
        if is_good(value):
            yield ok(f"database.{name}", f"{name} = {value}.")
        else:
            yield finding(f"database.{name}", f"{name}: {message.format(value)}.", remedy)


def _encoding() -> Finding:
    encoding, zone = _one("SELECT current_setting('server_encoding'), current_setting('TimeZone')")
    if encoding != "UTF8":
        return error(
            "database.encoding", f"The database is {encoding}.", "Make it anew: CREATE DATABASE … ENCODING 'UTF8'."
        )
    if zone != "UTC":
        return warning(
            "database.encoding", f"Django's session is in {zone}, not in UTC.", "Leave TIME_ZONE and USE_TZ alone."
        )
    return ok("database.encoding", "UTF8; instants in UTC.")


def _skew() -> Finding:
    before = clock.of_machine()
    there = clock.now()
    after = clock.of_machine()
    skew = _apart(there, before, after)
    shown = f"PostgreSQL's clock and this machine's are {skew / timedelta(seconds=1):.3f} s apart"
    remedy = "Have NTP or chrony set the clocks of both machines."
    if skew > SKEW_FAILS:
        return error("database.clock", f"{shown}.", remedy)
    if skew > SKEW_WARNS:
        return warning("database.clock", f"{shown}.", remedy)
    return ok("database.clock", f"{shown}.")


def _apart(there: datetime, before: datetime, after: datetime) -> timedelta:
    """Return how far an instant lies outside of the time in which it was read."""
    return max(before - there, there - after, timedelta(0))


def _migrations() -> Finding:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        first, _ = plan[0]
        return error(
            "database.migrations",
            f"{len(plan)} migrations are not applied, first {first.app_label}.{first.name}.",
            "Run manage.py migrate before any process of this version starts.",
        )
    return ok("database.migrations", "All migrations are applied.")


def _transactions() -> Finding:
    age, oldest = _one(
        "SELECT age(datfrozenxid)::bigint, (SELECT max(clock_timestamp() - xact_start) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle')"
        " FROM pg_database WHERE datname = current_database()"
    )
    if age > OLD_TRANSACTIONS:
        return error(
            "database.transactions", f"The oldest row is {age:,} transactions old.", "VACUUM (FREEZE) the database."
        )
    if oldest is not None and oldest > LONG_TRANSACTION:
        return warning(
            "database.transactions",
            f"A transaction is open for {oldest}: until it ends vacuum removes nothing.",
            "Find it in pg_stat_activity; take backups and reports from a standby.",
        )
    return ok("database.transactions", "No transaction is open for long.")


def _partitions(table: str) -> Finding:
    name = f"database.partitions.{table}"
    remedy = "Start a scheduler: it makes them each hour. What its log says of partitions is in the way."
    found = partitions.existing(current(), table)
    now = clock.now()
    if not found:
        return error(name, f"{table} has no partitions: no slot can be recorded.", remedy)
    detaching = _one(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = %s::regclass AND inhdetachpending", table
    )  # fmt: skip
    if detaching[0]:
        return warning(
            name,
            f"A partition of {table} is being detached, or its detaching was interrupted; until then no other goes.",
            "The chore Prune history finishes it; else ALTER TABLE … DETACH PARTITION … FINALIZE.",
        )
    end = found[-1].upper
    days = sum(end > lower_bound(now + timedelta(days=day)) for day in range(partitions.DAYS_AHEAD))
    if days < 1:
        return error(name, f"{table} has no partition for today.", remedy)
    if days < DAYS_AHEAD_WARN:
        return warning(name, f"The partitions of {table} end within {days} days.", remedy)
    return ok(name, f"{len(found)} partitions of {table}, {days} days ahead.")
