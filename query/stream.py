"""The live stream: one thread of the process reads changes for all clients, each of which takes them at its own pace.

A client holds one thread of the web server and nothing else: no database connection, and no memory beside what is kept
for all. So their number is bounded (`STREAM_CLIENTS`), and the server has that many threads more than requests need.
"""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Final, NamedTuple
from uuid import UUID

import psycopg
from django.conf import settings

from query import frames
from query.frames import RESET, Frames
from scheduler import changes, clock
from scheduler.errors import StreamFull
from scheduler.loops import Loop, Timer

EVERY_SECONDS: Final = 0.25
# What is kept for clients that come back or read slowly: a minute.
MOST_KEPT: Final = 240
# Above so many changes a second they are told by task.
MOST_ONE_BY_ONE: Final = 500
# Of one reading: behind it a client is better off asking anew.
MOST_EXECUTIONS: Final = 20_000
MOST_CHANGES: Final = 5_000
# A number is drawn before its transaction commits, which takes less than that.
OVERDUE_SECONDS: Final = 2.0
SILENCE_SECONDS: Final = 5.0
# A client comes back by itself: so the web processes share them anew, and a token that is revoked reads no longer.
LONGEST_SECONDS: Final = 300.0
# A hub whose last client has left goes on so long: most come back.
LINGER_SECONDS: Final = 30.0
READY_SECONDS: Final = 3.0
LISTEN_EVERY_SECONDS: Final = 5.0
RETRY_MILLISECONDS: Final = 2_000


class Tick(NamedTuple):
    """What the `number`-th reading that found something has found, up to the change `position`.

    Readings are counted, for one that finds a change that was late to commit comes no further.
    """

    number: int
    position: int
    frames: Frames


class Hub:
    """Reads changes while there are clients, and keeps the last ones. One a process."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.position = self.number = 0
        # All changes after this position, and all ticks after this number, are in `ticks`.
        self.floor = self.floor_number = 0
        self.ticks: deque[Tick] = deque()
        self._clients = 0
        self._left_at = 0.0
        self._is_reading = False
        self._known: dict[int, float] = {}
        self._settled = 0
        self._counts: deque[tuple[float, int]] = deque()
        self._listen_timer = Timer(LISTEN_EVERY_SECONDS, self._listen)
        self._loop: Loop | None = None

    def open(self, *, namespace: str | None, after: str | None) -> "Client":
        """Return a client that reads one namespace, or all; `after` is how far it had read before.

        Raises StreamFull, psycopg.OperationalError where the database does not answer.
        """
        with self.changed:
            if self._clients >= settings.STREAM_CLIENTS:
                raise StreamFull
            self._clients += 1
        try:
            self._begin()
            return Client(self, namespace, self._place(after))
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """Note that a client is gone."""
        with self.changed:
            self._clients -= 1
            self._left_at = clock.monotonic()

    @property
    def client_count(self) -> int:
        """How many clients there are."""
        return self._clients

    def turn(self, connection: psycopg.Connection) -> float:
        """Read once, as long as somebody listens or has just left; return after how many seconds to read again."""
        with self.changed:
            if not self._clients and clock.monotonic() - self._left_at > LINGER_SECONDS:
                self._is_reading = False
                self.changed.wait_for(lambda: self._clients, timeout=60)
                return 0
        if not self._is_reading:
            self._restart(connection)
        self._listen_timer.run(connection)
        self._read(connection)
        return EVERY_SECONDS

    def stop(self) -> None:
        """End the thread that reads."""
        if self._loop is not None:
            self._loop.stop()
            self._loop = None
        self._is_reading = False

    def _begin(self) -> None:
        with self.changed:
            if self._loop is None or not self._loop.is_alive():
                self._loop = Loop("stream", self.turn)
                self._loop.start()
            self.changed.notify_all()
            if not self.changed.wait_for(lambda: self._is_reading, timeout=READY_SECONDS):
                raise psycopg.OperationalError("The stream has not begun in time.")

    def _restart(self, connection: psycopg.Connection) -> None:
        """Begin with what changes from now on: nobody may have listened before."""
        self._listen(connection)
        position = changes.last(connection)
        with self.changed:
            self.position = self._settled = position
            self._drop_all()
            self._known.clear()
            self._is_reading = True
            self.changed.notify_all()

    def _listen(self, connection: psycopg.Connection) -> None:
        now = clock.read(connection)
        changes.listen(connection, now=now)
        changes.forget(connection, now=now)

    def _read(self, connection: psycopg.Connection) -> None:
        read = changes.read(connection, after=self._settled, known=self._known, limit=MOST_CHANGES)
        at = clock.monotonic()
        if read:
            found = self._frames(connection, list({one for change in read for one in change.executions}), at=at)
            self._keep(max(self.position, read[-1].id), found)
        self._known |= {change.id: at for change in read}
        while self._known and at - next(iter(self._known.values())) > OVERDUE_SECONDS:
            settled = next(iter(self._known))
            self._settled = max(self._settled, settled)
            del self._known[settled]

    def _frames(self, connection: psycopg.Connection, executions: list[UUID], *, at: float) -> Frames | None:
        """Return the events of these executions, None where they are too many to be told at all."""
        while self._counts and at - self._counts[0][0] >= 1:
            self._counts.popleft()
        self._counts.append((at, len(executions)))
        if len(executions) > MOST_EXECUTIONS:
            return None
        if sum(count for _, count in self._counts) > MOST_ONE_BY_ONE:
            return frames.by_task(connection, executions)
        return frames.one_by_one(connection, executions)

    def _keep(self, position: int, found: Frames | None) -> None:
        with self.changed:
            self.position, self.number = position, self.number + 1
            if found is None:
                self._drop_all()
            else:
                self.ticks.append(Tick(self.number, position, found))
            if len(self.ticks) > MOST_KEPT:
                self.floor_number, self.floor, _ = self.ticks.popleft()
            self.changed.notify_all()

    def _drop_all(self) -> None:
        self.ticks.clear()
        self.floor, self.floor_number = self.position, self.number

    def _place(self, after: str | None) -> "Place":
        """Return from where on a client reads."""
        if after is None:
            return Place(self.position, self.number)
        if not (after.isascii() and after.isdigit() and len(after) <= 18):
            return Place(self.position, self.number, has_missed=True)
        wanted = int(after)
        with self.changed:
            # Another process may be a reading ahead of this one.
            self.changed.wait_for(lambda: self.position >= wanted, timeout=2 * EVERY_SECONDS)
            if not self.floor <= wanted <= self.position:
                return Place(self.position, self.number, has_missed=True)
            before = (tick.number for tick in reversed(self.ticks) if tick.position <= wanted)
            return Place(wanted, next(before, self.floor_number))


class Place(NamedTuple):
    """How far a client has read: up to a change, in a reading; and whether it has missed some before."""

    position: int
    number: int
    has_missed: bool = False


class Client(Iterator[bytes]):
    """What one client reads; whoever iterates waits until there is something to tell, five seconds at most."""

    def __init__(self, hub: Hub, namespace: str | None, place: Place) -> None:
        self._hub = hub
        self._namespace = namespace
        self._position, self._number, has_missed = place
        self._until = clock.monotonic() + LONGEST_SECONDS
        self._is_open = True
        self._beginning: bytes | None = f"retry: {RETRY_MILLISECONDS}\n".encode() + (RESET if has_missed else b"")

    def __next__(self) -> bytes:
        """Return the next events, or how far it has read where nothing has happened for five seconds."""
        if self._beginning is not None:
            text, self._beginning = self._beginning, None
            return text + frames.position(self._position)
        hub, silent_at = self._hub, clock.monotonic() + SILENCE_SECONDS
        with hub.changed:
            while (wait := min(silent_at, self._until) - clock.monotonic()) > 0:
                if text := self._take():
                    return text + frames.position(self._position)
                hub.changed.wait(wait)
        if clock.monotonic() >= self._until:
            raise StopIteration
        return frames.position(self._position)

    def close(self) -> None:
        """Leave the hub; again does nothing."""
        if self._is_open:
            self._is_open = False
            self._hub.leave()

    def _take(self) -> bytes:
        """Return what has been kept since it last took something; a reset where that is not all."""
        hub = self._hub
        has_missed = self._number < hub.floor_number
        behind = [] if has_missed else _behind(hub.ticks, self._number)
        self._position, self._number = hub.position, hub.number
        return RESET if has_missed else b"".join(tick.frames.get(self._namespace, b"") for tick in behind)


def _behind(ticks: deque[Tick], number: int) -> list[Tick]:
    """Return the ticks after a number; most clients lack the last one only."""
    found: list[Tick] = []
    for tick in reversed(ticks):
        if tick.number <= number:
            break
        found.append(tick)
    return found[::-1]


hub: Final = Hub()
