"""`drill.work`: notes in a file of the drill's own that it began, works or fails as it is told, and notes its end."""

import json
import os
import time
from typing import Any

from drill.definitions import TASK_CLASS
from drill.history import BEGUN, NOTES
from workers.context import Context
from workers.errors import ExpectedFailure, SoftTimeout
from workers.registry import Data, handler

ENDED = "ended"

SCHEMA = {
    "type": "object",
    "properties": {
        "seconds": {"type": "number", "minimum": 0, "description": "How long it works."},
        "failsUntil": {"type": "integer", "minimum": 0, "description": "The last attempt that fails."},
        "isDeaf": {"type": "boolean", "description": "Whether it goes on when its soft limit is raised."},
        "spins": {"type": "boolean", "description": "Whether it holds the interpreter while it works."},
    },
    "additionalProperties": False,
}


@handler(TASK_CLASS, schema=SCHEMA)
def work(data: Data, context: Context) -> dict[str, Any]:
    """Work for a while, as a drill of the platform asks."""
    note(BEGUN, context)
    try:
        if data.get("spins"):
            spin(data["seconds"])
        else:
            wait(data.get("seconds", 0), is_deaf=data.get("isDeaf", False))
        if context.attempt <= data.get("failsUntil", 0):
            raise ExpectedFailure(f"Attempt {context.attempt} was to fail.")
    finally:
        note(ENDED, context)
    return {"pid": os.getpid()}


def wait(seconds: float, *, is_deaf: bool) -> None:
    """Sleep; a deaf one sleeps on when it is told to stop."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        try:
            time.sleep(left)
        except SoftTimeout:
            if not is_deaf:
                raise


def spin(seconds: float) -> None:
    """Hold the interpreter in one C call after the other: no other thread of the process gets a turn."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        sum(range(50_000_000))


def note(event: str, context: Context) -> None:
    """Append one line, whole or not at all; a process that is killed right after it has still written it."""
    values = [
        event,
        str(context.execution_id),
        str(context.task_id),
        context.attempt,
        context.fence,
        os.getpid(),
        time.monotonic(),
    ]
    descriptor = os.open(os.environ[NOTES], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, json.dumps(values).encode() + b"\n")
    finally:
        os.close(descriptor)
