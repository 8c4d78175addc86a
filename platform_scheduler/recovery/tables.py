"""What is backed up: the tables of the installed apps, in an order in which their rows can be brought back."""

from graphlib import TopologicalSorter
from typing import Final

import psycopg
from django.db import connection as django_connection
from psycopg import sql

# Who runs at this moment, who is logged in or listens: nothing of it is true of a platform that was restored.
TRANSIENT: Final = frozenset(
    {"django_session", "scheduler_leases", "scheduler_nodes", "scheduler_changes", "scheduler_listeners"}
)
# What the code itself brings along; it must be the same on both sides.
_OF_THE_CODE: Final = frozenset({"django_migrations"})

_COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""
_REFERENCES = """
SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND conparentid = 0 AND connamespace = current_schema()::regnamespace
"""
_MIGRATIONS = "SELECT app, max(name) FROM django_migrations GROUP BY app"


def all_tables() -> list[str]:
    """Return every table of the installed apps that is there, transient ones too, without the migrations' own."""
    with django_connection.cursor() as cursor:
        there = set(django_connection.introspection.table_names(cursor))
    known = set(django_connection.introspection.django_table_names(include_views=False))
    return sorted((known & there) - _OF_THE_CODE)


def kept(connection: psycopg.Connection) -> list[str]:
    """Return the tables that are backed up, each behind those that it refers to."""
    names = set(all_tables()) - TRANSIENT
    graph: dict[str, set[str]] = {name: set() for name in sorted(names)}
    for table, referred in connection.execute(_REFERENCES):
        if table in names and referred in names and table != referred:
            graph[table].add(referred)
    return list(TopologicalSorter(graph).static_order())


def columns(connection: psycopg.Connection, table: str) -> list[str]:
    """Return the columns of a table that hold something of their own, in their order."""
    return [row[0] for row in connection.execute(_COLUMNS, (table,))]


def migrations(connection: psycopg.Connection) -> dict[str, str]:
    """Return the newest migration of each app."""
    return dict(connection.execute(_MIGRATIONS).fetchall())


def copied(table: str, names: list[str], direction: str) -> sql.Composed:
    """Return the COPY of a table's columns; the rows of a partitioned one too, whose partitions differ."""
    listed = sql.SQL(", ").join(map(sql.Identifier, names))
    if direction == "TO STDOUT":
        return sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(listed, sql.Identifier(table))
    return sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), listed)
