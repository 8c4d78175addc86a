"""Partitions of history: made ahead by day, found by their bounds, never in the way of a claim."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Protocol
from uuid import UUID

import psycopg
from psycopg import sql

from scheduler.engine.identity import lower_bound

logger = logging.getLogger(__name__)

PARTITIONED_TABLES = ("task_execution_history", "execution_log")
DAYS_AHEAD = 14
LOCK_TIMEOUT = "200ms"
# What a statement that needs a lock meets. On a machine that has stood still for a second the look for deadlocks, due
# after one, comes before the end of a wait that was to be shorter.
IN_THE_WAY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)

# What a partition of a table may be called, and nothing else is: the names that are given below.
NAMED = r"^{}_(first|p\d{{8}}|before\d{{8}}|gap\d{{8}}_\d{{8}})$"

_ADVISORY_KEY = 0x5C4ED001
_STORAGE = "fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02"


@dataclass(frozen=True, slots=True)
class Partition:
    """A child table for ids from `lower` (None: no bound) up to, not including, `upper`."""

    name: str
    lower: UUID | None
    upper: UUID


class _Lacking(Protocol):
    def __call__(self, table: str, present: list[Partition], *, now: datetime) -> Iterator[Partition]: ...


def existing(connection: psycopg.Connection, table: str) -> list[Partition]:
    """Return the attached partitions of `table`, oldest first."""
    rows = connection.execute(
        """
        SELECT child.relname, pg_get_expr(child.relpartbound, child.oid)
        FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = %s::regclass AND NOT inhdetachpending
        """,
        (table,),
    ).fetchall()
    return sorted((_parse(name, bounds) for name, bounds in rows), key=lambda partition: partition.upper)


def room_ahead(connection: psycopg.Connection, *, now: datetime) -> timedelta:
    """Return for how long after `now` history has a place for each slot; nothing or less where it has none."""
    present = existing(connection, PARTITIONED_TABLES[0])
    return _instant(present[-1].upper) - now if present else timedelta(0)


def ensure(connection: psycopg.Connection, *, now: datetime, lock_timeout: str = LOCK_TIMEOUT) -> list[str]:
    """Make every partition missing up to 14 days after `now`, one a transaction; return the names made.

    Idempotent, and safe on many nodes at once: one advisory lock, the bounds read again under it. Raises
    psycopg.errors.LockNotAvailable where a claim holds `scheduler_tasks` longer than `lock_timeout`: call again.
    """
    return _make(connection, ahead, now=now, lock_timeout=lock_timeout)


def ensure_patiently(connection: psycopg.Connection, *, now: datetime, tries: int) -> bool:
    """Make them as `ensure` does, again where a claim or a vacuum is in the way; tell whether they are there."""
    for _ in range(tries):
        with suppress(*IN_THE_WAY):
            ensure(connection, now=now)
            return True
    return False


def fill(connection: psycopg.Connection, *, now: datetime, lock_timeout: str = LOCK_TIMEOUT) -> list[str]:
    """Make what is missing ahead, and one for each gap that removed partitions have left: a slot fell into one.

    Raises psycopg.errors.LockNotAvailable, as `ensure` does.
    """
    return _make(connection, missing, now=now, lock_timeout=lock_timeout)


def fill_lacking(connection: psycopg.Connection, *, now: datetime) -> bool:
    """Make what a transaction, which was rolled back and is repeated, had no partition for; tell whether it lacked."""
    made = fill(connection, now=now)
    logger.warning("A slot had no partition; made %s.", ", ".join(made) or "none, for there are all")
    return bool(made)


def replace(connection: psycopg.Connection, table: str, wanted: list[Partition]) -> None:
    """Give an empty table these partitions, inside the caller's transaction: for a copy that is restored."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ADVISORY_KEY,))
    for partition in existing(connection, table):
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(partition.name)))
    for partition in wanted:
        _attach(connection, table, partition)


def ahead(table: str, present: list[Partition], *, now: datetime) -> Iterator[Partition]:
    """Yield the partitions that `table` lacks at its end: one for all ids before today, one a day from there on.

    Days during which no node made any become one partition, so that a year's silence does not make 365.
    """
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begin = _instant(present[-1].upper) if present else today
    if not present:
        yield Partition(f"{table}_first", None, lower_bound(today))
    elif begin < today:
        yield _partition(table, begin, today)
        begin = today
    while begin < today + timedelta(days=DAYS_AHEAD + 1):
        yield _partition(table, begin, begin + timedelta(days=1))
        begin += timedelta(days=1)


def missing(table: str, present: list[Partition], *, now: datetime) -> Iterator[Partition]:
    """Yield the partitions that `table` lacks so that every id up to 14 days after `now` has a place."""
    if present and present[0].lower is not None:
        yield Partition(f"{table}_before{_instant(present[0].lower):%Y%m%d}", None, present[0].lower)
    for earlier, later in pairwise(present):
        if later.lower is not None and earlier.upper < later.lower:
            begin, end = _instant(earlier.upper), _instant(later.lower)
            yield Partition(f"{table}_gap{begin:%Y%m%d}_{end:%Y%m%d}", earlier.upper, later.lower)
    yield from ahead(table, present, now=now)


def _make(connection: psycopg.Connection, lacking: _Lacking, *, now: datetime, lock_timeout: str) -> list[str]:
    made: list[str] = []
    for table in PARTITIONED_TABLES:
        while next(lacking(table, existing(connection, table), now=now), None):
            with connection.transaction():
                connection.execute("SELECT set_config('lock_timeout', %s, true)", (lock_timeout,))
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ADVISORY_KEY,))
                partition = next(lacking(table, existing(connection, table), now=now), None)
                if partition is not None:
                    _attach(connection, table, partition)
                    made.append(partition.name)
    return made


def _partition(table: str, begin: datetime, end: datetime) -> Partition:
    return Partition(f"{table}_p{begin:%Y%m%d}", lower_bound(begin), lower_bound(end))


def _instant(bound: UUID) -> datetime:
    return datetime.fromtimestamp((bound.int >> 80) / 1000, tz=UTC)


def _parse(name: str, bounds: str) -> Partition:
    lower, upper = (part.split("(", 1)[1].split(")", 1)[0].strip("'") for part in bounds.split(" TO "))
    return Partition(name, None if lower == "MINVALUE" else UUID(lower), UUID(upper))


def _attach(connection: psycopg.Connection, table: str, partition: Partition) -> None:
    """Create aside and ATTACH: `PARTITION OF` would lock out every reader of the parent behind one open query."""
    child = sql.Identifier(partition.name)
    parent = sql.Identifier(table)
    upper = sql.Literal(str(partition.upper))
    lower: sql.Composable = sql.SQL("MINVALUE") if partition.lower is None else sql.Literal(str(partition.lower))
    inside = sql.SQL("id < {}").format(upper)
    if partition.lower is not None:
        inside = sql.SQL("id >= {} AND {}").format(lower, inside)
    connection.execute(
        sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL, CONSTRAINT bounds CHECK ({})) WITH ({})").format(
            child, parent, inside, sql.SQL(_STORAGE)
        )
    )
    connection.execute(
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(parent, child, lower, upper)
    )
    # ATTACH has taken the constraint for its proof; left in place it would be checked again on every insert.
    connection.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT bounds").format(child))
