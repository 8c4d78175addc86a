"""Ctrl-C and its relatives, as something to wait for."""

import os
import select
import signal
from types import FrameType
from typing import Self

ASKS_FOR_THE_END = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Counts the requests to end while it is entered; waits end early with the first of them.

    Not an Event that a handler sets: its lock is not reentrant, and a handler that runs while the main
    thread is inside wait() can stop both for ever. A byte in a pipe has no lock.
    """

    def __init__(self) -> None:
        self.count = 0
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._previous_wakeup = -1
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        self._previous_wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in ASKS_FOR_THE_END:
            # Under `nohup` the end of the terminal is not to be heard. SIGINT is ignored in what a script
            # puts in the background, but a `kill -INT` is meant even there.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._asked)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # as signal() itself gave it
        signal.set_wakeup_fd(self._previous_wakeup)
        os.close(self._reader)
        os.close(self._writer)

    def wait(self, seconds: float) -> bool:
        """Pause until somebody asks for the end; say whether anybody has."""
        return self.count > 0 or self.pause(seconds) or self.count > 0

    def pause(self, seconds: float) -> bool:
        """Pause, cut short by any signal, and never give up: for waits after the first request."""
        if select.select([self._reader], [], [], seconds)[0]:
            os.read(self._reader, 1024)
        return False

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
