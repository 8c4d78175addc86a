"""Advisory locks of PostgreSQL, by which one process at a time does something, for as long as its session lives."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg


@contextmanager
def alone(connection: psycopg.Connection, key: int) -> Iterator[bool]:
    """Hold the lock of this number for as long as the block lasts; False where another process does."""
    is_alone = connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone() == (True,)
    try:
        yield is_alone
    finally:
        if is_alone and not connection.closed:  # with its session the lock has ended too
            connection.execute("SELECT pg_advisory_unlock(%s)", (key,))
