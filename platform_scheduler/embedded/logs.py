"""What the programs wrote, and which line of it tells what went wrong."""

from collections.abc import Iterable
from pathlib import Path

FAULT_WORDS = ("FATAL:", "PANIC:", "error:")
# PostgreSQL adds these to a fault; they say nothing alone.
ADDED_WORDS = ("STATEMENT:", "DETAIL:", "HINT:", "CONTEXT:")
# What our own programs say while all is well is no word of why one has ended.
CALM_WORDS = (" DEBUG ", " INFO ")
# Nor is what PostgreSQL says to its clients while it ends or begins.
TO_CLIENTS_WORDS = ("terminating connection", "the database system is starting", "the database system is not yet")
UNTOLD_WORDS = ADDED_WORDS + CALM_WORDS + TO_CLIENTS_WORDS
TAIL_BYTES = 65_536


def last_fault(lines: Iterable[str]) -> str:
    """Pick the last line that names a fault, else the last that may: PostgreSQL says good-bye after its fault."""
    spoken = [line.strip() for line in lines if line.strip() and not _has_one_of(UNTOLD_WORDS, line)]
    faults = [line for line in spoken if _has_one_of(FAULT_WORDS, line)]
    return (faults or spoken or [""])[-1]


def _has_one_of(words: Iterable[str], line: str) -> bool:
    return any(word in line for word in words)


class Log:
    """One program's log; quotes only what was written since this object was made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._start = path.stat().st_size if path.exists() else 0

    def complaint(self) -> str:
        """Quote the line that tells best what went wrong, with the place of the rest."""
        return f"{last_fault(self._fresh().splitlines()) or 'no word of why'} (log: {self.path})"

    def _fresh(self) -> str:
        if not self.path.exists():
            return ""
        size = self.path.stat().st_size
        # A file smaller than it was has been rotated: all of it is new.
        begin = self._start if self._start <= size else 0
        with self.path.open("rb") as file:
            file.seek(max(begin, size - TAIL_BYTES))
            return file.read().decode(errors="replace")
