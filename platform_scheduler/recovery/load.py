"""Brings a backup back: into a system that is empty and still, in one transaction, or not at all."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg
from psycopg import sql

from platform_scheduler.recovery import archive, tables
from platform_scheduler.recovery.archive import Manifest, TableFile
from platform_scheduler.recovery.dump import Progress
from platform_scheduler.recovery.errors import RestoreRefused
from platform_scheduler.recovery.outlook import PAGE, Outlook, outlook
from platform_scheduler.recovery.session import opened
from scheduler import audit, clock, partitions, pauses, publications
from scheduler.engine.states import TaskStatus
from scheduler.models.choices import AuditVerb
from scheduler.partitions import Partition

# A node that was heard of so lately runs.
RUNS_WITHIN: Final = timedelta(seconds=60)
# Fences that were drawn after the backup must never be drawn again: what handlers have guarded by them would open.
FENCES_LEFT_OUT: Final = 1_000_000_000
FENCE: Final = "execution_fence"

_RUNNING = "SELECT role, count(*) FROM scheduler_nodes WHERE heartbeat_at > %s AND ended_at IS NULL GROUP BY role"
_IS_EMPTY = """
SELECT NOT EXISTS (SELECT FROM scheduler_tasks) AND NOT EXISTS (SELECT FROM task_execution_history)
"""
_SET_SEQUENCE = "SELECT setval(%s::regclass, greatest(%s, 1), %s > 0)"
_DUE = """
SELECT id FROM scheduler_tasks WHERE status = 'ACTIVE' AND next_slot_for <= %(now)s AND id > %(after)s
ORDER BY id LIMIT %(limit)s
"""
_PAUSE = "UPDATE scheduler_tasks SET status = 'PAUSED', claim_at = NULL, next_execution_time = NULL WHERE id = ANY(%s)"


def look(folder: Path, *, overwrite: bool) -> tuple[Manifest, Outlook]:
    """Check a backup, and that it may be brought back here; return what would come of it. Changes nothing.

    Raises BackupDamaged, RestoreRefused.
    """
    manifest = archive.verify(folder)
    with closing(_connect()) as connection:
        _refuse(connection, manifest, overwrite=overwrite)
        return manifest, outlook(connection, folder, manifest, now=clock.read(connection))


def restore(folder: Path, *, overwrite: bool, skips: bool, tell: Progress) -> Manifest:
    """Bring a backup back; a crash in between leaves all as it was. Raises BackupDamaged, RestoreRefused.

    With `skips` the slots up to now are left out, each task's as one SKIPPED row; else the misfire policies decide.
    """
    manifest = archive.verify(folder)
    with closing(_connect()) as connection:
        with connection.transaction():
            _refuse(connection, manifest, overwrite=overwrite)
            now = clock.read(connection)
            _empty(connection, manifest)
            for table in manifest.tables:
                _load(connection, folder, table, tell=tell)
            _set_sequences(connection, manifest)
            # Nobody knows what has become of the messages: the sweep sends them again, and a start is guarded.
            publications.forget_all(connection)
            if skips:
                _leave_out(connection, now=now)
    return manifest


def analyze(manifest: Manifest) -> None:
    """Have PostgreSQL look at what was brought back; until then, or autovacuum, its plans are those of empty tables."""
    with closing(_connect()) as connection:
        for table in manifest.tables:
            connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table.table)))


def _connect() -> psycopg.Connection:
    return opened("restore", lock_timeout="10s")


def _refuse(connection: psycopg.Connection, manifest: Manifest, *, overwrite: bool) -> None:
    """Raise RestoreRefused where somebody runs, something is there, or the code is another one."""
    now = clock.read(connection)
    running = connection.execute(_RUNNING, (now - RUNS_WITHIN,)).fetchall()
    if running:
        who = ", ".join(f"{count} {role}{'s' if count > 1 else ''}" for role, count in running)
        raise RestoreRefused(f"Something runs on this database: {who}. Stop it, wait a minute, and try again.")
    if not overwrite and connection.execute(_IS_EMPTY).fetchone() != (True,):
        raise RestoreRefused(
            "This database holds tasks or history: restore into an empty one, or say --overwrite to lose what is here."
        )
    there = tables.migrations(connection)
    if there != manifest.migrations:
        apps = sorted(app for app, _ in set(there.items()) ^ set(manifest.migrations.items()))
        wanted = ", ".join(f"{app} {manifest.migrations.get(app, 'zero')}" for app in dict.fromkeys(apps))
        raise RestoreRefused(
            f"The backup is of another version ({manifest.code_version}): bring the database there first, with that"
            f" version's code and `manage.py migrate` ({wanted}), restore, and upgrade then."
        )
    _refuse_strangers(connection, manifest)


def _refuse_strangers(connection: psycopg.Connection, manifest: Manifest) -> None:
    """Raise RestoreRefused for a table or column that is none of ours: whoever wrote the manifest chose the names."""
    known = set(tables.kept(connection))
    for table in manifest.tables:
        if table.table not in known or set(table.columns) - set(tables.columns(connection, table.table)):
            raise RestoreRefused(f"The backup holds {table.table}: this platform knows no table like it.")


def _empty(connection: psycopg.Connection, manifest: Manifest) -> None:
    """Remove every row, and give history the partitions that it had."""
    names = sql.SQL(", ").join(map(sql.Identifier, tables.all_tables()))
    connection.execute(sql.SQL("TRUNCATE {}").format(names))
    for table, rows in manifest.partitions.items():
        bounds = [Partition(name, UUID(lower) if lower else None, UUID(upper)) for name, lower, upper in rows]
        partitions.replace(connection, table, bounds)


def _load(connection: psycopg.Connection, folder: Path, table: TableFile, *, tell: Progress) -> None:
    """Copy a table's rows; what triggers would add to them stands in the backup."""
    name = sql.Identifier(table.table)
    connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
    with connection.cursor() as cursor, cursor.copy(tables.copied(table.table, table.columns, "FROM STDIN")) as rows:
        for block in archive.blocks(folder, table):
            rows.write(block)
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # an ALTER would refuse what is still to be checked
    connection.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(name))
    tell(f"{table.table:<40}{table.rows:>14,} rows")


def _set_sequences(connection: psycopg.Connection, manifest: Manifest) -> None:
    for name, value in manifest.sequences.items():
        last = value + FENCES_LEFT_OUT if name == FENCE else value
        connection.execute(_SET_SEQUENCE, (name, last, last))


def _leave_out(connection: psycopg.Connection, *, now: datetime) -> None:
    """Pass over the slots up to now as those of a pause that ends now."""
    after = UUID(int=0)
    while page := connection.execute(_DUE, {"now": now, "after": after, "limit": PAGE}).fetchall():
        ids = [row[0] for row in page]
        after = ids[-1]
        _pause_until(connection, ids, now=now)


def _pause_until(connection: psycopg.Connection, ids: Sequence[UUID], *, now: datetime) -> None:
    connection.execute(_PAUSE, (list(ids),))
    refused = {task_id for task_id, error in _resumed(connection, ids, now=now) if error is not None}
    ended = [task_id for task_id in ids if task_id not in refused]
    for verb, before in ((AuditVerb.PAUSE, TaskStatus.ACTIVE), (AuditVerb.RESUME, TaskStatus.PAUSED)):
        audit.record_standing(connection, ended, verb=verb, before=before, now=now)


def _resumed(
    connection: psycopg.Connection, ids: Sequence[UUID], *, now: datetime
) -> list[tuple[UUID, Exception | None]]:
    return list(pauses.resume(connection, ids, catch_up=False, now=now).items())
