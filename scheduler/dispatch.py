"""Dispatch: takes committed QUEUED rows to the broker and notes that it took them."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from scheduler import batches, claims, clock, publications
from scheduler.broker import BATCH, Broker
from scheduler.connections import current
from scheduler.errors import BrokerUnavailable
from scheduler.records import Ready

logger = logging.getLogger(__name__)

REST_SECONDS = 1
UNPUBLISHED_AFTER = timedelta(seconds=5)


class Outlet:
    """A broker that rests for a second after each failure, so that nobody queues up behind its timeouts."""

    def __init__(self) -> None:
        self._broker = Broker()
        self._rests_until = 0.0

    @property
    def is_open(self) -> bool:
        """Tell whether the broker may be asked again."""
        return clock.monotonic() >= self._rests_until

    @contextmanager
    def broker(self) -> Iterator[Broker]:
        """Lend the broker. Raises BrokerUnavailable, at once while it rests."""
        if not self.is_open:
            raise BrokerUnavailable("it has failed within the last second")
        try:
            yield self._broker
        except BrokerUnavailable:
            self._rests_until = clock.monotonic() + REST_SECONDS
            raise


_web = Outlet()
_web_lock = threading.Lock()


def dispatch(
    connection: psycopg.Connection, broker: Broker, ready: Sequence[Ready], *, now: datetime, is_ahead: bool = False
) -> int:
    """Publish `ready` and mark the rows; return in how many messages. `is_ahead` is the broker's.

    Raises BrokerUnavailable; unmarked rows are swept. If the process dies between the two, the sweep publishes once
    more and the worker drops the second message.
    """
    messages = broker.publish(ready, is_ahead=is_ahead)
    publications.mark(connection, [item.id for item in ready], now=now)
    return messages


def dispatch_batch(connection: psycopg.Connection, broker: Broker, ready: Sequence[Ready], *, batch: UUID) -> int:
    """Publish what a claim has queued, and end its batch; return in how many messages.

    Raises BrokerUnavailable; the sweep publishes it then.

    If the process dies meanwhile, the batch is recovered by whoever sweeps.
    """
    try:
        messages = broker.publish(ready)
    except BrokerUnavailable:
        batches.give_up(connection, batch, [item.id for item in ready])
        raise
    batches.end(connection, batch)
    return messages


def dispatch_unpublished(connection: psycopg.Connection, broker: Broker, *, now: datetime, low: UUID) -> int:
    """Publish a batch of rows, ids from `low` on, that nobody has published for 5 s; return how many.

    Their publisher died, or had no broker. They stay locked until they are marked, so that no other node publishes
    them as well. Raises BrokerUnavailable.
    """
    with connection.transaction():
        ready = claims.unpublished_executions(connection, before=now - UNPUBLISHED_AFTER, low=low, limit=BATCH)
        if ready:
            dispatch(connection, broker, ready, now=now)
    return len(ready)


def publish_after_commit(ready: Sequence[Ready], *, now: datetime) -> None:
    """Dispatch what a request has queued; never raises, for what fails here the sweep sends within seconds."""
    if not ready:
        return
    try:
        with _web_lock, _web.broker() as broker:
            dispatch(current(), broker, ready, now=now)
    except (BrokerUnavailable, psycopg.Error) as error:
        logger.warning("%d executions wait for the sweep to be published: %s", len(ready), error)
