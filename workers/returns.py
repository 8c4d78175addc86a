"""Gives back to the queue what a worker has won and will not begin."""

import logging
from collections.abc import Sequence

import psycopg

from scheduler import clock, dispatch, transitions
from scheduler.errors import BrokerUnavailable
from workers.board import Won

logger = logging.getLogger(__name__)


class Returns:
    """Publishes what it gives back at once, for a handler that takes long must not hold up those behind it."""

    def __init__(self) -> None:
        self._outlet = dispatch.Outlet()

    def give_back(self, connection: psycopg.Connection, held: Sequence[Won]) -> set[Won]:
        """Return `held` to the queue; what is left are those that are to be cancelled, or were no longer ours.

        Raises psycopg.Error, and none has been given back. What the broker does not take the sweep sends.
        """
        now = clock.read(connection)
        ready = transitions.give_back(connection, held, now=now)
        try:
            if ready:
                with self._outlet.broker() as broker:
                    dispatch.dispatch(connection, broker, ready, now=now)
        except BrokerUnavailable as error:
            logger.warning("%d executions wait for the sweep to be published: %s", len(ready), error)
        given = {item.id for item in ready}
        return {(execution, fence) for execution, fence in held if execution not in given}
