"""The Celery tasks by which executions reach a worker, and the step that gives each worker its reporter."""

import gc
import logging
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import psycopg
from billiard import current_process
from celery import bootsteps, current_app, shared_task
from celery.exceptions import Reject
from celery.signals import worker_shutdown, worker_shutting_down
from django.conf import settings

from scheduler import clock, health
from scheduler.connections import connect
from workers import registry
from workers.desk import Desk
from workers.limits import hear_cancels
from workers.run import Runner

logger = logging.getLogger(__name__)

# How long a message waits here for a database that is away, before it goes back to the broker.
DATABASE_PATIENCE_SECONDS = 20
DATABASE_RETRY_SECONDS = 0.5

desk = Desk()


@shared_task(name=settings.EXECUTE_TASK_NAME, acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def execute(*executions: str) -> None:
    """Run executions; the message is acknowledged when they have ended."""
    _execute([UUID(execution) for execution in executions])


@shared_task(name=settings.EXECUTE_LONG_TASK_NAME, acks_late=False, ignore_result=True)
def execute_long(*executions: str) -> None:
    """Run executions that may outlast the broker's patience; the message is acknowledged before they begin."""
    _execute([UUID(execution) for execution in executions])


def _execute(executions: Sequence[UUID]) -> None:
    deadline = clock.monotonic() + DATABASE_PATIENCE_SECONDS
    while True:
        if not desk.await_reporter():
            desk.stop_worker("its reporter is gone")
            raise Reject("the worker has no reporter", requeue=True)
        try:
            follower = _clock()
            _runner().run(follower.connection, executions, now=follower.now())
            return
        except psycopg.Error as error:
            _drop_connection()
            if clock.monotonic() >= deadline:
                raise Reject(str(error), requeue=True) from error
            logger.warning("Execution %s waits for the database: %s", executions[0], error)
            time.sleep(DATABASE_RETRY_SECONDS)


@lru_cache(maxsize=1)
def _clock() -> clock.Follower:
    """Return the clock on this child's connection, opened in the child: one from before the fork would be shared."""
    return clock.Follower(connect(application_name="platform-scheduler worker"))


def _drop_connection() -> None:
    """Close the connection that failed; the next call opens another."""
    if _clock.cache_info().currsize:
        _clock().connection.close()
    _clock.cache_clear()


@lru_cache(maxsize=1)
def _runner() -> Runner:
    hear_cancels()
    slot: int = getattr(current_process(), "index", 0)
    return Runner(node_id=desk.node_id, slot=slot, board=desk.board, pipe=desk.pipe)


@worker_shutting_down.connect
def drain(**_: Any) -> None:
    """Have the children begin nothing more of what they have won."""
    desk.drain()


@worker_shutdown.connect
def close(**_: Any) -> None:
    """Let the reporter finish before this process ends; what is left behind may be killed."""
    desk.close()


class ReporterStep(bootsteps.StartStopStep):
    """Forks the reporter before the pool's children exist, and another whenever one has died."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        registry.load(settings.HANDLER_MODULES)
        # What is loaded by now stays, and the children share it: the collector would look through all of it again and
        # again, and copy it.
        gc.freeze()

    def create(self, worker: Any) -> None:
        try:
            health.require_port()
        except OSError as error:
            # The reporter, which is to listen there, could only die of it again and again.
            raise SystemExit(health.refusal(error)) from None
        desk.open(queues=sorted(queue for queue in worker.app.amqp.queues.consume_from), concurrency=worker.concurrency)

    def start(self, worker: Any) -> None:
        worker.timer.call_repeatedly(1.0, desk.keep_reporter)


current_app.steps["worker"].add(ReporterStep)
