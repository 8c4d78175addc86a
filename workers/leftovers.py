"""What a handler leaves behind in its child: statements that go on in the server, and transactions that nobody ends."""

from collections.abc import Iterator
from contextlib import suppress

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import Connection
from psycopg.pq import TransactionStatus

CANCEL_SECONDS = 2


def end_statements() -> None:
    """Cancel what Django's connections of this thread are in the middle of, and close them: to be called by a signal.

    A statement whose client has turned away goes on in the server, and keeps its locks from the next attempt. A handler
    that cleans up is given a new connection.
    """
    for one in connections.all(initialized_only=True):
        if _status(one) is TransactionStatus.ACTIVE:
            with suppress(Exception):
                one.connection.cancel_safe(timeout=CANCEL_SECONDS)
            with suppress(Exception):
                one.close()


class Leftovers:
    """What handlers have left of Django's connections since this was made: a statement or a transaction in its middle.

    Celery closes all of them behind a message; within a bundle no execution may end, or trip over, what another began.
    """

    def __init__(self) -> None:
        self._before = set(_busy())

    def drop(self) -> None:
        """Close those connections; whoever comes next is given new ones."""
        for alias in set(_busy()) - self._before:
            one = connections[alias]
            # One that is closed within a block that nobody has left would refuse its next user.
            del connections[alias]
            with suppress(Exception):
                one.close()


def _busy() -> Iterator[str]:
    for one in connections.all(initialized_only=True):
        if one.in_atomic_block or (
            one.connection is not None and not (one.autocommit and _status(one) is TransactionStatus.IDLE)
        ):
            yield one.alias


def _status(one: BaseDatabaseWrapper) -> TransactionStatus:
    """Return what the connection is in the middle of; one to another database than PostgreSQL is taken for idle."""
    return one.connection.info.transaction_status if isinstance(one.connection, Connection) else TransactionStatus.IDLE
