"""The reporter: one process a worker that renews leases, writes outcomes, kills at hard limits and says who is there.

None of this may live in a thread of a child: a handler that holds the interpreter starves it. The children write
what they run on the board and how it ended into the pipe; the reporter turns both into a few statements.
"""

import logging
import os
import signal
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from http.server import ThreadingHTTPServer
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings

from scheduler import clock, health, load, nodes, transitions
from scheduler.connections import connect
from scheduler.dispatch import Outlet
from scheduler.engine.states import Status
from scheduler.errors import BrokerUnavailable
from scheduler.loops import Timer
from scheduler.records import Ended, Outcome
from scheduler.transitions import CANCEL_CHANNEL
from workers import catalogue, registry
from workers.board import TAKEN_AFTER_SECONDS, Board, Note, Won
from workers.cancels import Cancels
from workers.handback import hand_back
from workers.metrics import WorkerMetrics
from workers.outcomes import cut
from workers.pipe import Pipe
from workers.run import LEASE

logger = logging.getLogger(__name__)

TURN_SECONDS = 0.25
# While something waits behind an execution, which may turn out to be a long one.
WATCHFUL_TURN_SECONDS = 0.03
GATHER_SECONDS = 0.015
REMEMBERED = 10_000
MAX_BATCH = 1_000
STALE_SECONDS = 10
# Together shorter than what is left of a lease: a database that restarts meanwhile costs nobody a second run.
LAST_TRIES = 20
LAST_TRY_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Worker:
    """What the reporter says of the worker that it belongs to."""

    node_id: UUID
    pid: int
    queues: Sequence[str]
    concurrency: int


class Reporter:
    """Turns until its worker is gone; a database that is away delays it and loses nothing."""

    def __init__(self, worker: Worker, *, board: Board, pipe: Pipe) -> None:
        self._worker = worker
        self._board = board
        self._pipe = pipe
        self._clock: clock.Follower | None = None
        self._unwritten: list[Outcome] = []
        self._ended: deque[UUID] = deque(maxlen=REMEMBERED)
        self._buried: set[Note] = set()
        self._taken: set[Won] = set()
        self._heard: set[UUID] = set()
        self._outlet = Outlet()
        self._cancels = Cancels(board)
        self._written_at = 0.0
        self._server: ThreadingHTTPServer | None = None
        self._metrics = WorkerMetrics()
        self._metrics.watch(
            executions_running=lambda: len(self._running()),
            worker_slots=lambda: self._worker.concurrency,
            outcomes_unwritten=lambda: len(self._unwritten),
        )
        self._timers = [
            Timer(LEASE.total_seconds() / 4, self._renew),
            Timer(5, self._beat),
            Timer(60, self._announce),
            Timer(60, self._greet_broker),
        ]

    def run(self) -> None:
        """Report until the worker is over, or its parent process has died; then end what its children left."""
        self._serve()
        # A reporter before this one may have died with them in hand.
        self._unwritten += self._pipe.recover()
        self._taken |= set(self._board.taken())
        while self._parent_lives() and not self._board.is_over:
            self.turn(WATCHFUL_TURN_SECONDS if any(note.waiting for note in self._running()) else TURN_SECONDS)
        self._take_leave()

    def _serve(self) -> None:
        """Serve how the worker does. One that took over may find its port taken: then it does its work unseen."""
        if settings.HEALTH_PORT is None:
            return
        try:
            self._server = health.serve(
                settings.HEALTH_HOST,
                settings.HEALTH_PORT,
                live=self._live,
                ready=self._ready,
                metrics=self._metrics.render,
            )
        except OSError as error:
            logger.error("Nobody can see how this worker does: %s", health.refusal(error))

    def turn(self, timeout: float) -> None:
        """Take what the children have sent within `timeout` seconds, write it down, and do what is due."""
        self._board.reporter_seen_at = clock.monotonic()
        self._gather(timeout)
        self._kill_overdue()
        self._bury_dead()
        self._take_waiting()
        try:
            connection = self._open()
            # What waits for another child first: a batch of ends may take a while.
            self._hand_back(connection)
            self._write(connection)
            self._hear_cancels(connection)
            for timer in self._timers:
                timer.run(connection)
        except psycopg.Error as error:
            logger.warning("The reporter has lost the database, %d outcomes wait: %s", len(self._unwritten), error)
            self._close()
        except Exception:  # the reporter outlives a bug in one of its parts: without it nothing may begin
            logger.exception("A part of the reporter's turn has failed.")

    def _running(self) -> list[Note]:
        """Return what the children run, without those that are buried: their notes stay until a slot's next child."""
        notes = list(self._board.running())
        self._buried &= set(notes)
        return [note for note in notes if note not in self._buried]

    def _gather(self, timeout: float) -> None:
        """Take lines from the pipe: the first wakes us, those of the next milliseconds travel with it.

        With a batch in hand that cannot be written the pipe fills up, and then the children wait.
        """
        if len(self._unwritten) >= MAX_BATCH:
            time.sleep(timeout)
            return
        received = list(self._pipe.receive(timeout=timeout))
        deadline = clock.monotonic() + GATHER_SECONDS
        while received and (left := deadline - clock.monotonic()) > 0 and len(received) < MAX_BATCH:
            received += self._pipe.receive(timeout=left)
        self._unwritten += received

    def _drain(self) -> None:
        """Take all that is in the pipe now, however much is in hand: a child that has died may have sent its end."""
        while received := list(self._pipe.receive(timeout=0)):
            self._unwritten += received

    def _write(self, connection: psycopg.Connection) -> None:
        if self._unwritten:
            try:
                written = transitions.finish(connection, self._unwritten, now=self._now())
            except psycopg.OperationalError:
                raise
            except Exception:
                logger.exception("A batch of %d outcomes was refused; they go one by one.", len(self._unwritten))
                written = self._write_singly(connection)
            for outcome in self._unwritten:
                self._ended.append(outcome.id)
                if outcome.id not in written:
                    logger.warning("Execution %s was no longer ours: its end was not written.", outcome.id)
            self._unwritten = []
            self._pipe.forget()
            self._metrics.count_ended(written.values())
        self._written_at = clock.monotonic()

    def _write_singly(self, connection: psycopg.Connection) -> dict[UUID, Ended]:
        """Write outcome by outcome, so that one that is refused costs its texts, at worst itself, and nothing else."""
        written: dict[UUID, Ended] = {}
        now = clock.read(connection)
        for outcome in self._unwritten:
            try:
                written |= self._write_one(connection, outcome, now)
            except psycopg.OperationalError:
                raise
            except Exception:
                logger.exception("The end of execution %s cannot be written; its lease runs out.", outcome.id)
        return written

    def _write_one(self, connection: psycopg.Connection, outcome: Outcome, now: datetime) -> dict[UUID, Ended]:
        try:
            return transitions.finish(connection, [outcome], now=now)
        except psycopg.OperationalError:
            raise
        except (psycopg.Error, UnicodeError) as error:
            bare = replace(outcome, result=None, reason=None, error_message=str(error))
            return transitions.finish(connection, [cut(bare)], now=now)

    def _renew(self, connection: psycopg.Connection) -> None:
        running = [note for note in self._running() if note.execution not in self._ended]
        now = clock.read(connection)
        held = [(note.execution, note.fence) for note in running]
        held += [won for note in self._running() for won in note.waiting]
        owned = transitions.renew(connection, held, lease_expires_at=now + LEASE)
        self._metrics.renewals.inc(len(owned))
        for note in running:
            if note.execution not in owned:
                self._metrics.leases_lost.inc()
                logger.error(
                    "Execution %s was lost to another node; its process %d is killed.", note.execution, note.pid
                )
                if self._kill(note):
                    self._metrics.kills.labels(cause="lease_lost").inc()
            elif owned[note.execution] is not None:
                self._cancels.ask(note)

    def _hear_cancels(self, connection: psycopg.Connection) -> None:
        """Ask at once what somebody has cancelled since the last turn; what is missed here the renewal brings."""
        self._heard |= {UUID(notify.payload) for notify in connection.notifies(timeout=0)}
        if not self._heard:
            return
        running = self._running()
        for note in running:
            if note.execution in self._heard:
                self._cancels.ask(note)
        # What waits behind another execution is asked when it has begun.
        self._heard &= {execution for note in running for execution, _ in note.waiting}

    def _kill_overdue(self) -> None:
        now = clock.monotonic()
        for note in self._running():
            if note.deadline < now:
                self._end_by_force(note, Status.TIMED_OUT, "It did not end within ten seconds of its timeoutSeconds.")

        for note in self._cancels.press(self._running()):
            self._end_by_force(note, Status.CANCELLED, "It did not end when it was asked to, and was killed.")

    def _bury_dead(self) -> None:
        for note in self._running():
            if load.process_lives(note.pid):
                continue
            if note in self._cancels:
                self._end_by_force(note, Status.CANCELLED, "It did not end when it was asked to, and was terminated.")
            else:
                self._end_by_force(note, Status.LOST, f"The process that ran it, {note.pid}, died.")

    def _take_waiting(self) -> None:
        """Take from the children what waits behind an execution that takes long."""
        now = clock.monotonic()
        for note in self._running():
            if note.waiting and now - note.begun_at >= TAKEN_AFTER_SECONDS:
                self._taken |= set(self._board.take(note))

    def _hand_back(self, connection: psycopg.Connection) -> None:
        """Hand back what was taken from children, or left by dead ones; what nobody wants any more is CANCELLED."""
        if self._taken:
            left = hand_back(connection, sorted(self._taken), outlet=self._outlet)
            self._taken = set()
            self._unwritten += [
                Outcome(execution, fence, Status.CANCELLED, error_message="It was asked to end before it began.")
                for execution, fence in left
            ]

    def _end_by_force(self, note: Note, status: Status, message: str) -> None:
        """Kill the child, then write the outcome, unless the child had sent its own: no retry may meet it alive."""
        if not self._kill(note):
            return
        if status is not Status.LOST:  # by somebody else's hand
            self._metrics.kills.labels(cause=status.lower()).inc()
        self._drain()
        # Not cleared on the board: the next child in this slot may have written there already.
        self._buried.add(note)
        self._taken |= set(note.waiting)
        sent = {outcome.id for outcome in self._unwritten}
        if note.execution in sent or note.execution in self._ended:
            return
        logger.warning("Execution %s is %s: %s", note.execution, status, message)
        self._unwritten.append(Outcome(note.execution, note.fence, status, error_message=message))

    def _kill(self, note: Note) -> bool:
        """Kill the child while it still runs what `note` says; tell whether it did, dead or alive.

        Between the check and the kill it may have moved on: then its next execution is LOST.
        """
        if note not in set(self._board.running()):
            return False
        with suppress(ProcessLookupError):
            os.kill(note.pid, signal.SIGKILL)
        return True

    def _beat(self, connection: psycopg.Connection) -> None:
        carries: dict[str, Any] = {
            "queues": list(self._worker.queues),
            "concurrency": self._worker.concurrency,
            "criticalOnly": settings.WORKER_CRITICAL_ONLY,
            "running": [str(note.execution) for note in self._running()],
        }
        node, pid = self._worker.node_id, self._worker.pid
        nodes.heartbeat(connection, clock.read(connection), node=node, role="worker", carries=carries, pid=pid)

    def _announce(self, connection: psycopg.Connection) -> None:
        catalogue.announce(
            connection,
            registry.all_handlers(),
            node=self._worker.node_id,
            queues=self._worker.queues,
            now=clock.read(connection),
        )

    def _greet_broker(self, _connection: psycopg.Connection) -> None:
        """Have a connection to the broker that works: to open one takes longer than what it is for, handing back."""
        with suppress(BrokerUnavailable), self._outlet.broker() as broker:
            broker.depth(self._worker.queues[0])

    def _take_leave(self) -> None:
        """Write what is left once the children are gone, or die with their parent: what they ran is LOST at once."""
        if self._server is not None:
            # The next worker may be starting already, and is to listen there.
            self._server.shutdown()
            self._server.server_close()
        self._drain()
        for note in self._running():
            self._end_by_force(note, Status.LOST, f"Its worker, process {self._worker.pid}, ended.")
        for _ in range(LAST_TRIES):
            try:
                self._hand_back(self._open())
                self._write(self._open())
                nodes.leave(self._open(), clock.read(self._open()), node=self._worker.node_id)
                return
            except psycopg.Error as error:
                logger.warning("%d outcomes are not written yet: %s", len(self._unwritten), error)
                self._close()
                time.sleep(LAST_TRY_SECONDS)
        logger.error("%d outcomes were not written; their leases run out.", len(self._unwritten))

    def _parent_lives(self) -> bool:
        return os.getppid() == self._worker.pid

    def _live(self) -> tuple[bool, dict[str, Any]]:
        return clock.monotonic() - self._board.reporter_seen_at < STALE_SECONDS, self._facts()

    def _ready(self) -> tuple[bool, dict[str, Any]]:
        return clock.monotonic() - self._written_at < STALE_SECONDS, self._facts()

    def _facts(self) -> dict[str, Any]:
        return {
            "node": self._worker.node_id,
            "running": len(self._running()),
            "concurrency": self._worker.concurrency,
            "unwrittenOutcomes": len(self._unwritten),
        }

    def _open(self) -> psycopg.Connection:
        if self._clock is None:
            self._clock = clock.Follower(connect(application_name="platform-scheduler reporter"))
            self._clock.connection.execute(f"LISTEN {CANCEL_CHANNEL}")
        return self._clock.connection

    def _now(self) -> datetime:
        self._open()
        assert self._clock is not None  # noqa: S101 - it has just been opened
        return self._clock.now()

    def _close(self) -> None:
        follower, self._clock = self._clock, None
        if follower is not None:
            follower.connection.close()
