"""The pipe from the children to the reporter: one line a finished execution, written whole or not at all."""

import json
import logging
import os
import select
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from scheduler.engine.states import Status
from scheduler.records import Outcome

logger = logging.getLogger(__name__)

# PIPE_BUF on Linux: a write of at most this many bytes is not mixed with another process's.
LINE_MAX = 4096


class LineTooLong(ValueError):
    """The outcome does not fit into one atomic write; the child writes it to the database itself."""


class Pipe:
    """Both ends, made before the fork; the parent keeps both open, so that a new reporter can take over."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        self._rest = b""

    def send(self, outcome: Outcome) -> None:
        """Write one line; wait while the pipe is full. Raises LineTooLong."""
        line = encode(outcome)
        if len(line) > LINE_MAX:
            raise LineTooLong
        os.write(self.writing, line)

    def receive(self, *, timeout: float) -> Iterator[Outcome]:
        """Yield what has come within `timeout` seconds, without waiting for more."""
        if not select.select([self.reading], [], [], timeout)[0]:
            return
        lines = (self._rest + os.read(self.reading, 1 << 20)).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            try:
                yield decode(line)
            except (AttributeError, TypeError, ValueError):
                # A handler can write to any descriptor of its process; the leases tell what a lost line meant.
                logger.exception("A line of the pipe cannot be read: %.200r", line)


def encode(outcome: Outcome) -> bytes:
    """Return the outcome as one line of JSON."""
    values = [
        str(outcome.id),
        outcome.fence,
        outcome.status,
        outcome.ended_at and outcome.ended_at.isoformat(),
        outcome.result,
        outcome.error_message,
        outcome.reason,
        outcome.is_permanent,
    ]
    return json.dumps(values, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def decode(line: bytes) -> Outcome:
    """Return the outcome of one line."""
    execution, fence, status, ended_at, result, error_message, reason, is_permanent = json.loads(line)
    return Outcome(
        UUID(execution),
        fence,
        Status(status),
        ended_at and datetime.fromisoformat(ended_at),
        result,
        error_message,
        reason,
        is_permanent,
    )
