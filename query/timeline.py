"""What ended, what is open and what comes, interval by interval: one service for the API and the dashboard."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection

from query import ended
from query.cache import Cache
from query.numbers import EXECUTIONS, TASKS, link
from scheduler.engine.identity import lower_bound
from scheduler.engine.states import FINAL, OPEN
from scheduler.periods import AHEAD

KEPT_SECONDS: Final = 2.0
MOST_OPEN: Final = 100_000
MOST_COMING: Final = 20_000

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How far back and ahead a timeline reaches, in intervals of which length."""

    back: timedelta
    ahead: timedelta
    every: timedelta


WINDOWS: Final = {
    "1h": Window(back=timedelta(hours=1), ahead=timedelta(minutes=30), every=timedelta(minutes=1)),
    "6h": Window(back=timedelta(hours=6), ahead=timedelta(hours=2), every=timedelta(minutes=5)),
    "24h": Window(back=timedelta(hours=24), ahead=timedelta(hours=6), every=timedelta(minutes=15)),
    "7d": Window(back=timedelta(days=7), ahead=timedelta(days=1), every=timedelta(hours=1)),
    "30d": Window(back=timedelta(days=30), ahead=timedelta(days=7), every=timedelta(hours=6)),
}
DEFAULT_WINDOW: Final = "24h"


@dataclass(frozen=True, slots=True)
class Interval:
    """Executions by status of the slots in begin <= slot < end, and how many tasks fire next in it.

    `coming` is None where too many tasks fire before it to be counted.
    """

    begin: datetime
    end: datetime
    counts: Mapping[str, int]
    coming: int | None

    @property
    def executions_link(self) -> str:
        """The list of its executions; with a status, of those that one number counts."""
        return link(EXECUTIONS, startDate=self.begin, endDate=self.end - _MICROSECOND)

    @property
    def coming_link(self) -> str:
        """The list of the tasks that fire next in it."""
        return link(TASKS, nextAfter=self.begin, nextBefore=self.end)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The intervals of a window, oldest first, as they were at `at`, in one namespace or in all."""

    at: datetime
    namespace: str | None
    window: str
    every: timedelta
    intervals: tuple[Interval, ...]


kept: Cache[Timeline] = Cache(KEPT_SECONDS)


def timeline(name: str, *, namespace: str | None, now: datetime) -> Timeline:
    """Return the timeline of one of WINDOWS, as it is, or was up to two seconds ago."""
    return kept.get((connection.alias, name, namespace), lambda: _timeline(name, namespace, now))


def _timeline(name: str, namespace: str | None, now: datetime) -> Timeline:
    window = WINDOWS[name]
    begin, end = _floor(now - window.back, window.every), _floor(now + window.ahead, window.every) + window.every
    asked = {"begin": begin, "end": end, "every": window.every, "namespace": namespace}
    past = ended.by_interval(begin, end, every=window.every, namespace=namespace)
    opened, coming = _open(asked, now=now), _coming(asked)
    return Timeline(
        now,
        namespace,
        name,
        window.every,
        tuple(
            Interval(
                start,
                start + window.every,
                {status: past.get(start, {}).get(status, 0) for status in sorted(FINAL)} | opened[start],
                coming.get(start, 0) if coming.reaches(start + window.every) else None,
            )
            for start in (begin + number * window.every for number in range((end - begin) // window.every))
        ),
    )


_OPEN = """
SELECT date_bin(%(every)s, scheduled_for, %(begin)s) AS began, status, count(*) FROM (
    SELECT scheduled_for, status FROM task_execution_history
    WHERE status IN ('QUEUED', 'RUNNING', 'SCHEDULED') AND id >= %(low)s AND id < %(high)s
        AND scheduled_for >= %(begin)s AND scheduled_for < %(end)s
        AND (%(namespace)s::text IS NULL OR namespace = %(namespace)s)
    LIMIT %(limit)s
) bounded GROUP BY began, status ORDER BY began, status
"""


def _open(asked: Mapping[str, Any], *, now: datetime) -> Mapping[datetime, dict[str, int]]:
    opened: dict[datetime, dict[str, int]] = defaultdict(lambda: dict.fromkeys(sorted(OPEN), 0))
    bounds = {"low": lower_bound(asked["begin"]), "high": lower_bound(now + AHEAD), "limit": MOST_OPEN}
    for began, status, count in _read(_OPEN, {**asked, **bounds}):
        opened[began][status] = count
    return opened


# As far as they are counted they are the first that fire, in the order of an index: with bounds on when they fire, too,
# PostgreSQL expects a share of a share, few enough to sort all.
_COMING = """
SELECT date_bin(%(every)s, fires_at, %(begin)s) AS began, count(*), max(claim_at) FROM (
    SELECT next_execution_time AS fires_at, claim_at FROM scheduler_tasks
    WHERE claim_at < %(end)s AND (%(namespace)s::text IS NULL OR namespace = %(namespace)s)
    ORDER BY claim_at, id LIMIT %(limit)s
) bounded GROUP BY began ORDER BY began
"""


class _Coming(dict[datetime, int]):
    """By begin of interval how many tasks fire next; known as far as the last one that was read."""

    last: datetime | None = None

    def reaches(self, end: datetime) -> bool:
        return self.last is None or end <= self.last


def _coming(asked: Mapping[str, Any]) -> _Coming:
    rows = _read(_COMING, {**asked, "limit": MOST_COMING})
    coming = _Coming({began: count for began, count, _ in rows})
    if sum(coming.values()) == MOST_COMING:
        coming.last = max(last for _, _, last in rows)
    return coming


def _floor(instant: datetime, every: timedelta) -> datetime:
    return _EPOCH + (instant - _EPOCH) // every * every


def _read(query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
