"""Has Python look for garbage cycles less often while thousands of records are held that are none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

# Python's own 700 has it go through everything that a bulk request holds again and again: 40 % of the request.
YOUNG: Final = 100_000

_lock = Lock()
_usual: list[tuple[int, int, int]] = []


@contextmanager
def seldom() -> Iterator[None]:
    """Let this process look for cycles once in 100,000 new objects for as long as some thread is in such a block."""
    with _lock:
        _usual.append(_usual[0] if _usual else gc.get_threshold())
        gc.set_threshold(YOUNG, *_usual[0][1:])
    try:
        yield
    finally:
        with _lock:
            before = _usual.pop()
            if not _usual:
                gc.set_threshold(*before)
