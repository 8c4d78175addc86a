"""Publishing: takes what claims and releases have queued to the broker, behind them, and sends again what was lost."""

import logging
import queue
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from uuid import UUID

import psycopg
from django.conf import settings

from scheduler import claims, clock, dispatch, nodes, sweep
from scheduler.broker import BATCH, Broker
from scheduler.claims import EVERYWHERE
from scheduler.engine.protection import CRITICAL_PRIORITY
from scheduler.errors import BrokerUnavailable
from scheduler.loops import Loop, Timer
from scheduler.metrics import NodeMetrics
from scheduler.records import Ready

logger = logging.getLogger(__name__)

# What one claim has queued, or a release, and the batch that answers for it until it is published.
Handed = tuple[Sequence[Ready], UUID | None]

WAITING_BATCHES = 200
# Rows that nobody published go out between the batches of the claim, so many of theirs at a time.
UNPUBLISHED_BATCHES = 20


class UrgentFirst(queue.Queue[Handed | None]):
    """Batches in the order in which they come, those before the others in which something is critical.

    None, which ends the loop, goes after all that were there. By the methods that `queue.Queue` has for this.
    """

    def _init(self, maxsize: int) -> None:
        self._urgent: deque[Handed | None] = deque()
        self._in_turn: deque[Handed | None] = deque()

    def _qsize(self) -> int:
        return len(self._urgent) + len(self._in_turn)

    def _put(self, item: Handed | None) -> None:
        is_urgent = item is not None and any(one.priority >= CRITICAL_PRIORITY for one in item[0])
        (self._urgent if is_urgent else self._in_turn).append(item)

    def _get(self) -> Handed | None:
        return (self._urgent or self._in_turn).popleft()


class Publisher:
    """One loop with a broker of its own: one that is away or frozen delays messages, not claims."""

    def __init__(self, metrics: NodeMetrics) -> None:
        self._metrics = metrics
        self.batches = UrgentFirst(maxsize=WAITING_BATCHES)
        self.outlet = dispatch.Outlet()
        self._ended_workers: dict[str, datetime] = {}
        self._stale_timer = Timer(min(30, settings.REPUBLISH_AFTER_SECONDS / 5), self._republish_stale)
        self.timers = self._make_timers()
        # Its notes are made again where a crash of PostgreSQL undoes them.
        self.loop = Loop("publish", self.turn, waits_for_disk=False)

    def stop(self) -> None:
        """Publish what has been handed over, and end; what is not published in time other nodes sweep."""
        with suppress(queue.Full):
            self.batches.put(None, timeout=1)  # the loop ends itself there
        self.loop.join(timeout=5)
        self.loop.stop()

    def hand_over(self, ready: Sequence[Ready], batch: UUID | None = None) -> None:
        """Publish these soon, before others where one of them is critical.

        `batch` answers for them meanwhile; without one their rows are unpublished.
        """
        if not ready:
            return
        try:
            self.batches.put_nowait((ready, batch))
        except queue.Full:
            logger.warning("%d executions wait for the sweep: publishing is behind.", len(ready))

    def let_go(self, ready: Sequence[Ready]) -> None:
        """Count what was held, or waited for its retry, and publish it soon."""
        self._metrics.released.inc(len(ready))
        self.hand_over(ready)

    def turn(self, connection: psycopg.Connection) -> float:
        """Publish one batch, and do what else is due with the broker."""
        try:
            handed = self.batches.get(timeout=self._patience())
        except queue.Empty:
            handed = ([], None)
        if handed is None:
            self.loop.stop()
        elif self.outlet.is_open:
            self._use_broker(connection, *handed)
        return 0

    def _patience(self) -> float:
        """Return how long to wait for a batch: until a timer is due, and what fails is not tried again at once."""
        return max(min(timer.seconds_left for timer in self.timers), 0.5)

    def _use_broker(self, connection: psycopg.Connection, ready: Sequence[Ready], batch: UUID | None) -> None:
        now = clock.read(connection)
        try:
            with self.outlet.broker() as broker:
                if ready:
                    self._dispatch(connection, broker, ready, batch, now=now)
                for timer in self.timers:
                    timer.run(connection, broker, now)
        except BrokerUnavailable as error:
            self._metrics.publish_failures.inc()
            logger.warning("The broker does not answer; executions stay QUEUED meanwhile: %s", error)

    def _dispatch(
        self,
        connection: psycopg.Connection,
        broker: Broker,
        ready: Sequence[Ready],
        batch: UUID | None,
        *,
        now: datetime,
    ) -> None:
        if batch is None:
            messages = dispatch.dispatch(connection, broker, ready, now=now)
        else:
            messages = dispatch.dispatch_batch(connection, broker, ready, batch=batch)
        self._metrics.dispatched.inc(len(ready))
        self._metrics.messages.inc(messages)

    def _make_timers(self) -> list[Timer]:
        return [
            Timer(2, self._check_broker),
            Timer(1, self._publish_unpublished),
            Timer(60, partial(self._publish_unpublished, everywhere=True)),
            Timer(2, self._watch_workers),
            self._stale_timer,
        ]

    def _check_broker(self, connection: psycopg.Connection, broker: Broker, now: datetime) -> None:
        if broker.has_lost_data():
            count = sweep.republish_all(connection, before=now)
            # A new broker knows nothing either, and has lost nothing.
            level = logging.WARNING if count else logging.INFO
            logger.log(level, "The broker does not know us: %d messages go again.", count)
            self._metrics.swept.labels(cause="broker_lost_data").inc(count)
            broker.remember()

    def _publish_unpublished(
        self, connection: psycopg.Connection, broker: Broker, now: datetime, *, everywhere: bool = False
    ) -> None:
        low = EVERYWHERE if everywhere else claims.recent(now)
        for _ in range(UNPUBLISHED_BATCHES):
            # What the claim has just handed over goes first.
            if not self.batches.empty():
                return
            count = dispatch.dispatch_unpublished(connection, broker, now=now, low=low)
            self._metrics.dispatched.inc(count)
            self._metrics.messages.inc(count)  # nobody knows how long they run: each has its own
            self._metrics.swept.labels(cause="unpublished").inc(count)
            if count < BATCH:
                return

    def _watch_workers(self, connection: psycopg.Connection, _broker: Broker, now: datetime) -> None:
        """What a worker had taken and not begun when it ended is looked for at once."""
        ended, self._ended_workers = self._ended_workers, nodes.ended_workers(connection, now=now)
        if ended != self._ended_workers:
            self._stale_timer.make_due()

    def _republish_stale(self, connection: psycopg.Connection, broker: Broker, now: datetime) -> None:
        for name, (count, oldest) in sweep.queued_depths(connection).items():
            left = self._ended_workers.get(name)
            if oldest < now - sweep.REPUBLISH_FIRST or (left is not None and oldest < left):
                is_short = broker.depth(name) * settings.BUNDLE_MAX < count
                count = sweep.republish_stale(connection, name, left=left, is_short=is_short, now=now)
                self._metrics.swept.labels(cause="message_gone").inc(count)
