"""What a check can find, and what it is told of the faults that were struck meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from drill.definitions import Closed, Registered
from drill.history import Note, Row


class Kind(StrEnum):
    """A way in which a history can break what is promised."""

    MISSED = "missed"
    DOUBLED = "doubled"
    UNEXPECTED = "unexpected"
    ILLEGAL = "illegal outcome"
    MISCOUNTED = "miscounted range"
    ATTEMPTS = "attempts"
    STARTED_TWICE = "started twice"
    NOT_STARTED = "not started"
    FENCE = "fence"
    OVERLAPPED = "overlapped"
    OPEN = "left open"
    LOST = "lost without cause"


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise: which, of which task, and what was seen."""

    kind: Kind
    task: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.task}: {self.text}"


@dataclass(frozen=True, slots=True)
class Struck:
    """One fault as it was, from its beginning to its repair, by the database's clock."""

    name: str
    began: datetime
    ended: datetime
    may_lose: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that the checker goes by. `lease` is how long a silent worker keeps what it runs."""

    tasks: Sequence[Registered]
    rows: Sequence[Row]
    notes: Sequence[Note]
    faults: Sequence[Struck] = ()
    closed: Closed = field(default_factory=Closed)
    lease: timedelta = timedelta(seconds=30)

    def rows_of(self, task: Registered) -> list[Row]:
        """Return the rows of a task's own slots; runs by hand are not the schedule's."""
        return [row for row in self.rows if row.task_id == task.task_id and row.cause.startswith("slot:")]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a drill: counts of slots, of rows by status, lateness in seconds, and every broken promise."""

    expected: int
    recorded: int
    findings: Sequence[Finding]
    statuses: Mapping[str, int]
    attempts: int
    starts: int
    largest_lateness: float
    largest_quiet_lateness: float
    median_lateness: float
    largest_claim_lateness: float

    def count(self, kind: Kind) -> int:
        """Return how many findings are of a kind."""
        return sum(finding.kind is kind for finding in self.findings)

    @property
    def is_good(self) -> bool:
        """Tell whether every promise was kept."""
        return not self.findings
