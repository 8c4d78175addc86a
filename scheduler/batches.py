"""Batches: which executions are on their way to the broker, so that a publisher's death leaves none behind."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg

from scheduler import claims, publications
from scheduler.records import Ready

# Long enough for a queue of batches and a broker that is slow; then somebody else publishes.
LOST_AFTER = timedelta(seconds=5)
MOST_AT_ONCE = 50

# The ids travel as one text: a list costs psycopg 6 µs a value.
_BEGIN = "INSERT INTO scheduler_batches (id, claimed_at, executions) VALUES (%s, %s, %s::text::uuid[])"


def begin(connection: psycopg.Connection, ready: Sequence[Ready], *, now: datetime) -> UUID | None:
    """Write down, in the transaction that queues them, what is to be published; return the batch."""
    if not ready:
        return None
    batch = uuid4()
    connection.execute(_BEGIN, (batch, now, f"{{{','.join(str(item.id) for item in ready)}}}"))
    return batch


def end(connection: psycopg.Connection, batch: UUID) -> None:
    """Forget a batch that the broker has taken."""
    connection.execute("DELETE FROM scheduler_batches WHERE id = %s", (batch,))


def give_up(connection: psycopg.Connection, batch: UUID, executions: Sequence[UUID]) -> int:
    """Make unpublished what no broker has taken; return how many executions are still QUEUED."""
    with connection.transaction():
        count = publications.forget(connection, executions)
        end(connection, batch)
    return count


def recover(connection: psycopg.Connection, *, now: datetime) -> int:
    """Make unpublished what lost its publisher; return how many executions that are still QUEUED.

    They may have been published all the same: the worker that gets a second message drops it.
    """
    with connection.transaction():
        lost = claims.batches(connection, before=now - LOST_AFTER, limit=MOST_AT_ONCE)
        return sum(give_up(connection, batch, executions) for batch, executions in lost)
