"""Sees a cancel through: asked at once, terminated after 10 s, killed after 20 s."""

import logging
import os
import signal
from collections.abc import Collection
from contextlib import suppress

from scheduler import clock
from workers.board import Board, Note

logger = logging.getLogger(__name__)

TERMINATED_AFTER_SECONDS = 10
KILLED_AFTER_SECONDS = 20


class Cancels:
    """What children have been asked to end, and since when; lives in the reporter."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._asked: dict[Note, float] = {}
        self._terminated: set[Note] = set()

    def __contains__(self, note: Note) -> bool:
        return note in self._asked

    def ask(self, note: Note) -> None:
        """Raise Cancelled in the handler; once. A child that has moved on since does not take it for its own."""
        if note in self._asked:
            return
        logger.info("Execution %s is asked to end.", note.execution)
        self._asked[note] = clock.monotonic()
        self._board.ask_cancel(note)
        _send(note, signal.SIGUSR2)

    def press(self, running: Collection[Note]) -> list[Note]:
        """Terminate what has not ended after 10 s, and return what is to be killed, after 20 s."""
        self._asked = {note: since for note, since in self._asked.items() if note in running}
        self._terminated &= self._asked.keys()
        now = clock.monotonic()
        for note, since in self._asked.items():
            if now - since >= TERMINATED_AFTER_SECONDS and note not in self._terminated:
                logger.warning("Execution %s goes on; its process %d is terminated.", note.execution, note.pid)
                self._terminated.add(note)
                _send(note, signal.SIGTERM)
        return [note for note, since in self._asked.items() if now - since >= KILLED_AFTER_SECONDS]


def _send(note: Note, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(note.pid, number)
