"""What a node does about flow control: sees a stop, puts in force what begins, lets go, lifts, counts what waits."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import psycopg

from scheduler import claims, flow, throttles
from scheduler.claims import EVERYWHERE
from scheduler.records import Ready

MOST_COUNTED: Final = 200_000
LIFTED_BATCHES: Final = 20


class FlowTicks:
    """Its state is what was last read: whether all is stopped, and how many executions flow control holds."""

    # Read at each tick with the clock: what `tick` takes.
    READ: Final = (throttles.IS_STOPPED, throttles.HAS_WAITING, flow.NEXT_CHANGE)

    def __init__(self) -> None:
        self.is_stopped = False
        self.held_count = 0

    def tick(
        self,
        connection: psycopg.Connection,
        now: datetime,
        is_stopped: bool,
        has_waiting: bool,
        change_at: datetime | None,
    ) -> Sequence[Ready]:
        """Put in force what begins or ends, and let go what rates allow; return what to publish.

        A claim that has read the old limits locks the new ones.
        """
        self.is_stopped = is_stopped
        if change_at is not None and change_at <= now:
            flow.begin_and_end(connection, now=now)
        return throttles.release(connection, now=now, low=claims.recent(now)) if has_waiting else ()

    def everywhere(self, connection: psycopg.Connection, now: datetime) -> Sequence[Ready]:
        """Let go what is held in any partition, and what its key has forgotten."""
        throttles.remember(connection)
        return throttles.release(connection, now=now, low=EVERYWHERE)

    def lift(self, connection: psycopg.Connection, _now: datetime) -> None:
        """Let the claim look at tasks whose keys are paused no more."""
        for _ in range(LIFTED_BATCHES):
            if flow.lift(connection) < flow.LIFTED_BATCH:
                return

    def count(self, connection: psycopg.Connection, _now: datetime) -> None:
        """Count what flow control holds, at most 200,001: no more need be known."""
        self.held_count = throttles.held_count(connection, limit=MOST_COUNTED + 1)

    @property
    def facts(self) -> dict[str, Any]:
        """What a probe tells of it."""
        return {"isStoppedByFlowControl": self.is_stopped, "heldByFlowControl": self.held_count}
