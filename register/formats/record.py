"""What a reader of files hands on: records, and why a file is refused as a whole."""

from dataclasses import dataclass
from typing import Any

from scheduler.errors import Fault

# Of one record, and of one line: as much as the API takes for one task.
MAX_BYTES = 1024 * 1024
MAX_SHOWN = "1 MiB"


class UnreadableFile(Exception):
    """The file cannot be read as records; the message says why and where."""


@dataclass(frozen=True, slots=True)
class Record:
    """One task of a file; `faults` are those of its spelling, `place` is where it stands: `tasks.yaml: tasks[3]`."""

    fields: Any
    faults: tuple[Fault, ...] = ()
    place: str = ""


def misspelt(message: str, *, field: str = "") -> Record:
    """Return a record whose text stands for no fields at all, or for a wrong one."""
    return Record(None, (Fault(field, "invalid", message),))
