"""A worker's desk: what parent, children and reporter share, and the reporter's life."""

import logging
import os
import signal
import time
from collections.abc import Sequence
from uuid import UUID, uuid4

from django.conf import settings

from scheduler import clock
from workers.board import SLOTS, Board
from workers.pipe import Pipe
from workers.reporter import LAST_TRIES, LAST_TRY_SECONDS, Reporter, Worker

logger = logging.getLogger(__name__)

REPORTER_STALE_SECONDS = settings.LEASE_SECONDS
# A machine that was suspended wakes its processes in any order; the reporter turns every quarter of a second.
REPORTER_PATIENCE_SECONDS = 2
REPORTER_RETRY_SECONDS = 0.05
# What a reporter needs at most to write what is left, to a database that restarts meanwhile.
REPORTER_LAST_SECONDS = LAST_TRIES * LAST_TRY_SECONDS + 5
FIRST_CLOSED_DESCRIPTOR = 3


class Desk:
    """Opened in the parent before any fork. The parent keeps both ends of the pipe for the next reporter."""

    node_id: UUID
    board: Board
    pipe: Pipe

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._reporter_pid: int | None = None

    def open(self, *, queues: Sequence[str], concurrency: int) -> None:
        """Lay out board and pipe, take an identity, fork the reporter. Raises ValueError above 256 children."""
        if concurrency > SLOTS:
            raise ValueError(f"A worker has at most {SLOTS} children; start more workers.")
        self.node_id = uuid4()
        self.board = Board(concurrency)
        self.pipe = Pipe()
        self._worker = Worker(self.node_id, os.getpid(), queues, concurrency)
        self.board.reporter_seen_at = clock.monotonic()
        self._reporter_pid = self._fork(self._worker)

    def keep_reporter(self) -> None:
        """Fork another reporter where the last one has died; called by the parent every second."""
        if self._worker is None or self._reporter_pid is None:
            return
        if self._exit_code(self._reporter_pid) is not None:
            logger.error("The reporter has died; another one takes over.")
            self._reporter_pid = self._fork(self._worker)

    def has_reporter(self) -> bool:
        """Tell whether the reporter has turned lately: without one nothing may begin."""
        return clock.monotonic() - self.board.reporter_seen_at < REPORTER_STALE_SECONDS

    def await_reporter(self) -> bool:
        """Tell whether there is a reporter, waiting for the turn of one that has only just woken up with all of us."""
        deadline = clock.monotonic() + REPORTER_PATIENCE_SECONDS
        while not self.has_reporter() and clock.monotonic() < deadline:
            time.sleep(REPORTER_RETRY_SECONDS)
        return self.has_reporter()

    def drain(self) -> None:
        """Have the children begin nothing more of what they have won; called by the parent when it is to end."""
        if self._worker is not None:
            self.board.drain()

    def close(self) -> None:
        """Have the reporter write what is left, and wait for it; called by the parent once its children have ended.

        A container, and much else, kills what a main process leaves behind, or stops the database next. Where somebody
        kills the reporter, another one writes it.
        """
        worker, self._worker = self._worker, None  # `keep_reporter` leaves the rest to this
        if worker is None or self._reporter_pid is None:
            return
        self.board.end()
        deadline = clock.monotonic() + REPORTER_LAST_SECONDS
        while (code := self._exit_code(self._reporter_pid)) is None or code < 0:
            if clock.monotonic() >= deadline:
                logger.error("The reporter has not ended within %d s; it is left behind.", REPORTER_LAST_SECONDS)
                return
            if code is None:
                time.sleep(REPORTER_RETRY_SECONDS)
            else:
                logger.error("The reporter was killed; another one writes what is left.")
                self._reporter_pid = self._fork(worker)

    def stop_worker(self, why: str) -> None:
        """Ask the worker to end, for whoever supervises it to start another; called by a child."""
        logger.critical("The worker stops: %s.", why)
        os.kill(os.getppid(), signal.SIGTERM)

    @staticmethod
    def _exit_code(pid: int) -> int | None:
        """Return None while it runs, a number below zero where a signal has ended it, or nobody knows what."""
        try:
            ended, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:  # somebody else in this process has waited for it
            return -1
        return os.waitstatus_to_exitcode(status) if ended else None

    def _fork(self, worker: Worker) -> int:
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            self._become_reporter(worker)
            status = 0
        except BaseException:  # nothing may return into the parent's code from here
            logger.exception("The reporter failed.")
        finally:
            os._exit(status)

    def _become_reporter(self, worker: Worker) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        low, high = sorted((self.pipe.reading, self.board.descriptor))
        os.closerange(FIRST_CLOSED_DESCRIPTOR, low)
        os.closerange(low + 1, high)
        os.closerange(high + 1, os.sysconf("SC_OPEN_MAX"))
        Reporter(worker, board=self.board, pipe=self.pipe).run()
