"""What a node does about flow control: sees a stop, puts in force what begins, lets go, lifts, counts what waits."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import psycopg

from scheduler import claims, flow, holding, throttles
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import HOLDING, Reason
from scheduler.holding import Holding
from scheduler.records import Ready

MOST_COUNTED: Final = 200_000
SOON: Final = timedelta(seconds=1)
LIFTED_BATCHES: Final = 20


class FlowTicks:
    """Its state is what was last read: whether all is stopped, and how many executions keys hold.

    It `is_pressed` while something waits for its rate, or a flow control begins or ends soon: each tick is wanted then.
    """

    # Read at each tick with the clock: what `tick` takes.
    READ: Final = (throttles.IS_STOPPED, throttles.HAS_WAITING, flow.NEXT_CHANGE)

    def __init__(self) -> None:
        self.is_stopped = False
        self.is_pressed = False
        self.holding = Holding()

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
        self.is_pressed = has_waiting or (change_at is not None and change_at - now < SOON)
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

    def count(
        self, connection: psycopg.Connection, _now: datetime, *, show: Callable[[dict[str, float]], None]
    ) -> None:
        """Count what is held, at most 200,001: no more need be known."""
        self.holding = holding.find(connection, limit=MOST_COUNTED + 1)
        show({reason: self.held_by(reason) for reason in HOLDING})

    def held_by(self, reason: Reason) -> int:
        """Return how many executions were held for a reason when they were counted last."""
        return self.holding.executions.get(reason, 0)

    @property
    def gauges(self) -> dict[str, Callable[[], float]]:
        """What Prometheus reads of it, by the names of `scheduler.metrics.GAUGES`."""
        return {
            "flow_stopped": lambda: self.is_stopped,
            "flow_held_executions": partial(self.held_by, Reason.FLOW),
            "circuit_held_executions": partial(self.held_by, Reason.CIRCUIT),
            "load_held_executions": partial(self.held_by, Reason.THROTTLE),
            "circuit_held_deliveries": lambda: self.holding.deliveries,
            "shed_priority": lambda: self.holding.shed_priority or 0,
        }

    @property
    def facts(self) -> dict[str, Any]:
        """What a probe tells of it."""
        return {
            "isStoppedByFlowControl": self.is_stopped,
            "heldByFlowControl": self.held_by(Reason.FLOW),
            "heldByCircuits": self.held_by(Reason.CIRCUIT),
            "heldByProtection": self.held_by(Reason.THROTTLE),
            "held": dict(self.holding.executions),
            "deliveriesHeldByCircuits": self.holding.deliveries,
            "shedPriority": self.holding.shed_priority,
        }
