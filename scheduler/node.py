"""One scheduler node: loops that claim, publish and sweep. Any number of nodes do the same side by side."""

import logging
import math
import threading
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
from django.conf import settings

from scheduler import (
    backfills,
    batches,
    breaches,
    bulkactions,
    claims,
    clock,
    delays,
    dependents,
    events,
    firing,
    nodes,
    partitions,
    permits,
    releases,
    reschedule,
    rollups,
    sweep,
    throttles,
    upstream_ends,
)
from scheduler.beat_lease import BeatLease
from scheduler.broker import BATCH
from scheduler.claims import EVERYWHERE
from scheduler.engine.states import Reason
from scheduler.errors import PartitionMissing
from scheduler.flow_ticks import FlowTicks
from scheduler.followups import RELEASE_CHANNEL
from scheduler.loops import Loop, Timer
from scheduler.metrics import NodeMetrics
from scheduler.publisher import Publisher
from scheduler.ranges import RangeCounter
from scheduler.records import Ready
from scheduler.rounds import Round

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.05
# After a claim what comes due next is gathered for so long: a claim for each of a thousand a second would be too many.
GATHER_SECONDS = 0.02
# After an outage workers need a renewal, a quarter of their lease, before silence means that they are gone.
STEADY_BEFORE_LOSING_SECONDS = settings.LEASE_SECONDS / 3
STALE_SECONDS = 5
PARTITION_TRIES = 50
RESCHEDULED_BATCHES = 20
ROLLED_UP_BATCHES = 10
LOOKED_AT_BATCHES = 10


class SchedulerNode:
    """Claims every 50 ms at most, publishes behind it, sweeps each second; renews the lease under which beat runs."""

    def __init__(self) -> None:
        self.id = uuid4()
        self._beat_lease = BeatLease(self.id)
        self._guard = clock.JumpGuard()
        self._assist_guard = clock.JumpGuard()
        self._sweep_guard = clock.JumpGuard()
        self._dependents_guard = clock.JumpGuard()
        self._jumped_at = -math.inf
        self._is_flooded = False
        self._backlogged = threading.Event()
        self._unpublished = 0
        self._ranges = RangeCounter()
        self.flow = FlowTicks()
        self._recount_after = EVERYWHERE
        self._backfills = Round(backfills.advance)
        self._actions = Round(bulkactions.advance)
        self._events = Round(events.advance)
        self._lease_timer = Timer(5, self._beat_lease.renew)
        self._release_timer = Timer(1, self._release)
        self._ended = threading.Event()
        self._backfill_timer = Timer(1, self._advance_backfills)
        self._listening: psycopg.Connection | None = None
        self._sweep_timers = self._make_sweep_timers()
        # A claim that a crash of PostgreSQL undoes is made again: nobody can have started what it queued, for that
        # commit would have taken the claim's to the disk with it. So these do not wait for the disk; nor does what
        # carries ends on, which are there again with the crash.
        self.claim_loop = Loop("claim", self._claim, waits_for_disk=False)
        self.assist_loop = Loop("assist", self._assist, waits_for_disk=False)
        self.dependents_loop = Loop("dependents", self._carry_on, waits_for_disk=False)
        self.sweep_loop = Loop("sweep", self._sweep)
        self.metrics = NodeMetrics()
        self.publisher = Publisher(self.metrics)
        self._watch()

    def start(self) -> None:
        """Start the loops; they wait for a database that is not there yet."""
        for loop in self._loops():
            loop.start()

    def stop(self) -> None:
        """End the loops, publishing what is claimed; what is not published in time other nodes sweep."""
        before_publishing = (self.claim_loop, self.assist_loop, self.dependents_loop, self.sweep_loop)
        for loop in before_publishing:
            loop.stop()
        for loop in before_publishing:
            loop.join(timeout=5)
        self.publisher.stop()

    @property
    def may_beat(self) -> bool:
        """Tell whether this node holds the beat lease, as far as it may believe so."""
        return self._beat_lease.is_held

    @property
    def epoch(self) -> int | None:
        """The epoch of the beat lease; None while another node holds it."""
        return self._beat_lease.epoch

    def live(self) -> tuple[bool, dict[str, Any]]:
        """Answer the liveness probe: the loops turn, whatever the database and the broker do."""
        return all(loop.is_alive() for loop in self._loops()), self._facts()

    def ready(self) -> tuple[bool, dict[str, Any]]:
        """Answer the readiness probe: the last claim was made within 5 s."""
        return self.claim_loop.age < STALE_SECONDS and self.claim_loop.steady_since is not None, self._facts()

    def _loops(self) -> tuple[Loop, ...]:
        return self.claim_loop, self.assist_loop, self.dependents_loop, self.publisher.loop, self.sweep_loop

    def _facts(self) -> dict[str, Any]:
        return {
            "node": self.id,
            "claimAgeSeconds": round(self.claim_loop.age, 3),
            "sweepAgeSeconds": round(self.sweep_loop.age, 3),
            "holdsBeatLease": self.may_beat,
            "isBrokerReachable": self.publisher.outlet.is_open,
            "isClaimHeldByFlood": self._is_flooded,
            "claimTrouble": self.claim_loop.trouble,
            **self.flow.facts,
        }

    def _watch(self) -> None:
        self.metrics.watch(
            claim_age_seconds=lambda: self.claim_loop.age,
            sweep_age_seconds=lambda: self.sweep_loop.age,
            beat_lease_held=lambda: self.may_beat,
            broker_reachable=lambda: self.publisher.outlet.is_open,
            claim_held_by_flood=lambda: self._is_flooded,
            flow_stopped=lambda: self.flow.is_stopped,
            flow_held_executions=lambda: self.flow.held_count,
            batches_to_publish=self.publisher.batches.qsize,
            unpublished_executions=lambda: self._unpublished,
        )

    # The claim loop

    def _claim(self, connection: psycopg.Connection) -> float:
        self._listen(connection)
        now, first, *flow_now = clock.read_beside(connection, throttles.FIRST_CLAIM, *FlowTicks.READ)
        if not self._guard.trusts(now, at=clock.monotonic()):
            logger.warning("The database's clock has jumped: claiming waits until three ticks agree.")
            self._backlogged.clear()
            return TICK_SECONDS
        self._lease_timer.run(connection, now)
        if self._is_flooded:
            self._backlogged.clear()
            return TICK_SECONDS
        self._release_timer.run(connection, now)
        self.publisher.hand_over(self._released(self.flow.tick(connection, now, *flow_now)))
        if first is None or first > now:
            self._backlogged.clear()
            self.metrics.claims.inc()
            return TICK_SECONDS if first is None else min((first - now).total_seconds(), TICK_SECONDS)
        try:
            claimed = self._claim_batch(connection, now)
        except PartitionMissing:
            return self._fill_partitions(connection, now)
        if claimed.is_full:
            self._backlogged.set()
            return 0
        self._backlogged.clear()
        # What is due and was not to be had, another node is claiming.
        return GATHER_SECONDS if claimed.task_count else TICK_SECONDS

    def _assist(self, connection: psycopg.Connection) -> float:
        """Claim beside the claim loop where there is a backlog: one plans while PostgreSQL works for the other."""
        if not self._backlogged.wait(timeout=0.5):
            return 0
        now = clock.read(connection)
        if not self._assist_guard.trusts(now, at=clock.monotonic()):
            return TICK_SECONDS
        try:
            if not self._claim_batch(connection, now).is_full:
                self._backlogged.clear()  # the claim loop may be waiting for the database, and would not tell
        except PartitionMissing:
            self._backlogged.clear()  # the claim loop meets it as well, and makes it
        return 0

    # The loop of dependents

    def _carry_on(self, connection: psycopg.Connection) -> float:
        """Carry ends on to the tasks that depend on them, as soon as one is heard of, and let go what has waited."""
        self._ended.wait(timeout=1)
        self._ended.clear()
        now = clock.read(connection)
        if self._is_flooded or not self._dependents_guard.trusts(now, at=clock.monotonic()):
            return TICK_SECONDS
        try:
            if dependents.follow(connection, now=now):
                self._ended.set()  # more may have ended than one pass takes
            ready = dependents.decide(connection, now=now, low=claims.recent(now))
        except PartitionMissing:
            self._fill_partitions(connection, now)
            return TICK_SECONDS
        self.publisher.hand_over(self._released(ready))
        return 0

    def _claim_batch(self, connection: psycopg.Connection, now: datetime) -> firing.Claimed:
        began = clock.monotonic()
        claimed = firing.claim(connection, now=now, is_backlogged=self._backlogged.is_set())
        self.metrics.count_claim(claimed, seconds=clock.monotonic() - began, now=now)
        self.publisher.hand_over(claimed.ready, claimed.batch)
        if any(row.reason is not None and row.reason is Reason.DEPENDENCY for row in claimed.recorded):
            self._ended.set()
        return claimed

    def _listen(self, connection: psycopg.Connection) -> None:
        """Hear of ends that others wait for: each statement takes the notices that have come."""
        if self._listening is not connection:
            connection.execute(f"LISTEN {RELEASE_CHANNEL}")
            connection.execute(f"LISTEN {upstream_ends.DEPENDENTS_CHANNEL}")
            connection.add_notify_handler(self._hear)
            self._listening = connection

    def _hear(self, notice: psycopg.Notify) -> None:
        if notice.channel == upstream_ends.DEPENDENTS_CHANNEL:
            self._ended.set()
            return
        self._release_timer.make_due()
        self._backfill_timer.make_due()

    def _fill_partitions(self, connection: psycopg.Connection, now: datetime) -> float:
        """Make what the claim, which was rolled back and is repeated, had no partition for."""
        made = partitions.fill(connection, now=now)
        logger.warning("A slot had no partition; made %s.", ", ".join(made) or "none, for there are all")
        return 0 if made else STALE_SECONDS

    def _release(self, connection: psycopg.Connection, now: datetime) -> None:
        self.publisher.hand_over(self._released(releases.release(connection, now=now, low=claims.recent(now))))

    def _released(self, ready: Sequence[Ready]) -> Sequence[Ready]:
        self.metrics.released.inc(len(ready))
        return ready

    def take_leave(self, connection: psycopg.Connection) -> None:
        """Let another node beat at once, and say that this one has ended."""
        self._beat_lease.give_up(connection)
        nodes.leave(connection, clock.read(connection), node=self.id)

    # The sweep loop

    def _make_sweep_timers(self) -> list[Timer]:
        return [
            Timer(5, partial(nodes.heartbeat, node=self.id, role="scheduler")),
            Timer(3600, self._make_partitions),
            Timer(5, self._watch_flood),
            Timer(1, self._recover_batches),
            Timer(1, self._resume),
            Timer(1, self._lose),
            Timer(1, self.flow.lift),
            Timer(5, self.flow.count),
            Timer(1, self._count_ranges),
            Timer(1, self._roll_up),
            Timer(1, self._watch_promises),
            Timer(60, self._sweep_everywhere),
            Timer(60, self._recount_open),
            Timer(1, self._reschedule),
            Timer(60, self._revive_delays),
            Timer(60, self._recount_permits),
            self._backfill_timer,
            Timer(0.5, self._advance_actions),
            Timer(0.5, self._advance_events),
        ]

    def _sweep(self, connection: psycopg.Connection) -> float:
        now = clock.read(connection)
        if not self._sweep_guard.trusts(now, at=clock.monotonic()):
            self._jumped_at = clock.monotonic()
        for timer in self._sweep_timers:
            timer.run(connection, now)
        return 0.5

    def _make_partitions(self, connection: psycopg.Connection, now: datetime) -> None:
        for _ in range(PARTITION_TRIES):
            try:
                partitions.ensure(connection, now=now)
            except psycopg.errors.LockNotAvailable:
                continue
            return
        logger.warning("The partitions ahead are not made: claims were in the way %d times.", PARTITION_TRIES)

    def _watch_flood(self, connection: psycopg.Connection, _now: datetime) -> None:
        """Hold the claim above 200,000 rows that no broker has taken; the misfire policy decides about the rest."""
        self._unpublished = sweep.unpublished_count(connection)
        was_flooded, self._is_flooded = self._is_flooded, self._unpublished > sweep.MOST_UNPUBLISHED
        if self._is_flooded != was_flooded:
            logger.warning("Too many rows wait for the broker." if self._is_flooded else "Claiming goes on.")

    def _recover_batches(self, connection: psycopg.Connection, now: datetime) -> None:
        self.metrics.swept.labels(cause="publisher_lost").inc(batches.recover(connection, now=now))

    def _lose(self, connection: psycopg.Connection, now: datetime, *, everywhere: bool = False) -> None:
        if self._is_steady():
            low = EVERYWHERE if everywhere else claims.recent(now)
            self.metrics.lost.inc(sweep.lose(connection, now=now, low=low))

    def _is_steady(self) -> bool:
        """Tell whether every worker that lives has had time to renew since an outage, or since the clock jumped."""
        return self.sweep_loop.steady_seconds >= STEADY_BEFORE_LOSING_SECONDS and not self._has_jumped_lately()

    def _has_jumped_lately(self) -> bool:
        return clock.monotonic() - self._jumped_at < STEADY_BEFORE_LOSING_SECONDS

    def _resume(self, connection: psycopg.Connection, now: datetime) -> None:
        try:
            sweep.resume(connection, now=now)
        except PartitionMissing:
            self._fill_partitions(connection, now)

    def _reschedule(self, connection: psycopg.Connection, now: datetime) -> None:
        for _ in range(RESCHEDULED_BATCHES):
            try:
                count = reschedule.reschedule(connection, now=now)
            except PartitionMissing:
                self._fill_partitions(connection, now)
                return
            if count < reschedule.BATCH:
                return

    def _revive_delays(self, connection: psycopg.Connection, now: datetime) -> None:
        if count := delays.revive(connection, now=now, limit=BATCH):
            logger.warning("%d tasks of a fixed delay waited for an end that nobody would report.", count)

    def _recount_permits(self, connection: psycopg.Connection, _now: datetime) -> None:
        permits.recount(connection)

    def _advance_backfills(self, connection: psycopg.Connection, now: datetime) -> None:
        if not self._is_flooded:
            self._advance(connection, self._backfills, now)

    def _advance_actions(self, connection: psycopg.Connection, now: datetime) -> None:
        self._advance(connection, self._actions, now, may_fire=not self._is_flooded)

    def _advance_events(self, connection: psycopg.Connection, now: datetime) -> None:
        if not self._is_flooded:
            self._advance(connection, self._events, now)

    def _advance(self, connection: psycopg.Connection, going: Round, now: datetime, **arguments: Any) -> None:
        try:
            self.publisher.hand_over(going.turn(connection, now=now, **arguments))
        except PartitionMissing:
            self._fill_partitions(connection, now)

    def _count_ranges(self, connection: psycopg.Connection, _now: datetime) -> None:
        self._ranges.count(connection)

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
                self.metrics.sla_breaches.labels(promise=one.promise).inc()
            if looked.row_count < breaches.BATCH:
                return

    def _sweep_everywhere(self, connection: psycopg.Connection, now: datetime) -> None:
        """Look in all partitions: a long outage, a retry by hand and a long hold keep an old slot's id."""
        self.publisher.hand_over(self._released(releases.release(connection, now=now, low=EVERYWHERE)))
        self.publisher.hand_over(self._released(dependents.decide(connection, now=now, low=EVERYWHERE)))
        self.publisher.hand_over(self._released(self.flow.everywhere(connection, now)))
        self.metrics.swept.labels(cause="task_deleted").inc(sweep.cancel_deleted(connection, now=now))
        self._lose(connection, now, everywhere=True)
        self._watch_promises(connection, now, everywhere=True)

    def _recount_open(self, connection: psycopg.Connection, _now: datetime) -> None:
        self._recount_after = sweep.recount_open(connection, after=self._recount_after) or EVERYWHERE
