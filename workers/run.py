"""Runs one execution in a child process: win it, call its handler, say how it ended."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
from django.conf import settings

from scheduler import clock, namespaces, transitions
from scheduler.records import Outcome, Started
from workers import outcomes, registry, task_data
from workers.board import Board
from workers.context import Context
from workers.errors import UnknownHandler
from workers.limits import HARD_LIMIT_GRACE_SECONDS, cancellable, soft_limit
from workers.logs import Capture, captured, prints_logged
from workers.masking import Mask
from workers.outcomes import REASON_MAX_BYTES, Ending
from workers.pipe import LineTooLong, Pipe
from workers.texts import storable

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=settings.LEASE_SECONDS)

_PREVIOUS_SUCCESS = """
SELECT h.scheduled_for FROM task_execution_history h
WHERE h.task_id = %s AND h.id < %s AND h.status = 'SUCCESS' ORDER BY h.id DESC LIMIT 1
"""


class Runner:
    """One child's way of running executions: its slot on the board, its end of the pipe, its connection."""

    def __init__(self, *, node_id: UUID, slot: int, board: Board, pipe: Pipe) -> None:
        self._node_id = node_id
        self._slot = slot
        self._board = board
        self._pipe = pipe

    def run(self, connection: psycopg.Connection, execution: UUID, *, now: datetime) -> None:
        """Run the execution, unless somebody else has it: a message that comes twice does nothing.

        Raises psycopg.Error only before the handler was called.
        """
        began = clock.monotonic()
        started = transitions.start(
            connection, execution, node_id=str(self._node_id), lease_expires_at=now + LEASE, now=now
        )
        if started is None:
            logger.info("Execution %s is not to be started: it was started, cancelled or deleted.", execution)
            return
        if self._hands_back(connection, started, now):
            return
        self._board.put(
            self._slot,
            pid=os.getpid(),
            deadline=began + started.timeout_seconds + HARD_LIMIT_GRACE_SECONDS,
            execution=started.id,
            fence=started.fence,
        )
        try:
            with captured() as log, prints_logged():
                ending = call(started, connection, node_id=self._node_id, limit=self._limit)
            ended_at = started.started_at + timedelta(seconds=clock.monotonic() - began)
            self._save_log(connection, log, started)
            self._report(connection, started, ending, ended_at)
        finally:
            self._board.clear(self._slot)

    @contextmanager
    def _limit(self, seconds: float) -> Iterator[None]:
        with cancellable(lambda: self._board.is_cancel_asked(self._slot)), soft_limit(seconds):
            yield

    def _hands_back(self, connection: psycopg.Connection, started: Started, now: datetime) -> bool:
        """Give an execution whose class this worker lacks to another worker, once."""
        if started.handed_back_count > 0 or _is_known(started.task_class):
            return False
        reason = storable(f"Node {self._node_id} has no handler {started.task_class}.", REASON_MAX_BYTES)
        logger.warning("Execution %s is handed back: %s", started.id, reason)
        transitions.hand_back(connection, started.id, fence=started.fence, reason=reason, now=now)
        return True

    def _save_log(self, connection: psycopg.Connection, log: Capture, started: Started) -> None:
        try:
            log.save(connection, started.id)
        except psycopg.Error as error:
            logger.warning("The log of execution %s was not saved: %s", started.id, error)

    def _report(self, connection: psycopg.Connection, started: Started, ending: Ending, ended_at: datetime) -> None:
        outcome = Outcome(
            started.id,
            started.fence,
            ending.status,
            ended_at,
            result=ending.result,
            error_message=ending.error_message,
            reason=ending.reason,
            is_permanent=ending.is_permanent,
        )
        try:
            self._pipe.send(outcome)
        except LineTooLong:
            self._finish_here(connection, outcome, ended_at)

    def _finish_here(self, connection: psycopg.Connection, outcome: Outcome, ended_at: datetime) -> None:
        """Write what does not fit into a line of the pipe; without a database its texts are cut until it fits."""
        # Off the board first: the reporter takes a row that is no longer RUNNING for one that was lost.
        self._board.clear(self._slot)
        try:
            transitions.finish(connection, [outcome], now=ended_at)
        except psycopg.Error as error:
            logger.warning("The result of execution %s is cut, for the database is away: %s", outcome.id, error)
            self._pipe.send(outcomes.cut(outcome))


def call(
    started: Started,
    connection: psycopg.Connection,
    *,
    node_id: object,
    limit: Callable[[float], AbstractContextManager[None]] = soft_limit,
) -> Ending:
    """Call the handler within its soft limit; whatever it raises is its ending, not ours."""
    try:
        handler = registry.find(started.task_class)
    except UnknownHandler as error:
        return outcomes.unknown(error, node_id=node_id)
    mask = outcomes.NOTHING_HIDDEN
    try:
        data, mask = task_data.prepare(
            started, handler, find_secret_names=lambda: namespaces.secret_names(connection, started.namespace)
        )
        if faults := handler.faults(data):
            return outcomes.refused(faults, mask=mask)
        with mask.over_logs(), limit(started.timeout_seconds):
            value = handler.function(data, _context(started, connection, mask))
        return outcomes.returned(value, mask=mask)
    except BaseException as error:  # noqa: BLE001 - SoftTimeout, SystemExit, CancelledError: a handler raises anything
        return outcomes.raised(error, timeout_seconds=started.timeout_seconds, mask=mask)


def _is_known(task_class: str) -> bool:
    try:
        registry.find(task_class)
    except UnknownHandler:
        return False
    return True


def _context(started: Started, connection: psycopg.Connection, mask: Mask) -> Context:
    def find_previous_success() -> datetime | None:
        row = connection.execute(_PREVIOUS_SUCCESS, (started.task_id, started.id)).fetchone()
        return row[0] if row else None

    return Context(
        execution_id=started.id,
        task_id=started.task_id,
        task_name=started.task_name,
        namespace=started.namespace,
        scheduled_for=started.scheduled_for,
        started_at=started.started_at,
        attempt=started.attempt,
        fence=started.fence,
        trigger=started.trigger,
        run_id=started.run_id,
        timeout_seconds=started.timeout_seconds,
        find_previous_success=find_previous_success,
        time_zone=started.time_zone,
        mask=mask,
    )
