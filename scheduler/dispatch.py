"""Dispatch: takes committed QUEUED rows to the broker and notes that it took them."""

import logging
import threading
from collections.abc import Sequence
from datetime import datetime

import psycopg

from scheduler import transitions
from scheduler.broker import Broker
from scheduler.connections import current
from scheduler.errors import BrokerUnavailable
from scheduler.records import Ready

logger = logging.getLogger(__name__)

_web_broker = Broker()
_web_lock = threading.Lock()


def dispatch(connection: psycopg.Connection, broker: Broker, ready: Sequence[Ready], *, now: datetime) -> None:
    """Publish `ready` and mark the rows. Raises BrokerUnavailable; unmarked rows are swept.

    If the process dies between the two, the sweep publishes once more and the worker drops the second message.
    """
    broker.publish(ready)
    transitions.mark_published(connection, [item.id for item in ready], now=now)


def publish_after_commit(ready: Sequence[Ready], *, now: datetime) -> None:
    """Dispatch what a request has queued; never raises, for what fails here the sweep sends within seconds."""
    if not ready:
        return
    try:
        with _web_lock:
            dispatch(current(), _web_broker, ready, now=now)
    except (BrokerUnavailable, psycopg.Error) as error:
        logger.warning("%d executions wait for the sweep to be published: %s", len(ready), error)
