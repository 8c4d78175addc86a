"""What a node's sweep loop does: the passes that repair, count and go on with what no claim waits for."""

import logging
import math
from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import compress
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings

from scheduler import (
    backfills,
    batches,
    breaches,
    bulkactions,
    catchups,
    claims,
    clock,
    delays,
    dependents,
    events,
    nodes,
    partitions,
    permits,
    releases,
    reschedule,
    rollups,
    signs,
    sweep,
)
from scheduler.broker import BATCH
from scheduler.claims import EVERYWHERE
from scheduler.errors import PartitionMissing
from scheduler.flow_ticks import FlowTicks
from scheduler.loops import Loop, Timer
from scheduler.metrics import NodeMetrics
from scheduler.publisher import Publisher
from scheduler.ranges import RangeCounter
from scheduler.rounds import Round

logger = logging.getLogger(__name__)

# After an outage workers need a renewal, a quarter of their lease, before silence means that they are gone.
STEADY_BEFORE_LOSING_SECONDS = settings.LEASE_SECONDS / 3
PARTITION_TRIES = 50
RESCHEDULED_BATCHES = 20
ROLLED_UP_BATCHES = 10
LOOKED_AT_BATCHES = 10


class Sweeping:
    """A loop of its own, with a connection of its own; `is_backlogged` says whether fresh work waits for the claim."""

    def __init__(
        self,
        metrics: NodeMetrics,
        *,
        node: UUID,
        flow: FlowTicks,
        publisher: Publisher,
        is_backlogged: Callable[[], bool],
    ) -> None:
        self._metrics = metrics
        self._node = node
        self._flow = flow
        self._publisher = publisher
        self._is_backlogged = is_backlogged
        self._guard = clock.JumpGuard()
        self._jumped_at = -math.inf
        self._ranges = RangeCounter()
        self._recount_after = EVERYWHERE
        self._backfills = Round(backfills.advance)
        self._catchups = Round(catchups.advance)
        self._actions = Round(bulkactions.advance)
        self._events = Round(events.advance)
        self.is_flooded = False
        self.unpublished_count = 0
        self.backfill_timer = Timer(1, partial(self._advance_calmly, self._backfills), sign=signs.ARE_OPERATIONS)
        self._timers = self._make_timers()
        self.loop = Loop("sweep", self.turn)

    def turn(self, connection: psycopg.Connection) -> float:
        """Do what is due of the passes; return the seconds until the next turn."""
        now, *found = clock.read_beside(connection, *(timer.sign for timer in self._timers))
        if not self._guard.trusts(now, at=clock.monotonic()):
            self._jumped_at = clock.monotonic()
        for timer in compress(self._timers, found):
            timer.run(connection, now)
        return 0.5

    def _make_timers(self) -> list[Timer]:
        return [
            Timer(5, partial(nodes.heartbeat, node=self._node, role="scheduler")),
            Timer(3600, self._make_partitions),
            Timer(5, self._watch_flood),
            Timer(1, self._recover_batches, sign=signs.ARE_PUBLISHED),
            Timer(1, self._resume, sign=signs.ARE_PAUSED),
            Timer(1, self._lose),
            Timer(1, self._flow.lift, sign=signs.ARE_HELD),
            Timer(5, partial(self._flow.count, show=self._metrics.held.show)),
            Timer(10, self._metrics.queues.measure),
            Timer(1, lambda connection, _now: self._ranges.count(connection), sign=signs.ARE_UNCOUNTED),
            Timer(1, self._roll_up, sign=signs.HAVE_ENDED),
            Timer(1, self._watch_promises, sign=signs.ARE_PROMISED),
            Timer(60, self._sweep_everywhere),
            Timer(60, self._recount_open),
            Timer(1, self._reschedule, sign=signs.ARE_CALENDARS),
            Timer(60, self._revive_delays),
            Timer(30, self._metrics.audits.read),
            Timer(60, lambda connection, _now: permits.recount(connection)),
            self.backfill_timer,
            Timer(0.5, self._advance_catchups, sign=signs.ARE_CATCHUPS),
            Timer(0.5, self._advance_actions, sign=signs.ARE_OPERATIONS),
            Timer(0.5, partial(self._advance_calmly, self._events), sign=signs.ARE_EVENTS),
        ]

    def _make_partitions(self, connection: psycopg.Connection, now: datetime) -> None:
        if not partitions.ensure_patiently(connection, now=now, tries=PARTITION_TRIES):
            logger.warning("The partitions ahead are not made: a claim or a vacuum was in the way each time.")

    def _watch_flood(self, connection: psycopg.Connection, _now: datetime) -> None:
        """Hold the claim above 200,000 rows that no broker has taken; the misfire policy decides about the rest."""
        self.unpublished_count = sweep.unpublished_count(connection)
        was_flooded, self.is_flooded = self.is_flooded, self.unpublished_count > sweep.MOST_UNPUBLISHED
        if self.is_flooded != was_flooded:
            logger.warning("Too many rows wait for the broker." if self.is_flooded else "Claiming goes on.")

    def _recover_batches(self, connection: psycopg.Connection, now: datetime) -> None:
        self._metrics.swept.labels(cause="publisher_lost").inc(batches.recover(connection, now=now))

    def _lose(self, connection: psycopg.Connection, now: datetime, *, everywhere: bool = False) -> None:
        if self._is_steady():
            low = EVERYWHERE if everywhere else claims.recent(now)
            self._metrics.lost.inc(sweep.lose(connection, now=now, low=low))

    def _is_steady(self) -> bool:
        """Tell whether every worker that lives has had time to renew since an outage, or since the clock jumped."""
        return self.loop.steady_seconds >= STEADY_BEFORE_LOSING_SECONDS and not self._has_jumped_lately()

    def _has_jumped_lately(self) -> bool:
        return clock.monotonic() - self._jumped_at < STEADY_BEFORE_LOSING_SECONDS

    def _resume(self, connection: psycopg.Connection, now: datetime) -> None:
        try:
            sweep.resume(connection, now=now)
        except PartitionMissing:
            partitions.fill_lacking(connection, now=now)

    def _reschedule(self, connection: psycopg.Connection, now: datetime) -> None:
        for _ in range(RESCHEDULED_BATCHES):
            try:
                count = reschedule.reschedule(connection, now=now)
            except PartitionMissing:
                partitions.fill_lacking(connection, now=now)
                return
            if count < reschedule.BATCH:
                return

    def _revive_delays(self, connection: psycopg.Connection, now: datetime) -> None:
        if count := delays.revive(connection, now=now, limit=BATCH):
            logger.warning("%d tasks of a fixed delay waited for an end that nobody would report.", count)

    def _advance_calmly(self, going: Round, connection: psycopg.Connection, now: datetime) -> None:
        if not self.is_flooded:
            self._advance(connection, going, now)

    def _advance_catchups(self, connection: psycopg.Connection, now: datetime) -> None:
        if not self._is_backlogged():  # under fresh work
            self._advance_calmly(self._catchups, connection, now)

    def _advance_actions(self, connection: psycopg.Connection, now: datetime) -> None:
        self._advance(connection, self._actions, now, may_fire=not self.is_flooded)

    def _advance(self, connection: psycopg.Connection, going: Round, now: datetime, **arguments: Any) -> None:
        try:
            self._publisher.hand_over(going.turn(connection, now=now, **arguments))
        except PartitionMissing:
            partitions.fill_lacking(connection, now=now)

    def _roll_up(self, connection: psycopg.Connection, _now: datetime) -> None:
        for _ in range(ROLLED_UP_BATCHES):
            if not rollups.take_in(connection, limit=rollups.BATCH):
                return

    def _watch_promises(self, connection: psycopg.Connection, now: datetime, *, everywhere: bool = False) -> None:
        if self._has_jumped_lately():
            return  # a breach that is told cannot be taken back
        low = EVERYWHERE if everywhere else claims.recent(now)
        for _ in range(LOOKED_AT_BATCHES):
            looked = breaches.look(connection, now=now, low=low)
            for one in looked.found:
                self._metrics.sla_breaches.labels(promise=one.promise).inc()
            if looked.row_count < breaches.BATCH:
                return

    def _sweep_everywhere(self, connection: psycopg.Connection, now: datetime) -> None:
        """Look in all partitions: a long outage, a retry by hand and a long hold keep an old slot's id."""
        self._publisher.let_go(releases.release(connection, now=now, low=EVERYWHERE))
        self._publisher.let_go(dependents.decide(connection, now=now, low=EVERYWHERE))
        self._publisher.let_go(self._flow.everywhere(connection, now))
        self._metrics.swept.labels(cause="task_deleted").inc(sweep.cancel_deleted(connection, now=now))
        self._lose(connection, now, everywhere=True)
        self._watch_promises(connection, now, everywhere=True)

    def _recount_open(self, connection: psycopg.Connection, _now: datetime) -> None:
        self._recount_after = sweep.recount_open(connection, after=self._recount_after) or EVERYWHERE
