"""Has Python's threads take shorter turns while one of them mostly waits for PostgreSQL."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# A thread whose answer has come waits this long for one that computes. Python's own 5 ms are as long as a statement
# takes, so that with six statements a batch it would be PostgreSQL that waits.
SECONDS: Final = 0.0005


@contextmanager
def short() -> Iterator[None]:
    """Have the threads of this process, a command's own, take short turns inside the block."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)
