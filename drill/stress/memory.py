"""Memory under stress: what the platform's processes take, a process that takes much more, and a limit for them all.

The limit is a control group's as the kernel shows it (version 2), in a folder of the drill's own: few may make a real
one. What is used in it is what the processes really use.
"""

import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Event, Thread

import psutil

EVERY_SECONDS = 0.5
# Takes what its first argument says, and touches every page.
_EATER = """
import sys, time
taken = bytearray(int(sys.argv[1]))
taken[::4096] = b"x" * len(taken[::4096])
time.sleep(1e6)
"""


class MemoryGroup:
    """A group around the processes of a platform; `used` says how many bytes they use, by role."""

    def __init__(self, folder: Path, used: Callable[[], Mapping[str, int]]) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._used = used
        self._limit = 0
        self._eaters: list[psutil.Popen] = []
        self._ending = Event()
        self._thread = Thread(target=self._keep, name="memory", daemon=True)

    def start(self, *, usual_percent: float) -> None:
        """Set the limit so that what is used now is so much of it, and keep the account from now on."""
        self._limit = int(sum(self._used().values()) / usual_percent * 100)
        (self.folder / "memory.max").write_text(str(self._limit))
        self._thread.start()

    def fill(self, percent: float) -> None:
        """Have one more process take memory, until so much of the limit is used."""
        wanted = int(self._limit * percent / 100) - self._all_used()
        if wanted > 0:
            command = [sys.executable, "-c", _EATER, str(wanted)]
            self._eaters.append(psutil.Popen(command, stdout=subprocess.DEVNULL))

    def free(self) -> None:
        """End the processes that have taken memory."""
        while self._eaters:
            eater = self._eaters.pop()
            eater.kill()
            eater.wait()

    def stop(self) -> None:
        """End what was started."""
        self.free()
        self._ending.set()

    def _keep(self) -> None:
        current = self.folder / "memory.current"
        while not self._ending.is_set():
            scratch = current.with_suffix(".new")
            scratch.write_text(str(self._all_used()))
            scratch.replace(current)
            self._ending.wait(EVERY_SECONDS)

    def _all_used(self) -> int:
        return sum(self._used().values()) + resident(list(self._eaters))


def resident(processes: Iterable[psutil.Process]) -> int:
    """Return the bytes in memory of processes, of which some may have ended."""
    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
