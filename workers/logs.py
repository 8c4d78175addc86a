"""An execution's log: the first and the last 64 KiB of what was logged while it ran."""

import io
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from workers.texts import storable

HEAD_BYTES = TAIL_BYTES = 64 * 1024

_SAVE = """
INSERT INTO execution_log (id, head, tail, dropped_bytes) VALUES (%s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET head = excluded.head, tail = excluded.tail, dropped_bytes = excluded.dropped_bytes
"""

# One for all: making it costs as much as a short execution's whole log.
_FORMATTER = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")


@dataclass
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
    def __init__(self, capture: Capture) -> None:
        super().__init__(logging.INFO)
        self._capture = capture
        self.setFormatter(_FORMATTER)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._capture.add(self.format(record))
        except Exception:  # noqa: BLE001 - a line that cannot be formatted is no reason to fail the execution that logs it
            self.handleError(record)


@contextmanager
def captured() -> Iterator[Capture]:
    """Capture what any logger says at INFO and above while the block runs."""
    capture = Capture()
    handler = _CaptureHandler(capture)
    logging.getLogger().addHandler(handler)
    try:
        yield capture
    finally:
        logging.getLogger().removeHandler(handler)


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
    try:
        with redirect_stdout(printed):
            yield
    finally:
        printed.finish()
