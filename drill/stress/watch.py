"""What is to be seen of a platform under stress, once a second: levels, what is open and why, memory by role."""

from collections import Counter
from dataclasses import dataclass
from threading import Event, Thread

import psycopg

from drill.platform import Platform
from drill.stress.memory import resident
from scheduler import clock
from scheduler.engine.protection import Level

EVERY_SECONDS = 1.0

_OPEN = """
SELECT status || coalesce('/' || reason, ''), count(*) FROM task_execution_history
WHERE status IN ('SCHEDULED', 'QUEUED', 'RUNNING') GROUP BY 1
"""
# Each ends with the load, so that one that is not complete has slots that nobody has recorded yet.
_UNRECORDED = "SELECT count(*) FROM scheduler_tasks WHERE name LIKE 'stress %' AND status = 'ACTIVE'"


@dataclass(frozen=True, slots=True)
class Seen:
    """One look: what is open by status and reason, tasks with slots to record, and bytes in memory by role."""

    at: float
    level: Level
    open: dict[str, int]
    unrecorded: int
    memory: dict[str, int]

    @property
    def open_count(self) -> int:
        """How many executions are open."""
        return sum(self.open.values())

    @property
    def is_calm(self) -> bool:
        """Whether everything goes, every slot is recorded, and nothing is open."""
        return self.level is Level.NORMAL and not self.unrecorded and not self.open_count


class Watch:
    """Looks until it is left."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._ending = Event()
        self._thread = Thread(target=self._watch, name="watch", daemon=True)
        self.seen: list[Seen] = []
        self.loaded_count = 0

    def __enter__(self) -> "Watch":
        self.seen.append(self.look())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def look(self) -> Seen:
        """Look once."""
        with self._platform.engines.connect() as connection:
            (level,) = connection.execute("SELECT level FROM scheduler_protection").fetchone() or ("NORMAL",)
            # In this order: what is recorded between the two is open.
            (unrecorded,) = connection.execute(_UNRECORDED).fetchone() or (0,)
            waiting: dict[str, int] = dict(connection.execute(_OPEN).fetchall())
        return Seen(clock.monotonic(), Level(level), waiting, unrecorded, used(self._platform))

    def has_loaded(self) -> None:
        """Note that the load has ended: what is seen from now on is the recovery."""
        self.loaded_count = len(self.seen)

    def is_calm(self) -> bool:
        """Tell whether all was calm when it was last looked at, since the load has ended."""
        return len(self.seen) > self.loaded_count and self.seen[-1].is_calm

    def saw(self, level: Level) -> bool:
        """Tell whether some look found this level."""
        return any(one.level is level for one in self.seen)

    def said(self) -> str:
        """Return what was seen last, for people."""
        last = self.seen[-1]
        waiting = ", ".join(f"{name} {count:,}" for name, count in sorted(last.open.items())) or "nothing open"
        return f"{last.level}; {waiting}"

    @property
    def under_load(self) -> list[Seen]:
        """What was seen while the load lasted."""
        return self.seen[: self.loaded_count]

    def levels(self) -> Counter[Level]:
        """Return how many looks found each level while the load lasted."""
        return Counter(one.level for one in self.under_load)

    def _watch(self) -> None:
        while not self._ending.wait(EVERY_SECONDS):
            try:
                self.seen.append(self.look())
            except psycopg.Error:
                continue


def used(platform: Platform) -> dict[str, int]:
    """Return the bytes that the platform's own processes have in memory, by role."""
    roles: Counter[str] = Counter()
    for name in platform.names():
        roles[name.partition("-")[0]] += resident(platform.processes.family(name))
    return dict(roles)
