"""The clock: PostgreSQL's, read once a tick or a request and passed on as `now`; no other SQL asks the time."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from scheduler.connections import current

MAX_JUMP = timedelta(seconds=5)
AGREEING_TICKS = 3
FOLLOWED_SECONDS = 1.0
QUICK_SECONDS = 0.005


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


def of_boot() -> float:
    """Return this machine's seconds since it started, with those that monotonic leaves out: of its suspensions."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(slots=True)
class Follower:
    """PostgreSQL's clock for those that ask many times a second: read once a second, carried on by the machine's.

    Belongs to one connection; another server may have another clock. What it says is at most as old as a quick answer
    took; a step of the server's clock shows within a second.
    """

    connection: psycopg.Connection
    _instant: datetime | None = None
    _at: float = 0.0

    def now(self) -> datetime:
        """Return the instant. Raises psycopg.Error."""
        asked_at = of_boot()
        if self._instant is not None and asked_at - self._at < FOLLOWED_SECONDS:
            return self._instant + timedelta(seconds=asked_at - self._at)
        instant, answered_at = read(self.connection), of_boot()
        # Of a slow answer nobody knows when the server looked at its clock.
        self._instant = instant if answered_at - asked_at < QUICK_SECONDS else None
        self._at = answered_at
        return instant


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
