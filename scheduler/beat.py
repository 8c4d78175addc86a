"""`celery beat` as a scheduler node; the only room that enters django_celery_beat."""

import logging
import signal
from contextlib import closing
from typing import Any

import psycopg
from celery.signals import beat_init
from django.conf import settings
from django.db import DatabaseError, transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from scheduler import clock, health, housekeeping
from scheduler.connections import connect
from scheduler.node import SchedulerNode

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.5
BUDGET_SECONDS = 0.5


class BeatScheduler(DatabaseScheduler):  # type: ignore[misc]
    """Sends the housekeeping while its node holds the beat lease; the node's threads do the rest on every node."""

    # Overrides of celery's and django-celery-beat's own names.
    sync_every_tasks = 1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.node: SchedulerNode | None = None
        self._epoch: int | None = None
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
            return IDLE_SECONDS

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
        health.serve(
            settings.HEALTH_HOST,
            settings.HEALTH_PORT,
            live=node.live,
            ready=node.ready,
            metrics=node.metrics.render,
        )
    node.start()
    logger.info("Scheduler node %s has started.", node.id)
