"""The pipe from the children to the reporter: one line a finished execution, written whole or not at all."""

import logging
import mmap
import os
import select
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import orjson

from scheduler.engine.states import Status
from scheduler.records import Outcome

logger = logging.getLogger(__name__)

# PIPE_BUF on Linux: a write of at most this many bytes is not mixed with another process's.
LINE_MAX = 4096
RECEIVED_MAX = 8 << 20


class LineTooLong(ValueError):
    """The outcome does not fit into one atomic write; the child stores its texts itself."""


class Pipe:
    """Both ends, made before the fork; the parent keeps both open, so that a new reporter can take over.

    What is received lies in shared memory until it is forgotten: a reporter that dies loses no outcome.
    """

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        # Filled from its beginning; the first zero byte is its end, for no line holds one.
        self._received = mmap.mmap(-1, RECEIVED_MAX)
        self._end = 0
        self._parsed = 0

    def send(self, outcome: Outcome) -> None:
        """Write one line; wait while the pipe is full. Raises LineTooLong."""
        line = encode(outcome)
        if len(line) > LINE_MAX:
            raise LineTooLong
        os.write(self.writing, line)

    def receive(self, *, timeout: float) -> Iterator[Outcome]:
        """Yield what has come within `timeout` seconds, without waiting for more; nothing while there is no room."""
        if not select.select([self.reading], [], [], timeout)[0]:
            return
        with memoryview(self._received) as memory:
            # The last byte stays zero.
            self._end += os.readv(self.reading, [memory[self._end : -1]]) if self._end < RECEIVED_MAX - 1 else 0
        yield from self._parse()

    def recover(self) -> Iterator[Outcome]:
        """Yield what another reporter has received and not written, so far as is known."""
        self._end, self._parsed = self._received.find(b"\0"), 0
        yield from self._parse()

    def forget(self) -> None:
        """Let go of what was received: it is written."""
        rest = self._received[self._parsed : self._end]
        self._received[: self._end] = rest.ljust(self._end, b"\0")
        self._end, self._parsed = len(rest), 0

    def _parse(self) -> Iterator[Outcome]:
        whole = self._received.rfind(b"\n", self._parsed, self._end) + 1
        lines = self._received[self._parsed : whole].split(b"\n")[:-1] if whole else []
        self._parsed = max(self._parsed, whole)
        for line in lines:
            try:
                yield decode(line)
            except (AttributeError, TypeError, ValueError):
                # A handler can write to any descriptor of its process; the leases tell what a lost line meant.
                logger.exception("A line of the pipe cannot be read: %.200r", line)


def encode(outcome: Outcome) -> bytes:
    """Return the outcome as one line of JSON."""
    values = [
        outcome.id,
        outcome.fence,
        outcome.status,
        outcome.ended_at,
        outcome.result,
        outcome.error_message,
        outcome.reason,
        outcome.is_permanent,
        outcome.started_at,
        outcome.has_texts,
    ]
    return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)


def decode(line: bytes) -> Outcome:
    """Return the outcome of one line."""
    execution, fence, status, ended_at, result, error, reason, is_permanent, started_at, has_texts = orjson.loads(line)
    return Outcome(
        UUID(execution),
        fence,
        Status(status),
        ended_at and datetime.fromisoformat(ended_at),
        result,
        error,
        reason,
        is_permanent,
        started_at and datetime.fromisoformat(started_at),
        has_texts,
    )
