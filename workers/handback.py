"""Hands back to the queue what a worker has won and will not begin."""

import logging
from collections.abc import Sequence

import psycopg

from scheduler import clock, dispatch, transitions
from scheduler.dispatch import Outlet
from scheduler.errors import BrokerUnavailable
from workers.board import Won

logger = logging.getLogger(__name__)


def hand_back(connection: psycopg.Connection, held: Sequence[Won], *, outlet: Outlet) -> set[Won]:
    """Hand back `held`, and publish it at once, ahead of what waits: a long handler may not hold up those behind it.

    Returns what is left: it is to be cancelled, or was no longer ours. Raises psycopg.Error, and nothing has been
    handed back. What the broker does not take the sweep sends.
    """
    now = clock.read(connection)
    ready = transitions.hand_back(connection, held, now=now)
    try:
        if ready:
            with outlet.broker() as broker:
                dispatch.dispatch(connection, broker, ready, now=now, is_ahead=True)
    except BrokerUnavailable as error:
        logger.warning("%d executions wait for the sweep to be published: %s", len(ready), error)
    handed_back = {item.id for item in ready}
    return {(execution, fence) for execution, fence in held if execution not in handed_back}
