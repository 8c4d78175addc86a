"""The clock: PostgreSQL's, read once a tick or a request and passed on as `now`; no other SQL asks the time."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from scheduler.connections import current

MAX_JUMP = timedelta(seconds=5)
AGREEING_TICKS = 3


def read(connection: psycopg.Connection) -> datetime:
    """Return PostgreSQL's wall clock; unlike its now() it moves inside a transaction."""
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM always has one row
    instant: datetime = row[0]
    return instant


def read_beside(connection: psycopg.Connection, *values: str) -> tuple[Any, ...]:
    """Return PostgreSQL's wall clock and what SQL expressions yield, in one round trip."""
    row = connection.execute(f"SELECT clock_timestamp(), {', '.join(values)}").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM always has one row
    return row


def now() -> datetime:
    """Return PostgreSQL's wall clock through Django's own connection, for views, commands and Celery entry points."""
    return read(current())


def of_machine() -> datetime:
    """Return this machine's wall clock, for checks where no database is there to be asked."""
    return datetime.now(UTC)  # noqa: TID251 - the one place


def monotonic() -> float:
    """Return this process's monotonic seconds: for durations, never for instants."""
    return time.monotonic()


@dataclass(slots=True)
class JumpGuard:
    """Holds the claim while the database's clock and this process's monotonic clock disagree.

    A jump of more than 5 s (a step, a failover to a machine with another clock) holds until three readings
    in a row agree with each other.
    """

    _last: tuple[datetime, float] | None = None
    _agreeing: int = field(default=AGREEING_TICKS)

    def trusts(self, instant: datetime, *, at: float) -> bool:
        """Take one reading, `instant` by the database at monotonic second `at`; tell whether to go on."""
        if self._last is not None:
            expected = self._last[0] + timedelta(seconds=at - self._last[1])
            jumped = abs(instant - expected) > MAX_JUMP
            self._agreeing = 0 if jumped else min(self._agreeing + 1, AGREEING_TICKS)
        self._last = (instant, at)
        return self._agreeing >= AGREEING_TICKS
