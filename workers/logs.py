"""An execution's log: the first and the last 64 KiB of what was logged while it ran."""

import io
import logging
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from workers.texts import storable

HEAD_BYTES = TAIL_BYTES = 64 * 1024

_SAVE = """
INSERT INTO execution_log (id, head, tail, dropped_bytes) VALUES (%s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET head = excluded.head, tail = excluded.tail, dropped_bytes = excluded.dropped_bytes
"""


@dataclass(slots=True)
class Capture:
    """Keeps whole lines: the head until it is full, then the newest ones."""

    head: list[str] = field(default_factory=list)
    tail: deque[str] = field(default_factory=deque)
    dropped_bytes: int = 0
    _head_size: int = 0
    _tail_size: int = 0

    def add(self, line: str) -> None:
        """Keep a line; one that is longer than the whole log is cut."""
        line = storable(line, HEAD_BYTES - 1)
        size = len(line.encode()) + 1
        if not self.tail and self._head_size + size <= HEAD_BYTES:
            self.head.append(line)
            self._head_size += size
            return
        self.tail.append(line)
        self._tail_size += size
        while self._tail_size > TAIL_BYTES:
            gone = len(self.tail.popleft().encode()) + 1
            self._tail_size -= gone
            self.dropped_bytes += gone

    def save(self, connection: psycopg.Connection, execution: UUID) -> None:
        """Write the log, where there is one."""
        if self.head:
            connection.execute(_SAVE, (execution, "\n".join(self.head), "\n".join(self.tail), self.dropped_bytes))


class _CaptureHandler(logging.Handler):
    """Adds what is logged to the log of what runs in this process, where something does.

    One for all, and left where it is: to make and add one costs as much as a short execution.
    """

    capture: Capture | None = None

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        if self.capture is None:
            return
        try:
            self.capture.add(self.format(record))
        except Exception:  # noqa: BLE001 - a line that cannot be formatted is no reason to fail the execution that logs it
            self.handleError(record)


_handler = _CaptureHandler()


@contextmanager
def captured() -> Iterator[Capture]:
    """Capture what any logger says at INFO and above while the block runs; a block within another has a log alone."""
    root = logging.getLogger()
    if _handler not in root.handlers:  # whoever sets logging up anew takes it away
        root.addHandler(_handler)
    capture = Capture()
    around, _handler.capture = _handler.capture, capture
    try:
        yield capture
    finally:
        _handler.capture = around


class _Printed(io.TextIOBase):
    """Standard output whose whole lines are logged."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("workers.stdout")
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._logger.info("%s", line)
        return len(text)

    def finish(self) -> None:
        """Log what was printed without an end of line."""
        if self._rest:
            self._logger.info("%s", self._rest)


@contextmanager
def prints_logged() -> Iterator[None]:
    """Log what the block prints; not for a run in the foreground, where a debugger prints too."""
    printed = _Printed()
    before, sys.stdout = sys.stdout, printed
    try:
        yield
    finally:
        sys.stdout = before
        printed.finish()
