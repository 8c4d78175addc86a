"""Endings: which executions have come to their end and are not in the roll-ups yet."""

from collections.abc import Collection
from uuid import UUID

import psycopg

from scheduler.engine.identity import id_array

# Of a statement that ends rows and returns their ids as `ended`: the note costs one row, however many they are.
NOTE = "INSERT INTO scheduler_endings (executions) SELECT array_agg(id) FROM ended HAVING count(*) > 0"


def note(connection: psycopg.Connection, executions: Collection[UUID]) -> None:
    """Write down, in the transaction that ends them, what the roll-ups are to take in."""
    if executions:
        connection.execute(
            "INSERT INTO scheduler_endings (executions) VALUES (%s::text::uuid[])", (id_array(executions),)
        )
