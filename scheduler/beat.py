"""`celery beat` as a scheduler node; the only room that enters django_celery_beat."""

import gc
import logging
import signal
from contextlib import closing
from datetime import datetime
from typing import Any

import psycopg
from celery.signals import beat_init
from django.conf import settings
from django.db import DatabaseError, transaction
from django.db import connection as django_connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler

from scheduler import clock, health, housekeeping
from scheduler.connections import connect, current
from scheduler.neighbours import Neighbours
from scheduler.node import SchedulerNode
from scheduler.observation import Observer

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.5
BUDGET_SECONDS = 0.5
# Whoever changes a chore's row waits so long at most; celery would ask three times a call.
CHANGES_SECONDS = 5

_LAST_CHANGE = f"SELECT last_update FROM {PeriodicTasks._meta.db_table} WHERE ident = 1"  # noqa: S608, SLF001 - Django's own
_SIGNS = {chore.task: chore.sign for chore in housekeeping.CHORES}


class _Changes:
    """When somebody has last changed a chore's row, without Django's ORM: it is asked for all day long."""

    @staticmethod
    def last_change() -> datetime | None:
        row = current().execute(_LAST_CHANGE).fetchone()
        return row[0] if row else None


class BeatScheduler(DatabaseScheduler):  # type: ignore[misc]
    """Sends the housekeeping while its node holds the beat lease; the node's threads do the rest on every node."""

    # Overrides of celery's and django-celery-beat's own names.
    sync_every_tasks = 1
    Changes = _Changes

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.node: SchedulerNode | None = None
        self._epoch: int | None = None
        self._asks_again_at = 0.0
        super().__init__(*args, **kwargs)

    def setup_schedule(self) -> None:
        """Read nothing yet: beat starts, and lives, without a database."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what housekeeping is due; return the seconds until the next call. Nothing may escape: it ends beat."""
        if self.node is None or not self.node.may_beat:
            return IDLE_SECONDS
        try:
            if self.node.epoch != self._epoch:
                self._take_over(self.node.epoch)
            return self._send_due(*args, **kwargs)
        except Exception:  # beat must outlive every fault of the broker, the database and a chore's row
            logger.exception("Housekeeping was not sent; it is tried again.")
            # It may be dead, and between requests, of which there are none here, Django would not look.
            django_connection.close()
            return IDLE_SECONDS

    def adjust(self, n: float | None, drift: float = 0.0) -> float | None:
        """Return when an entry is to be looked at: when it is due, not 10 ms before, which celery waits out busily."""
        return super().adjust(n, drift)  # type: ignore[no-any-return]

    def schedule_changed(self) -> bool:
        """Tell whether somebody has changed a chore's row since the last time that it was asked for."""
        if clock.monotonic() < self._asks_again_at:
            return False
        self._asks_again_at = clock.monotonic() + CHANGES_SECONDS
        return bool(super().schedule_changed())

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send one that is due, where there is a sign that it has something to do; otherwise it counts as sent."""
        sign = _SIGNS.get(entry.task, "true")
        if sign == "true" or current().execute(f"SELECT {sign}").fetchone() == (True,):
            super().apply_entry(entry, producer=producer)

    def close(self) -> None:
        """Stop the node and give its lease up; called once, when beat ends."""
        node, self.node = self.node, None
        if node is None:
            return
        node.stop()
        try:
            super().close()
            with closing(connect(application_name="platform-scheduler beat")) as connection:
                node.take_leave(connection)
        except (psycopg.Error, DatabaseError) as error:
            logger.warning("The beat lease was not given up; it ends by itself: %s", error)

    def _take_over(self, epoch: int | None) -> None:
        """Forget what was read under an older epoch: stale `last_run_at` would be written over the new holder's."""
        install_chores()
        self._initial_read = True
        self._heap = None
        self._dirty.clear()
        self._epoch = epoch

    def _send_due(self, *args: Any, **kwargs: Any) -> float:
        # One call sends one entry and returns 0 while more is due.
        deadline = clock.monotonic() + BUDGET_SECONDS
        wait = 0.0
        while wait <= 0 and clock.monotonic() < deadline:
            wait = super().tick(*args, **kwargs)
        return min(max(wait, IDLE_SECONDS), 1.0)


def install_chores() -> None:
    """Register the housekeeping that is missing; set task names right, leave intervals and switches alone."""
    for chore in housekeeping.CHORES:
        with transaction.atomic():
            every, _ = IntervalSchedule.objects.get_or_create(
                every=chore.every_seconds, period=IntervalSchedule.SECONDS
            )
            new = {"task": chore.task, "interval": every, "queue": housekeeping.QUEUE}
            row, created = PeriodicTask.objects.get_or_create(
                name=chore.name, defaults=new | {"expire_seconds": chore.expires_seconds}
            )
            if not created and (row.task, row.queue) != (chore.task, housekeeping.QUEUE):
                row.task, row.queue = chore.task, housekeeping.QUEUE
                row.save(update_fields=["task", "queue"])


@beat_init.connect
def start_node(sender: Any, **_: Any) -> None:
    """Start the node when beat starts: never in __init__, for celery builds a second scheduler for its banner."""
    if not isinstance(sender.scheduler, BeatScheduler):
        return
    node = SchedulerNode()
    sender.scheduler.node = node
    # Celery's own handler raises SystemExit anywhere, also between a commit and its publish.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sender.stop())
    if settings.HEALTH_PORT is not None:
        _serve(node, settings.HEALTH_HOST, settings.HEALTH_PORT)
    # What is loaded by now stays: each full look through it holds the claim up for a tenth of a second.
    gc.freeze()
    node.start()
    Observer(
        node.metrics.registry,
        watchdog_url=settings.WATCHDOG_URL,
        is_claiming=lambda: node.ready()[0],
        speaks_for_all=lambda: node.may_beat,
        neighbours=Neighbours(),
    ).loop.start()
    logger.info("Scheduler node %s has started.", node.id)


def _serve(node: SchedulerNode, host: str, port: int) -> None:
    """Serve how the node does. Raises SystemExit where the port cannot be had."""
    try:
        health.serve(host, port, live=node.live, ready=node.ready, metrics=node.metrics.render)
    except OSError as error:
        # Any other error celery logs and forgets: beat would go on without its node, and claim nothing.
        raise SystemExit(health.refusal(error)) from None
