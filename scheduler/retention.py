"""Retention of history: whole partitions go, the oldest first, without a claim that has to wait for it."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from psycopg import sql

from scheduler import advisory
from scheduler.engine.identity import lower_bound
from scheduler.partitions import IN_THE_WAY, LOCK_TIMEOUT, NAMED, PARTITIONED_TABLES, Partition, existing

logger = logging.getLogger(__name__)

HISTORY, LOGS = PARTITIONED_TABLES
TRIES = 25

_ADVISORY_KEY = 0x5C4ED003


@dataclass(frozen=True, slots=True)
class Sized:
    """A partition of history with the bytes that it takes, its log's included."""

    partition: Partition
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How long history is kept, and how large it may be; None is without that limit."""

    days: int
    max_bytes: int | None = None


def removable(connection: psycopg.Connection, limits: Limits, *, now: datetime) -> list[Sized]:
    """Return the partitions of history that are to go, oldest first: too old, or what makes it too large.

    Those of today and of days to come stay whatever they take, and so does one with an open execution.
    """
    present = _sized(connection, now=now)
    excess = sum(one.size_bytes for one in present) - limits.max_bytes if limits.max_bytes is not None else 0
    oldest_kept = lower_bound(now - timedelta(days=limits.days))
    going: list[Sized] = []
    for one in present:
        if one.partition.upper > oldest_kept and excess <= 0:
            break
        if not _has_open(connection, one.partition):
            going.append(one)
            excess -= one.size_bytes
    return going


def prune(connection: psycopg.Connection, limits: Limits, *, now: datetime) -> list[Sized]:
    """Remove what `removable` finds, and what an interrupted removal has left; return what went.

    `connection` must be in no transaction. One process at a time: another one's call does nothing. A partition whose
    locks are not to be had within 25 tries of 200 ms stays for the next call.
    """
    with alone(connection) as is_alone:
        if not is_alone:
            return []
        _finish_interrupted(connection)
        _remove_orphans(connection, now=now)
        return [one for one in removable(connection, limits, now=now) if remove(connection, one.partition)]


def remove(connection: psycopg.Connection, partition: Partition) -> bool:
    """Remove a partition of history, then that of the logs which has its bounds; False where a lock was not to be had.

    What it has begun, the next call of `prune` finishes.
    """
    if not _detach(connection, HISTORY, partition.name):
        return False
    _drop(connection, partition.name)
    _remove_logs(connection, (log for log in existing(connection, LOGS) if log.upper == partition.upper))
    return True


def _remove_orphans(connection: psycopg.Connection, *, now: datetime) -> None:
    """Remove past partitions of the logs of which no execution is left: their removal was begun with theirs."""
    kept = existing(connection, HISTORY)
    past = (log for log in existing(connection, LOGS) if log.upper <= _today(now))
    _remove_logs(connection, (log for log in past if not any(_overlap(log, one) for one in kept)))


def _overlap(one: Partition, other: Partition) -> bool:
    return (one.lower is None or one.lower < other.upper) and (other.lower is None or other.lower < one.upper)


def _remove_logs(connection: psycopg.Connection, going: Iterable[Partition]) -> None:
    for log in going:
        if _detach(connection, LOGS, log.name):
            _drop(connection, log.name)


def _detach(connection: psycopg.Connection, table: str, name: str) -> bool:
    """Detach CONCURRENTLY: readers and writers go on. Interrupted, it stays pending, and no other can be detached."""
    detach = sql.SQL("ALTER TABLE {} DETACH PARTITION {} ").format(sql.Identifier(table), sql.Identifier(name))
    is_begun = _try(connection, detach + sql.SQL("CONCURRENTLY")) or _is_pending(connection, name)
    return is_begun and (not _is_pending(connection, name) or _try(connection, detach + sql.SQL("FINALIZE")))


def _drop(connection: psycopg.Connection, name: str) -> None:
    """Drop a table that is no partition any more; its foreign key first, whose removal locks the tasks for a moment."""
    keys = connection.execute(_FOREIGN_KEYS, (name,))
    statements = [
        sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(name), sql.Identifier(key))
        for (key,) in keys.fetchall()
    ]
    if all(_try(connection, statement) for statement in statements):
        _try(connection, sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))


def _try(connection: psycopg.Connection, statement: sql.Composed) -> bool:
    """Run a statement that needs locks: it waits 200 ms for them, lets others pass, and tries again."""
    for _ in range(TRIES):
        try:
            connection.execute(statement)
        except IN_THE_WAY:
            continue
        except psycopg.errors.ObjectNotInPrerequisiteState:  # a try before has left it pending
            return False
        return True
    logger.warning("The locks for %s were not to be had; it is tried again.", statement.as_string(connection))
    return False


def _finish_interrupted(connection: psycopg.Connection) -> None:
    """Finish what a timeout or a crash has left: a detachment that is pending, a table that is no partition now."""
    for table in PARTITIONED_TABLES:
        for (name,) in connection.execute(_PENDING, (table,)).fetchall():
            _detach(connection, table, name)
        for (name,) in connection.execute(_LEFT_OVER, {"table": table, "named": NAMED.format(table)}).fetchall():
            _drop(connection, name)


_FOREIGN_KEYS = "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'f'"

_PENDING = """
SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
WHERE inhparent = %s::regclass AND inhdetachpending
"""

_LEFT_OVER = """
SELECT c.relname FROM pg_class c
WHERE c.relkind = 'r' AND c.relname ~ %(named)s
    AND c.relnamespace = (SELECT p.relnamespace FROM pg_class p WHERE p.oid = %(table)s::regclass)
    AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid)
"""


def _is_pending(connection: psycopg.Connection, name: str) -> bool:
    row = connection.execute(
        "SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass(%s)", (name,)
    ).fetchone()
    return bool(row and row[0])


_OPEN = """
SELECT EXISTS (SELECT FROM {} WHERE status IN ('QUEUED', 'RUNNING', 'SCHEDULED'))
"""


def _has_open(connection: psycopg.Connection, partition: Partition) -> bool:
    row = connection.execute(sql.SQL(_OPEN).format(sql.Identifier(partition.name))).fetchone()
    return bool(row and row[0])


def _sized(connection: psycopg.Connection, *, now: datetime) -> list[Sized]:
    """Return the partitions of history that lie before today, oldest first, with what they take."""
    logs = {log.upper: log.name for log in existing(connection, LOGS)}
    past: Sequence[Partition] = [one for one in existing(connection, HISTORY) if one.upper <= _today(now)]
    return [Sized(one, _bytes(connection, one.name, logs.get(one.upper))) for one in past]


def _today(now: datetime) -> UUID:
    return lower_bound(now.replace(hour=0, minute=0, second=0, microsecond=0))


def _bytes(connection: psycopg.Connection, *names: str | None) -> int:
    sizes = connection.execute(
        "SELECT coalesce(sum(pg_total_relation_size(to_regclass(name))), 0) FROM unnest(%s::text[]) AS n (name)",
        ([name for name in names if name is not None],),
    ).fetchone()
    return int(sizes[0]) if sizes else 0


@contextmanager
def alone(connection: psycopg.Connection) -> Iterator[bool]:
    """Hold the advisory lock of retention, and short waits for locks, for this session's time."""
    before = connection.execute("SELECT current_setting('lock_timeout')").fetchone()
    with advisory.alone(connection, _ADVISORY_KEY) as is_alone:
        try:
            connection.execute("SELECT set_config('lock_timeout', %s, false)", (LOCK_TIMEOUT,))
            yield is_alone
        finally:
            if not connection.closed:
                connection.execute("SELECT set_config('lock_timeout', %s, false)", before)
