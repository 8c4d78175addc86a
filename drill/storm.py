"""The storm: faults of a seed, one after the other and side by side, until its time is over and all is repaired."""

import heapq
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from random import Random

from drill.faults import Fault
from drill.findings import Struck
from drill.platform import Platform
from scheduler import clock

# Between two faults; a fault that lasts longer has the next one beside it.
PAUSES = (1.0, 9.0)

Say = Callable[[str], None]


class Storm:
    """Strikes faults for a while. Nothing is struck twice at a time."""

    def __init__(
        self,
        platform: Platform,
        kinds: Sequence[type[Fault]],
        *,
        random: Random,
        say: Say,
        pauses: tuple[float, float] = PAUSES,
    ) -> None:
        self._pauses = pauses
        self._platform = platform
        self._kinds = kinds
        self._random = random
        self._say = say
        self._numbers = count()
        self._under_way: list[tuple[float, int, Fault, datetime]] = []
        self._turns: list[type[Fault]] = []
        self.struck: list[Struck] = []

    def rage(self, *, seconds: float) -> None:
        """Strike for so many seconds, then repair what is still broken."""
        end = clock.monotonic() + seconds
        next_at = clock.monotonic() + self._pause()
        try:
            while (now := clock.monotonic()) < end:
                if self._kinds and now >= next_at:
                    self._strike()
                    next_at = clock.monotonic() + self._pause()
                self._repair(until=now)
                time.sleep(0.02)
        finally:
            self._repair(until=float("inf"))
            self._supervise()

    def strike(self, kind: type[Fault]) -> Fault | None:
        """Begin one fault, unless its victim is down already; it is repaired when its time is over."""
        # A stream of its own: what a fault draws depends on what it finds, and may not change those that follow.
        fault = kind(self._platform, random=Random(self._random.getrandbits(64)))  # noqa: S311
        if fault.victim in {other.victim for _, _, other, _ in self._under_way}:
            return None
        began = self._platform.now()
        fault.begin()
        self._say(f"{fault.name}: {fault.detail}, for {fault.seconds:.1f} s")
        heapq.heappush(self._under_way, (clock.monotonic() + fault.seconds, next(self._numbers), fault, began))
        return fault

    def _strike(self) -> None:
        """Begin the next fault: all kinds have had their turn before one comes again."""
        if not self._turns:
            self._turns = self._random.sample(self._kinds, len(self._kinds))
        self.strike(self._turns.pop())

    def _repair(self, *, until: float) -> None:
        while self._under_way and self._under_way[0][0] <= until:
            _, _, fault, began = heapq.heappop(self._under_way)
            fault.end()
            self.struck.append(
                Struck(fault.name, began, self._platform.now(), may_lose=fault.may_lose, detail=fault.detail)
            )

    def _supervise(self) -> None:
        """Start again what has ended by itself, as the supervisor of an installation does."""
        for name in self._platform.names():
            if not self._platform.processes.is_running(name):
                self._say(f"{name} has ended by itself, and is started again.")
                self._platform.processes.relaunch(name)

    def _pause(self) -> float:
        return self._random.uniform(*self._pauses)
