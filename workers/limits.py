"""What ends a handler before its time: signals that raise SoftTimeout or Cancelled inside it, and only there."""

import signal
import threading

# Beneath `signal.signal`, which up to Python 3.11 asks an enum of each function that it replaces, by an exception: both
# for one execution would cost a tenth of what a short one takes its child.
from _signal import signal as hear  # type: ignore[import-not-found]
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


# Both are used like functions. As generators they would take three times as long, for each execution.
class soft_limit:
    """Raise SoftTimeout in the block once `seconds` have passed; never after the block has ended."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        global _is_armed
        hear(signal.SIGALRM, _raise)
        _is_armed = True
        signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        global _is_armed
        _is_armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)


def _raise(_number: int, _frame: Any) -> None:
    if _is_armed:
        _throw(SoftTimeout)


def hear_cancels() -> None:
    """Set the signal up that a cancel comes by; unheard it would end the process."""
    hear(signal.SIGUSR2, _cancel)


class cancellable:
    """Raise Cancelled in the block once `is_asked` and the signal comes; never after the block has ended."""

    def __init__(self, is_asked: Callable[[], bool]) -> None:
        self._is_asked = is_asked

    def __enter__(self) -> None:
        global _is_cancel_asked
        hear_cancels()
        _is_cancel_asked = self._is_asked
        try:
            if self._is_asked():  # the signal came before the block
                raise Cancelled
        except BaseException:  # also where it comes just now
            _is_cancel_asked = None
            raise

    def __exit__(self, *_: object) -> None:
        global _is_cancel_asked
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
