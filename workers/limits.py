"""The soft limit: an alarm that raises SoftTimeout inside the handler, and only there."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from workers.errors import SoftTimeout

# Between the soft limit and the kill: time for a handler to clean up.
HARD_LIMIT_GRACE_SECONDS = 10

_is_armed = False


@contextmanager
def soft_limit(seconds: float) -> Iterator[None]:
    """Raise SoftTimeout in the block once `seconds` have passed; never after the block has ended."""
    global _is_armed
    signal.signal(signal.SIGALRM, _raise)
    _is_armed = True
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        _is_armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)


def _raise(_number: int, _frame: Any) -> None:
    if _is_armed:
        raise SoftTimeout
