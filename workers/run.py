"""Runs executions in a child process: win them, call their handlers, say how they ended."""

import json
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from uuid import UUID

import psycopg
from django.conf import settings

from scheduler import clock, logs, namespaces, transitions
from scheduler.dispatch import Outlet
from scheduler.engine.identity import event_of
from scheduler.engine.states import Status
from scheduler.records import Outcome, Started
from workers import catalogue, outcomes, registry, task_data
from workers.board import Board
from workers.context import Context, Event
from workers.errors import UnknownHandler
from workers.event_values import FindEvent
from workers.handback import hand_back
from workers.leftovers import Leftovers
from workers.limits import HARD_LIMIT_GRACE_SECONDS, cancellable, held_back, soft_limit
from workers.logs import Capture, captured, prints_logged
from workers.masking import NOTHING_HIDDEN, Mask
from workers.outcomes import REASON_MAX_BYTES, Ending
from workers.pipe import LineTooLong, Pipe
from workers.texts import storable

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
_NEVER_CANCELLED = nullcontext()

_PREVIOUS_SUCCESS = """
SELECT h.scheduled_for FROM task_execution_history h
WHERE h.task_id = %s AND h.id < %s AND h.status = 'SUCCESS' ORDER BY h.id DESC LIMIT 1
"""


_EVENT = "SELECT id, name, payload, received_at FROM scheduler_events WHERE id = %s"


class Runner:
    """One child's way of running executions: its slot on the board, its end of the pipe, its connection."""

    def __init__(self, *, node_id: UUID, slot: int, board: Board, pipe: Pipe) -> None:
        self._node_id = node_id
        self._slot = slot
        self._board = board
        self._pipe = pipe
        self._outlet = Outlet()
        self._cancellable = cancellable(partial(board.is_cancel_asked, slot))

    def run(self, connection: psycopg.Connection, executions: Sequence[UUID], *, now: datetime) -> None:
        """Run the executions one after another, but those that somebody else has: a message may come twice.

        All are won at once; the reporter takes back what waits behind a long one. Raises psycopg.Error only before a
        handler was called.
        """
        began = clock.monotonic()
        leftovers = Leftovers()
        started = transitions.start_all(
            connection, executions, node_id=str(self._node_id), lease_expires_at=now + LEASE, now=now
        )
        if len(started) < len(executions):
            missing = {str(one) for one in executions} - {str(one.id) for one in started}
            logger.info(
                "Not to be started, for they were started, cancelled or deleted: %s.", ", ".join(sorted(missing))
            )
        won = [one for one in started if not self._hands_back(connection, one, now)]
        if not won:
            return
        self._put(won)
        try:
            self._run_one(connection, won[0], now)
            for position, one in enumerate(won[1:], start=1):
                if not self._goes_on(connection, won[position:], since=began):
                    return
                leftovers.drop()
                self._run_one(connection, one, now + timedelta(seconds=clock.monotonic() - began))
        finally:
            self._board.clear(self._slot)
            leftovers.drop()

    def _put(self, won: Sequence[Started]) -> None:
        first = won[0]
        self._board.put(
            self._slot,
            pid=os.getpid(),
            deadline=_deadline(first),
            execution=first.id,
            fence=first.fence,
            waiting=[(one.id, one.fence) for one in won[1:]],
        )

    def _goes_on(self, connection: psycopg.Connection, left: Sequence[Started], *, since: float) -> bool:
        """Tell whether the next of those that are left may begin, which then stands on the board.

        Not where the worker is to end, nor in a process that has slept for longer than the lease.
        """
        may_begin = not self._board.is_draining and clock.monotonic() - since < LEASE.total_seconds()
        if may_begin and self._board.go_on(self._slot, deadline=_deadline(left[0])):
            return True
        try:
            # Also what the reporter has taken: it may have died over it.
            hand_back(connection, [(one.id, one.fence) for one in left], outlet=self._outlet)
        except psycopg.Error as error:
            logger.warning("%d executions were not handed back, their leases run out: %s", len(left), error)
        return False

    def _run_one(self, connection: psycopg.Connection, started: Started, began_at: datetime) -> None:
        began = clock.monotonic()
        started = started._replace(started_at=began_at)
        with logs.about(execution_id=started.id, task_id=started.task_id):
            with captured() as log, prints_logged():
                ending = call(started, connection, node_id=self._node_id, cancel=self._cancellable)
            _tell_failure(started, ending)
        ended_at = began_at + timedelta(seconds=clock.monotonic() - began)
        self._save_log(connection, log, started)
        self._report(connection, started, ending, ended_at)

    def _hands_back(self, connection: psycopg.Connection, started: Started, now: datetime) -> bool:
        """Give an execution whose class this worker lacks to another worker: once, or while one lives that has it."""
        if _is_known(started.task_class):
            return False
        if started.lacked_by is not None and not catalogue.runs_elsewhere(
            connection, started.id, started.task_class, node=self._node_id, now=now
        ):
            return False
        reason = storable(f"Node {self._node_id} has no handler {started.task_class}.", REASON_MAX_BYTES)
        logger.warning("Execution %s is handed back: %s", started.id, reason)
        held = [(started.id, started.fence)]
        if not transitions.hand_back(connection, held, reason=reason, lacked_by=str(self._node_id), now=now):
            ending = Ending(Status.CANCELLED, error_message="It was asked to end before it began.")
            self._report(connection, started, ending, now)
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
            started_at=started.started_at,
        )
        try:
            self._pipe.send(outcome)
        except LineTooLong:
            self._pipe.send(self._without_texts(connection, outcome))

    def _without_texts(self, connection: psycopg.Connection, outcome: Outcome) -> Outcome:
        """Store the texts that do not fit into a line of the pipe; without a database they are cut until they fit."""
        try:
            transitions.keep_texts(connection, outcome)
        except psycopg.Error as error:
            logger.warning("The result of execution %s is cut, for the database is away: %s", outcome.id, error)
            return outcomes.cut(outcome)
        return replace(outcome, result=None, error_message=None, has_texts=True)


def call(
    started: Started,
    connection: psycopg.Connection,
    *,
    node_id: object,
    limit: Callable[[float], AbstractContextManager[None]] = soft_limit,
    cancel: AbstractContextManager[None] = _NEVER_CANCELLED,
) -> Ending:
    """Call the handler within its soft limit, `cancel` around it; whatever it raises is its ending, not ours."""
    try:
        handler = registry.find(started.task_class)
    except UnknownHandler as error:
        return outcomes.unknown(error, node_id=node_id)
    mask = NOTHING_HIDDEN
    try:
        find_event = _EventOnce(started, connection)
        data, mask = task_data.prepare(
            started,
            handler,
            find_secret_names=lambda: namespaces.secret_names(connection, started.namespace),
            find_event=find_event,
        )
        if faults := handler.faults(data):
            return outcomes.refused(faults, mask=mask)
        with mask.over_logs(), cancel, limit(started.timeout_seconds):
            value = handler.function(data, _context(started, connection, mask, find_event))
        return outcomes.returned(value, mask=mask)
    except BaseException as error:  # noqa: BLE001 - SoftTimeout, SystemExit, CancelledError: a handler raises anything
        return outcomes.raised(error, timeout_seconds=started.timeout_seconds, mask=mask)


def _tell_failure(started: Started, ending: Ending) -> None:
    """Log the first line of what history says, for whoever reads the worker's log alone."""
    if ending.status in (Status.FAILED, Status.TIMED_OUT):
        why = (ending.error_message or "").partition("\n")[0]
        logger.warning("Attempt %d of %s is %s: %s", started.attempt, started.task_class, ending.status, why)


def _deadline(started: Started) -> float:
    return clock.monotonic() + started.timeout_seconds + HARD_LIMIT_GRACE_SECONDS


def _is_known(task_class: str) -> bool:
    try:
        registry.find(task_class)
    except UnknownHandler:
        return False
    return True


class _EventOnce:
    """Returns the event that has started an execution, asked from the database at the first call."""

    def __init__(self, started: Started, connection: psycopg.Connection) -> None:
        self._started = started
        self._connection = connection

    def __call__(self) -> Event | None:
        return self._event

    @cached_property
    def _event(self) -> Event | None:
        event = event_of(self._started.cause)
        if event is None:
            return None
        with held_back():
            row = self._connection.execute(_EVENT, (event,)).fetchone()
        return Event(row[0], row[1], json.loads(row[2]), row[3]) if row else None


def _context(started: Started, connection: psycopg.Connection, mask: Mask, find_event: FindEvent) -> Context:
    def find_previous_success() -> datetime | None:
        with held_back():
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
        find_event=find_event,
        time_zone=started.time_zone,
        mask=mask,
    )
