"""Waiting for a condition, bounded in time."""

import time
from collections.abc import Callable
from threading import Event

# Pauses for up to so many seconds; True means that the wait is to be given up.
Pause = Callable[[float], bool]


class Interrupted(Exception):
    """The person who started the wait has asked for the end of it."""


def wait_until(
    condition: Callable[[], object], *, seconds: float, every: float = 0.05, pause: Pause | None = None
) -> bool:
    """Ask until the answer is true or the seconds are over; raise Interrupted if the pause says so."""
    pause = pause or Event().wait
    deadline = time.monotonic() + seconds
    while not condition():
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            return False
        if pause(min(every, remaining)):
            raise Interrupted
    return True
