"""A handler that leaves a line in a file each time it runs, so that a test sees what ran twice, and in which order."""

import time
from pathlib import Path

from workers.context import Context
from workers.registry import Data, handler


@handler("test.note")
def note(data: Data, _context: Context) -> None:
    """Append `line` to `file`, then take `seconds`; so short an append is one write, whoever else writes."""
    with Path(data["file"]).open("a") as file:
        file.write(f"{data['line']}\n")
    time.sleep(data.get("seconds", 0))


@handler("test.note_event")
def note_event(data: Data, context: Context) -> None:
    """Append the number that came with the event to `file`."""
    assert context.event is not None
    with Path(data["file"]).open("a") as file:
        file.write(f"{context.event.payload['number']}\n")
