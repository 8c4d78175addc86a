"""What ends a handler before its time: signals that raise SoftTimeout or Cancelled inside it, and only there."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from workers.errors import Cancelled, SoftTimeout
from workers.leftovers import end_statements

# Between the soft limit and the kill: time for a handler to clean up.
HARD_LIMIT_GRACE_SECONDS = 10

_is_armed = False
_is_cancel_asked: Callable[[], bool] | None = None
_is_held = False
_owed: type[BaseException] | None = None


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
        _throw(SoftTimeout)


def hear_cancels() -> None:
    """Set the signal up that a cancel comes by; unheard it would end the process."""
    signal.signal(signal.SIGUSR2, _cancel)


@contextmanager
def cancellable(is_asked: Callable[[], bool]) -> Iterator[None]:
    """Raise Cancelled in the block once `is_asked` and the signal comes; never after the block has ended."""
    global _is_cancel_asked
    hear_cancels()
    _is_cancel_asked = is_asked
    try:
        if is_asked():  # the signal came before the block
            raise Cancelled
        yield
    finally:
        _is_cancel_asked = None


def _cancel(_number: int, _frame: Any) -> None:
    if _is_cancel_asked is not None and _is_cancel_asked():
        _throw(Cancelled)


def _throw(error: type[BaseException]) -> None:
    global _owed
    if _is_held:
        _owed = error
        return
    end_statements()
    raise error


@contextmanager
def held_back() -> Iterator[None]:
    """Hold back what would be raised in the block until it has ended: for a statement of ours, which is short.

    Its connection is everybody's in this child, and one that was interrupted can do nothing more. Signals reach the
    main thread alone, so that there is nothing to hold back in another.
    """
    global _is_held, _owed
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _is_held, _owed = True, None
    try:
        yield
    finally:
        _is_held = False
        if _owed is not None:
            raise _owed
