"""Halving: what is done to many at once is done to halves where it fails, until what fails stands alone."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import psycopg

from scheduler.errors import PartitionMissing

Item = TypeVar("Item")
Done = TypeVar("Done")

# They say nothing about the items: the database is away, others were in the way, there is no room yet.
_NOBODYS_FAULT = (psycopg.OperationalError, PartitionMissing)


def in_halves(
    connection: psycopg.Connection,
    items: Sequence[Item],
    act: Callable[[Sequence[Item]], Done],
    spare: Callable[[Item, Exception], Done],
) -> Iterator[Done]:
    """Yield what `act` returns for all items, or for each part of them that it can be done to.

    What fails for an item alone is undone and given to `spare`. Each try is a savepoint in the caller's transaction.
    Raises what is no item's fault: psycopg.OperationalError and PartitionMissing.
    """
    if not items:
        return
    try:
        with connection.transaction():
            done = act(items)
    except _NOBODYS_FAULT:
        raise
    except Exception as error:  # noqa: BLE001 - a bug that one item meets holds up no other
        if len(items) == 1:
            yield spare(items[0], error)
            return
    else:
        yield done
        return
    middle = len(items) // 2
    yield from in_halves(connection, items[:middle], act, spare)
    yield from in_halves(connection, items[middle:], act, spare)
