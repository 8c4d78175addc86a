"""Makes a backup: every table by COPY in one snapshot, while everything runs."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
from django.conf import settings
from psycopg import sql

from platform_scheduler.recovery import archive, tables
from platform_scheduler.recovery.archive import Manifest, TableFile, TableWriter
from platform_scheduler.recovery.session import opened
from scheduler import clock, partitions

_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_SEQUENCES = "SELECT sequencename, coalesce(last_value, 0) FROM pg_sequences WHERE schemaname = current_schema()"
_OPEN = """
SELECT status, count(*) FROM task_execution_history WHERE status IN ('SCHEDULED', 'QUEUED', 'RUNNING') GROUP BY status
"""

Progress = Callable[[str], None]


def backup(folder: Path, *, tell: Progress) -> Path:
    """Write a backup below `folder`, read it through once, and return where it is.

    A snapshot holds back what vacuum may remove for as long as it takes: of a large database take it from a standby.
    """
    with closing(opened("backup", lock_timeout="30s")) as connection:
        with connection.transaction():
            connection.execute(_SNAPSHOT)
            taken_at = clock.read(connection)
            unfinished = archive.begin(folder, at=taken_at)
            written = [_dump(connection, unfinished, table, tell=tell) for table in tables.kept(connection)]
            manifest = Manifest(
                taken_at=taken_at.isoformat(),
                server_version=str(connection.info.server_version),
                code_version=settings.VERSION,
                migrations=tables.migrations(connection),
                tables=written,
                # Sequences know no snapshot: they are read last, and so are never behind the rows.
                sequences=dict(connection.execute(_SEQUENCES).fetchall()),
                partitions={name: _bounds(connection, name) for name in partitions.PARTITIONED_TABLES},
                open_executions=dict(connection.execute(_OPEN).fetchall()),
            )
    return archive.finish(unfinished, manifest)


def _dump(connection: psycopg.Connection, folder: Path, table: str, *, tell: Progress) -> TableFile:
    columns = tables.columns(connection, table)
    writer = TableWriter(folder, table, columns)
    copy: sql.Composed = tables.copied(table, columns, "TO STDOUT")
    with connection.cursor() as cursor, cursor.copy(copy) as rows:
        for block in rows:
            writer.write(bytes(block))
    written = writer.finish()
    tell(f"{table:<40}{written.rows:>14,} rows{written.size_bytes / 1e6:>12.3f} MB")
    return written


def _bounds(connection: psycopg.Connection, table: str) -> list[tuple[str, str | None, str]]:
    return [
        (one.name, str(one.lower) if one.lower is not None else None, str(one.upper))
        for one in partitions.existing(connection, table)
    ]
