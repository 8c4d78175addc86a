"""One scheduler node: its loops, of which this one claims. Any number of nodes do the same side by side."""

import logging
import threading
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg

from scheduler import claims, clock, dependents, firing, nodes, partitions, releases, signs, throttles, upstream_ends
from scheduler.beat_lease import BeatLease
from scheduler.engine.states import Reason
from scheduler.errors import PartitionMissing
from scheduler.flow_ticks import FlowTicks
from scheduler.followups import RELEASE_CHANNEL
from scheduler.loops import Loop, Timer
from scheduler.metrics import NodeMetrics
from scheduler.protecting import Protecting
from scheduler.publisher import Publisher
from scheduler.sweeping import Sweeping

logger = logging.getLogger(__name__)

# With the pass itself, which reads what is due: 50 ms.
TICK_SECONDS = 0.048
# Where nothing is due before then and nothing waits for its turn. Whoever has a task looked at earlier tells it
# (`claims.CLAIM_CHANNEL`); this is for what nobody tells, a clock that steps.
REST_SECONDS = 1
# After a claim what comes due next is gathered for so long: a claim for each of a thousand a second would be too many.
GATHER_SECONDS = 0.02
STALE_SECONDS = 5


class SchedulerNode:
    """Claims what is due within 50 ms, publishes it, sweeps each second; renews the lease under which beat runs."""

    def __init__(self) -> None:
        self.id = uuid4()
        self._beat_lease = BeatLease(self.id)
        self._guard = clock.JumpGuard()
        self._assist_guard = clock.JumpGuard()
        self._dependents_guard = clock.JumpGuard()
        self._backlogged = threading.Event()
        self.flow = FlowTicks()
        self._lease_timer = Timer(5, self._beat_lease.renew)
        self._release_timer = Timer(1, self._release)
        self._ended = threading.Event()
        self._listening: psycopg.Connection | None = None
        self._is_told = False
        self.metrics = NodeMetrics()
        # A claim that a crash of PostgreSQL undoes is made again: nobody can have started what it queued, for that
        # commit would have taken the claim's to the disk with it. So these do not wait for the disk; nor does what
        # carries ends on, which are there again with the crash.
        unhurried = partial(Loop, waits_for_disk=False)
        self.claim_loop = unhurried("claim", self._claim, gathers_for=GATHER_SECONDS)
        self.assist_loop = unhurried("assist", self._assist)
        self.dependents_loop = unhurried("dependents", self._carry_on)
        self.publisher = Publisher(self.metrics)
        self.sweeping = Sweeping(
            self.metrics, node=self.id, flow=self.flow, publisher=self.publisher, is_backlogged=self._backlogged.is_set
        )
        self.protecting = Protecting(self.metrics, node=self.id)
        self._watch()

    def start(self) -> None:
        """Start the loops; they wait for a database that is not there yet."""
        for loop in self._loops():
            loop.start()

    def stop(self) -> None:
        """End the loops, publishing what is claimed; what is not published in time other nodes sweep."""
        before_publishing = [loop for loop in self._loops() if loop is not self.publisher.loop]
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
        ours = self.claim_loop, self.assist_loop, self.dependents_loop, self.sweeping.loop
        return *ours, self.publisher.loop, self.protecting.loop

    def _facts(self) -> dict[str, Any]:
        return {
            "node": self.id,
            "claimAgeSeconds": round(self.claim_loop.age, 3),
            "sweepAgeSeconds": round(self.sweeping.loop.age, 3),
            "holdsBeatLease": self.may_beat,
            "isBrokerReachable": self.publisher.outlet.is_open,
            "isClaimHeldByFlood": self.sweeping.is_flooded,
            "claimTrouble": self.claim_loop.trouble,
            **self.flow.facts,
            **self.protecting.facts,
            **self.metrics.audits.facts,
        }

    def _watch(self) -> None:
        self.metrics.watch(
            claim_age_seconds=lambda: self.claim_loop.age,
            sweep_age_seconds=lambda: self.sweeping.loop.age,
            beat_lease_held=lambda: self.may_beat,
            broker_reachable=lambda: self.publisher.outlet.is_open,
            claim_held_by_flood=lambda: self.sweeping.is_flooded,
            **self.flow.gauges,
            **self.protecting.gauges,
            batches_to_publish=self.publisher.batches.qsize,
            unpublished_executions=lambda: self.sweeping.unpublished_count,
        )

    # The claim loop

    def _claim(self, connection: psycopg.Connection) -> float:
        self._listen(connection)
        self._is_told = False
        now, first, *flow_now = clock.read_beside(connection, throttles.FIRST_CLAIM, *FlowTicks.READ)
        if not self._guard.trusts(now, at=clock.monotonic()):
            logger.warning("The database's clock has jumped: claiming waits until three ticks agree.")
            self._backlogged.clear()
            return TICK_SECONDS
        self._lease_timer.run(connection, now)
        if self.sweeping.is_flooded:
            self._backlogged.clear()
            return TICK_SECONDS
        self._release_timer.run(connection, now)
        self.publisher.let_go(self.flow.tick(connection, now, *flow_now))
        if first is None or first > now:
            self._backlogged.clear()
            self.metrics.claims.inc()
            longest = self._longest_rest()
            return longest if first is None else min((first - now).total_seconds(), longest)
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

    def _longest_rest(self) -> float:
        """Return how long to sleep at most where nothing is due."""
        if self._is_told:
            # It may have looked before that: then the notice is used up and wakes nobody.
            return GATHER_SECONDS
        if self.flow.is_pressed:
            return TICK_SECONDS
        return min(REST_SECONDS, self._release_timer.seconds_left)

    def _assist(self, connection: psycopg.Connection) -> float:
        """Claim beside the claim loop where there is a backlog: one plans while PostgreSQL works for the other."""
        if not self._backlogged.wait(timeout=1):
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

    def _carry_on(self, connection: psycopg.Connection) -> float:
        """Carry ends on to the tasks that depend on them, as soon as one is heard of, and let go what has waited."""
        self._ended.wait(timeout=1)
        self._ended.clear()
        now, are_ends = clock.read_beside(connection, signs.ARE_UPSTREAM_ENDS)
        if self.sweeping.is_flooded or not self._dependents_guard.trusts(now, at=clock.monotonic()):
            return TICK_SECONDS
        try:
            if are_ends and dependents.follow(connection, now=now):
                self._ended.set()  # more may have ended than one pass takes
            ready = dependents.decide(connection, now=now, low=claims.recent(now))
        except PartitionMissing:
            self._fill_partitions(connection, now)
            return TICK_SECONDS
        self.publisher.let_go(ready)
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
        """Hear of ends that others wait for, and of tasks: each statement takes the notices that have come."""
        if self._listening is not connection:
            connection.execute(f"LISTEN {claims.CLAIM_CHANNEL}")
            connection.execute(f"LISTEN {RELEASE_CHANNEL}")
            connection.execute(f"LISTEN {upstream_ends.DEPENDENTS_CHANNEL}")
            connection.add_notify_handler(self._hear)
            self._listening = connection

    def _hear(self, notice: psycopg.Notify) -> None:
        if notice.channel == claims.CLAIM_CHANNEL:
            self._is_told = True
            return
        if notice.channel == upstream_ends.DEPENDENTS_CHANNEL:
            self._ended.set()
            return
        self._release_timer.make_due()
        self.sweeping.backfill_timer.make_due()

    def _fill_partitions(self, connection: psycopg.Connection, now: datetime) -> float:
        return 0 if partitions.fill_lacking(connection, now=now) else STALE_SECONDS

    def _release(self, connection: psycopg.Connection, now: datetime) -> None:
        self.publisher.let_go(releases.release(connection, now=now, low=claims.recent(now)))

    def take_leave(self, connection: psycopg.Connection) -> None:
        """Let another node beat at once, and say that this one has ended."""
        self._beat_lease.give_up(connection)
        nodes.leave(connection, clock.read(connection), node=self.id)
