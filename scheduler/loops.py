"""Loops: threads with a database connection of their own whose body says when to call it again."""

import logging
import select
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg

from scheduler import clock
from scheduler.connections import connect

logger = logging.getLogger(__name__)

RECONNECT_SECONDS = 0.2
RETRY_SECONDS = 1
# Shorter than that: where one part of a body fails each time, the parts behind it have their passes in between.
BUG_SECONDS = 0.5
# After so long a loop that waits for a notice sees that it is to stop.
STOP_SECONDS = 1
LONGEST_PASS_SECONDS = 5
# What two transactions did to each other says nothing against the connection; one that keeps on losing gets another.
CONFLICTS = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
MOST_CONFLICTS = 5
CONFLICT_SECONDS = 0.02

Body = Callable[[psycopg.Connection], float]


@dataclass(slots=True)
class Timer:
    """A part of a loop that is due every `period` seconds.

    `sign` is the SQL condition by which a loop tells beforehand, of all its timers in one look, that there is anything
    to do.
    """

    period: float
    action: Callable[..., object]
    due_at: float = field(default_factory=clock.monotonic)
    sign: LiteralString = "true"
    _is_called: bool = field(default=False, init=False)

    def make_due(self) -> None:
        """Act at the next opportunity, and once more where it is acting right now: it may have looked already."""
        self._is_called = True

    @property
    def seconds_left(self) -> float:
        """Seconds until it is due, 0 where it is."""
        return 0.0 if self._is_called else max(self.due_at - clock.monotonic(), 0.0)

    def run(self, *arguments: Any) -> None:
        """Act where it is time. After an error it is tried a second later, and the parts behind it get their turn."""
        if self._is_called or clock.monotonic() >= self.due_at:
            self._is_called = False
            try:
                self.action(*arguments)
            except Exception:
                self.due_at = clock.monotonic() + RETRY_SECONDS
                raise
            self.due_at = clock.monotonic() + self.period


class Loop(threading.Thread):
    """Calls `body(connection)` until stopped, waiting the seconds that it returns.

    A deadlock or a serialization failure is tried again on the same connection, five times in a row at most. Any other
    database error drops the connection and opens another; any other error is logged and the body called again half a
    second later: a bug in one pass may not end the process that fires everybody's tasks.

    With `gathers_for`, seconds, it is called as soon as its connection has a notice, for which the body LISTENs, though
    not within those seconds after a pass, for more may come.
    """

    def __init__(self, name: str, body: Body, *, waits_for_disk: bool = True, gathers_for: float | None = None) -> None:
        super().__init__(name=name, daemon=True)
        self._body = body
        self._waits_for_disk = waits_for_disk
        self._gathers_for = gathers_for
        self._stopping = threading.Event()
        self.last_pass_at = clock.monotonic()
        self.steady_since: float | None = None
        self.trouble: str | None = None
        self._conflicts = 0

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                with closing(self._connect()) as connection:
                    self._turn(connection)
            except psycopg.Error as error:
                self.trouble = " ".join(str(error).split())
                logger.warning("The loop %s has lost the database: %s", self.name, error)
            except Exception as error:  # nothing may end the thread
                self.trouble = repr(error)
                logger.exception("A pass of the loop %s has failed.", self.name)
            self._stopping.wait(RECONNECT_SECONDS)

    def _connect(self) -> psycopg.Connection:
        return connect(application_name=f"platform-scheduler {self.name}", waits_for_disk=self._waits_for_disk)

    def stop(self) -> None:
        """Ask the loop to end after its current pass."""
        self._stopping.set()

    @property
    def age(self) -> float:
        """Seconds since the last pass that ended well."""
        return clock.monotonic() - self.last_pass_at

    @property
    def steady_seconds(self) -> float:
        """Seconds for which passes have ended well, without a break that an outage or a stopped process makes."""
        if self.steady_since is None or self.age > LONGEST_PASS_SECONDS:
            return 0.0
        return clock.monotonic() - self.steady_since

    def _turn(self, connection: psycopg.Connection) -> None:
        while not self._stopping.is_set():
            try:
                wait = self._body(connection)
            except CONFLICTS as conflict:
                self._stopping.wait(self._after(conflict))
                continue
            except psycopg.Error:
                raise
            except Exception as error:  # the loop outlives a bug in its body
                self.trouble = repr(error)
                logger.exception("A pass of the loop %s has failed.", self.name)
                self._stopping.wait(BUG_SECONDS)
                continue
            self._note(wait)
            if wait > 0:
                self._wait(connection, wait)

    def _wait(self, connection: psycopg.Connection, seconds: float) -> None:
        """Wait, or until a stop, or a notice: whatever comes on a connection that has nothing to answer."""
        if self._gathers_for is None:
            self._stopping.wait(seconds)
            return
        began = clock.monotonic()
        socket = select.poll()
        socket.register(connection.fileno(), select.POLLIN)
        while not self._stopping.is_set() and (left := began + seconds - clock.monotonic()) > 0:
            if socket.poll(min(left, STOP_SECONDS) * 1000):
                gathered = began + min(seconds, self._gathers_for) - clock.monotonic()
                self._stopping.wait(max(gathered, 0))
                return

    def _after(self, conflict: psycopg.Error) -> float:
        """Return how long to wait before the pass is tried again; raise what it lost to for the last time."""
        self._conflicts += 1
        if self._conflicts > MOST_CONFLICTS:
            self._conflicts = 0
            raise conflict
        logger.warning("The loop %s tries again, for the %d. time: %s", self.name, self._conflicts, conflict)
        return CONFLICT_SECONDS * self._conflicts

    def _note(self, wait: float) -> None:
        self.trouble = None
        self._conflicts = 0
        previous, self.last_pass_at = self.last_pass_at, clock.monotonic()
        if self.steady_since is None or self.last_pass_at - previous > wait + LONGEST_PASS_SECONDS:
            self.steady_since = self.last_pass_at
            logger.info("The loop %s runs.", self.name)
