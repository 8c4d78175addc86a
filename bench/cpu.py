"""CPU seconds of whole classes of processes, from the operating system's own accounts."""

import os
from collections.abc import Callable, Iterable, Mapping

import psutil

from scheduler import clock

# Asked anew at each reading: a postmaster's backends come and go.
Roots = Callable[[], Iterable[int]]

MEBIBYTE = 2**20


class Meter:
    """Reads what each class has used; a class whose processes run elsewhere is left out."""

    def __init__(self, classes: Mapping[str, Roots]) -> None:
        self._classes = classes
        self._before: dict[str, float] = {}

    def start(self) -> None:
        """Count from here."""
        self._before = self._read()

    def now(self) -> dict[str, float]:
        """Return the seconds used so far, a class each."""
        return self._read()

    def spent(self) -> dict[str, float]:
        """Return the seconds used since the start, a class each."""
        return {name: seconds - self._before.get(name, 0.0) for name, seconds in self._read().items()}

    def per_thousand(self, items: int) -> dict[str, float]:
        """Return figures: milliseconds of CPU a thousand items, a class each and all together."""
        spent = self.spent()
        each = {f"{name} CPU ms per 1,000": seconds * 1e6 / items for name, seconds in spent.items()}
        return each | {"all CPU ms per 1,000": sum(spent.values()) * 1e6 / items}

    def _read(self) -> dict[str, float]:
        found = {name: list(roots()) for name, roots in self._classes.items()}
        return {name: sum(map(_tree_seconds, pids)) for name, pids in found.items() if pids}


class Neighbours:
    """Counts from its making how much of the machine was used by others than this process and all that it started."""

    def __init__(self) -> None:
        self._began = clock.monotonic()
        self._before = self._read()

    def percent(self) -> float:
        """Return their share of all cores, in per cent; above some 10 the figures beside it are worth little."""
        available = (clock.monotonic() - self._began) * (psutil.cpu_count() or 1)
        return max(self._read() - self._before, 0.0) / available * 100

    @staticmethod
    def _read() -> float:
        times = psutil.cpu_times()
        busy = sum(times) - times.idle - getattr(times, "iowait", 0.0)
        # Linux counts guests twice: once more as user or nice.
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        return float(busy - guests) - _tree_seconds(os.getpid())


def resident_mebibytes(pid: int) -> float:
    """Return how much memory a process holds."""
    return float(psutil.Process(pid).memory_info().rss) / MEBIBYTE


def largest_bytes(pid: int) -> int:
    """Return how much the process that holds most holds, of one and all below it."""
    root = psutil.Process(pid)
    return max(int(process.memory_info().rss) for process in (root, *root.children(recursive=True)))


def _tree_seconds(pid: int) -> float:
    """Add up a process and all below it; those that have ended are in the account of whoever waited for them."""
    try:
        root = psutil.Process(pid)
        return sum(_own_seconds(process) for process in (root, *root.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0.0


def _own_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # between the listing and the question
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
