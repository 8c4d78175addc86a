"""The database's clock, told by this process without asking it each time: both run on one machine's seconds."""

from datetime import datetime, timedelta

import psycopg

from scheduler import clock

TRIES = 20


class Timeline:
    """Maps monotonic seconds to instants of the database; exact to the shortest of some round trips."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._instant, self._second = min((_reading(connection) for _ in range(TRIES)), key=lambda reading: reading[2])[
            :2
        ]

    def now(self) -> datetime:
        """Return the database's instant, by this process's monotonic clock."""
        return self.at(clock.monotonic())

    def at(self, second: float) -> datetime:
        """Return the instant of a monotonic second."""
        return self._instant + timedelta(seconds=second - self._second)

    def seconds_until(self, instant: datetime) -> float:
        """Return how long it is from now to an instant; negative where it has passed."""
        return (instant - self.now()).total_seconds()


def _reading(connection: psycopg.Connection) -> tuple[datetime, float, float]:
    asked = clock.monotonic()
    instant = clock.read(connection)
    answered = clock.monotonic()
    return instant, (asked + answered) / 2, answered - asked
