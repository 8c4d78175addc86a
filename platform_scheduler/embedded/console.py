"""What `up` shows to the person who started it."""

import os
import sys
from typing import TextIO

from .errors import CannotStart

WIDTH = 14


class Console:
    """One line a step: on a terminal it says what is being waited for, then what has come of it."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()

    def line(self, text: str = "") -> None:
        _write(sys.stdout, f"{self._erase()}{text}\n")

    def doing(self, text: str) -> None:
        """Show what is being waited for, to be replaced by the next line."""
        if self._is_terminal:
            _write(sys.stdout, f"{self._erase()}  … {text}")

    def done(self, what: str, detail: str = "") -> None:
        self.line(f"  ✓ {what:<{WIDTH}} {detail}".rstrip())

    def warn(self, text: str) -> None:
        self.line(f"  ! {text}")

    def refuse(self, refusal: CannotStart) -> None:
        """Say in one line why nothing runs, where errors are read."""
        _write(sys.stdout, self._erase())
        _write(sys.stderr, f"✗ {' '.join(str(refusal).split())}\n")

    def _erase(self) -> str:
        return "\r\x1b[2K" if self._is_terminal else ""


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # Nobody reads any more (`make up | head`): that is no reason to stop what runs. What is left in
        # the buffer goes nowhere, else the interpreter would complain of it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
