"""What a node does to protect the platform: measures, decides how much is let go, moves the circuits on."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings

from scheduler import circuits, clock, load, measures, nodes, protection, signs
from scheduler.broker import Broker
from scheduler.engine.circuits import Limits
from scheduler.engine.protection import Level, Protection
from scheduler.errors import BrokerUnavailable
from scheduler.loops import Loop, Timer
from scheduler.metrics import NodeMetrics

logger = logging.getLogger(__name__)

# Between two passes: while a circuit may have to move, and while there is none.
CIRCUITS_SECONDS, REST_SECONDS = 0.5, 1
PASSES = 20
SILENT_FOR = timedelta(minutes=10)
# One slow answer says little: each new one counts so much.
SMOOTHED = 0.3


class Protecting:
    """A loop of its own, with a connection of its own: the claim never waits for it."""

    def __init__(self, metrics: NodeMetrics, *, node: UUID) -> None:
        self._metrics = metrics
        self._node = node
        self._guard = clock.JumpGuard()
        self._broker = Broker()
        self._measured: dict[str, float] = {}
        self._dispatched = (clock.monotonic(), 0.0)
        self._are_circuits = True
        self.decided: Protection | None = None
        self.timers = [
            Timer(CIRCUITS_SECONDS, self._move_circuits),
            Timer(1, self._measure_node),
            Timer(2, self._measure_queues),
            Timer(5, self._measure_database),
            Timer(5, self._measure_broker),
            Timer(1, self._decide),
        ]
        self.loop = Loop("protect", self._pass)

    @property
    def facts(self) -> dict[str, Any]:
        """What a probe tells of it."""
        return {"protection": self._level, "measured": self._measured}

    @property
    def gauges(self) -> dict[str, Callable[[], float]]:
        """What Prometheus reads of it, by the names of `scheduler.metrics.GAUGES`."""
        levels = list(Level)
        return {
            "protection_level": lambda: levels.index(self._level),
            "protection_rate": lambda: self.decided.rate or 0 if self.decided else 0,
        }

    @property
    def _level(self) -> Level:
        return self.decided.level if self.decided is not None else Level.NORMAL

    def _pass(self, connection: psycopg.Connection) -> float:
        began = clock.monotonic()
        now, self._are_circuits = clock.read_beside(connection, signs.ARE_CIRCUITS)
        answered = self._measured.get("databaseAnswerSeconds", 0.0)
        answered += SMOOTHED * (clock.monotonic() - began - answered)
        self._measured["databaseAnswerSeconds"] = round(answered, 4)
        if self._guard.trusts(now, at=clock.monotonic()):
            for timer in self.timers:
                timer.run(connection, now)
        return CIRCUITS_SECONDS if self._are_circuits else REST_SECONDS

    def _measure_node(self, connection: psycopg.Connection, _now: datetime) -> None:
        count = self._metrics.dispatched_count()
        at, (was_at, was) = clock.monotonic(), self._dispatched
        self._dispatched = at, count
        rate = (count - was) / (at - was_at) if at > was_at else 0.0
        carries = {"memoryPercent": load.memory_percent(), "dispatchedPerSecond": round(rate, 1)}
        nodes.carry(connection, carries, node=self._node)

    def _measure_queues(self, connection: psycopg.Connection, now: datetime) -> None:
        self._measured |= measures.of_queues(connection, now=now)
        self._measured |= measures.of_nodes(
            connection, silent=now - nodes.SILENT_AFTER, forgotten=now - nodes.SILENT_AFTER - SILENT_FOR
        )

    def _measure_database(self, connection: psycopg.Connection, now: datetime) -> None:
        self._measured |= measures.of_database(connection, now=now)

    def _measure_broker(self, _connection: psycopg.Connection, _now: datetime) -> None:
        self._measured.pop("brokerMemoryPercent", None)
        try:
            percent = self._broker.memory_percent()
        except BrokerUnavailable:
            return
        if percent is not None:
            self._measured["brokerMemoryPercent"] = percent

    def _decide(self, connection: psycopg.Connection, now: datetime) -> None:
        if not settings.PROTECTION:
            protection.lift(connection, now=now)
            return
        decided = protection.decide(
            connection, self._measured, limits=settings.PROTECTION_LIMITS, most_held=settings.PROTECTION_MOST_HELD,
            now=now,
        )  # fmt: skip
        if decided is not None and decided.level is not self._level:
            logger.warning("Protection is %s.", decided.level)
        self.decided = decided or self.decided
        self._metrics.measured.show(self._measured)

    def _move_circuits(self, connection: psycopg.Connection, now: datetime) -> None:
        if not self._are_circuits:
            self._metrics.open_circuits.show({})
            return
        if not settings.PROTECTION:
            circuits.close_all(connection, now=now)
        limits = circuit_limits()
        for _ in range(PASSES):
            taken = circuits.take_in(connection, limits=limits, now=now)
            self._metrics.circuit_trips.inc(len(taken.opened))
            if taken.note_count < circuits.NOTES_PER_PASS:
                break
        circuits.tick(connection, now=now)
        self._metrics.open_circuits.show(circuits.not_closed(connection))


def circuit_limits() -> Limits:
    """Return when circuits open, by the settings; never where protection is switched off."""
    slow = settings.CIRCUIT_SLOW_SECONDS
    return Limits(
        window=timedelta(seconds=settings.CIRCUIT_WINDOW_SECONDS),
        minimum_calls=settings.CIRCUIT_MINIMUM_CALLS if settings.PROTECTION else 2**31,
        failure_percent=settings.CIRCUIT_FAILURE_PERCENT,
        slow_percent=settings.CIRCUIT_SLOW_PERCENT,
        slow=timedelta(seconds=slow) if slow else None,
        open=timedelta(seconds=settings.CIRCUIT_OPEN_SECONDS),
        longest_open=timedelta(seconds=settings.CIRCUIT_LONGEST_OPEN_SECONDS),
    )
