"""Handlers that do not end when they are asked to."""

import signal
import time
from typing import Any

from workers.context import Context
from workers.errors import Cancelled
from workers.registry import Data, handler


@handler("test.deaf")
def deaf(_data: Data, _context: Context) -> None:
    """Goes on when it is asked; a SIGTERM ends it."""
    _go_on()


@handler("test.stubborn")
def stubborn(_data: Data, _context: Context) -> Any:
    """Goes on whatever is said to it; only a SIGKILL ends it."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _go_on()


def _go_on() -> None:
    while True:
        try:
            time.sleep(600)
        except Cancelled:
            continue
