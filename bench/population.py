"""Tasks as a company has them, drawn by seed: how often they fire, how long they take, whose they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final
from uuid import UUID

HOUR_MINUTES: Final = 60
DAY_HOURS: Final = 24
# Of a hundred thousand tasks so many fire every five minutes and every hour; most of the others once a day.
FREQUENT: Final = 0.0035
HOURLY: Final = 0.055
WEEKLY: Final = 0.11
LONGEST_DAYS: Final = 45
EVERY_MINUTES: Final = 5

_SUBJECTS = ("billing", "orders", "ledger", "search", "mail", "stock", "payroll", "fraud", "media", "catalogue")
_VERBS = ("export", "import", "clean-up", "report", "sync", "index", "archive", "audit", "notify", "rebuild")
_STATUSES = (("ACTIVE", 95), ("PAUSED", 2), ("COMPLETED", 2), ("DELETED", 1))
# When what runs once a day runs: most of it at night, some with the working day.
_BY_HOUR = (9, 8, 9, 7, 6, 5, 6, 4, 3, 3, 2, 2, 3, 2, 2, 2, 2, 3, 3, 2, 3, 4, 5, 7)
NAMESPACES: Final = 50
CLASSES: Final = 200
QUEUES: Final = ("default", "slow", "reports", "mail", "import", "export", "nightly", "media", "ml", "rare")


@dataclass(slots=True, kw_only=True)
class Member:
    """One task: `kind` frequent, hourly, daily or weekly; `median_ms` drifts by `drift` a day."""

    number: int
    id: UUID
    name: str
    kind: str
    minute: int
    second: int
    hour: int
    weekday: int
    rests_at_weekends: bool
    namespace: str
    task_class: str
    queue: str
    priority: int
    team: str
    is_production: bool
    status: str
    median_ms: float
    drift: float


@dataclass(frozen=True, slots=True)
class Shares:
    """How many of the tasks are of each kind, and how many days of them make the executions wanted."""

    frequent: float
    days: float


def shares(*, tasks: int, executions: int) -> Shares:
    """Return the share of frequent tasks with which so many executions take 45 days at most."""
    others = HOURLY * DAY_HOURS + (1 - HOURLY - WEEKLY - FREQUENT) * 0.9 + WEEKLY / 7
    a_day = DAY_HOURS * HOUR_MINUTES / EVERY_MINUTES
    needed = (executions / tasks / LONGEST_DAYS - others) / a_day
    frequent = min(max(needed, FREQUENT), 1 - HOURLY - WEEKLY)
    return Shares(frequent, executions / tasks / (others + frequent * a_day))


def members(*, tasks: int, frequent: float, seed: int) -> Iterator[Member]:
    """Yield so many tasks, the same for the same seed; the kinds lie mixed."""
    random = Random(f"members {seed}")  # noqa: S311 - the same in every run
    namespaces, classes = _falling(NAMESPACES), _falling(CLASSES)
    for number in range(tasks):
        yield Member(
            number=number,
            id=UUID(int=random.getrandbits(128), version=4),
            name=f"{random.choice(_SUBJECTS)} {random.choice(_VERBS)} {number:07}",
            kind=_kind(random.random(), frequent),
            # Many at the full hour, the others anywhere.
            minute=0 if random.random() < 0.4 else random.randrange(HOUR_MINUTES),
            second=0 if random.random() < 0.8 else random.randrange(60),
            hour=random.choices(range(DAY_HOURS), _BY_HOUR)[0],
            weekday=random.randrange(7),
            rests_at_weekends=random.random() < 0.35,
            namespace=f"team-{_drawn(random, namespaces):02}",
            task_class=f"com.example.tasks.Task{_drawn(random, classes):03}",
            queue=QUEUES[min(int(random.paretovariate(1.2)) - 1, len(QUEUES) - 1)],
            priority=random.choices(range(1, 11), (2, 3, 6, 10, 40, 12, 8, 8, 6, 5))[0],
            team=f"t{random.randrange(40)}",
            is_production=random.random() < 0.8,
            status=random.choices([name for name, _ in _STATUSES], [weight for _, weight in _STATUSES])[0],
            median_ms=_median(random),
            drift=random.gauss(0, 0.004),
        )


def _kind(drawn: float, frequent: float) -> str:
    if drawn < frequent:
        return "frequent"
    if drawn < frequent + HOURLY:
        return "hourly"
    return "weekly" if drawn < frequent + HOURLY + WEEKLY else "daily"


def _median(random: Random) -> float:
    """Return how long a task takes: seconds at most as a rule, one of a thousand for an hour."""
    if random.random() < 0.001:
        return random.uniform(600_000, 7_200_000)
    return min(random.lognormvariate(6, 1.8), 300_000)


def _falling(count: int) -> list[float]:
    """Return accumulated weights by which the first is drawn often and the last hardly ever."""
    return list(accumulate(1 / (number + 1) ** 1.1 for number in range(count)))


def _drawn(random: Random, accumulated: list[float]) -> int:
    return random.choices(range(len(accumulated)), cum_weights=accumulated)[0]
