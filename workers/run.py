"""Runs one execution in a child process: win it, call its handler, say how it ended."""

import json
import logging
import os
from datetime import datetime, timedelta
from uuid import UUID

import psycopg

from scheduler import clock, transitions
from scheduler.records import Outcome, Started
from workers import outcomes, registry
from workers.board import Board
from workers.context import Context
from workers.errors import SoftTimeout, UnknownHandler
from workers.limits import HARD_LIMIT_GRACE_SECONDS, soft_limit
from workers.logs import Capture, captured
from workers.outcomes import Ending
from workers.pipe import LineTooLong, Pipe

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)

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
            with captured() as log:
                ending = call(started, connection)
            ended_at = started.started_at + timedelta(seconds=clock.monotonic() - began)
            self._save_log(connection, log, started)
            self._report(connection, started, ending, ended_at)
        finally:
            self._board.clear(self._slot)

    def _hands_back(self, connection: psycopg.Connection, started: Started, now: datetime) -> bool:
        """Give an execution whose class this worker lacks to another worker, once."""
        if started.handed_back_count > 0 or _is_known(started.task_class):
            return False
        reason = f"Node {self._node_id} has no handler {started.task_class}."
        logger.warning("Execution %s is handed back: %s", started.id, reason)
        return transitions.hand_back(connection, started.id, fence=started.fence, reason=reason, now=now)

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


def call(started: Started, connection: psycopg.Connection) -> Ending:
    """Call the handler within its soft limit; whatever it raises is its ending, not ours."""
    try:
        handler = registry.find(started.task_class)
        data = json.loads(started.task_data or "{}")
        if faults := handler.faults(data):
            return outcomes.refused(faults)
        with soft_limit(started.timeout_seconds):
            value = handler.function(data, _context(started, connection))
        return outcomes.returned(value)
    except (Exception, SoftTimeout, SystemExit) as error:  # noqa: BLE001 - a handler may raise anything, and exit
        return outcomes.raised(error, timeout_seconds=started.timeout_seconds)


def _is_known(task_class: str) -> bool:
    try:
        registry.find(task_class)
    except UnknownHandler:
        return False
    return True


def _context(started: Started, connection: psycopg.Connection) -> Context:
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
    )
