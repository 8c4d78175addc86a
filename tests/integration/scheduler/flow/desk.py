"""A desk: set flow control, claim, let go, and look at what became of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from scheduler import claims, firing, flow, releases, throttles
from scheduler.claims import EVERYWHERE
from tests.hot_paths import add_task, execution, executions

STOP: dict[str, Any] = {"mode": "PAUSED"}
FREE: dict[str, Any] = {"mode": "NORMAL"}


def slow(rate: float | None = None, *, at_once: int | None = None, **keys: Any) -> dict[str, Any]:
    return {"mode": "THROTTLED", "maxDispatchPerSecond": rate, "maxConcurrency": at_once, **keys}


@dataclass
class Desk:
    """One scheduler and one operator, at an instant that moves on by hand."""

    connection: psycopg.Connection
    now: datetime

    def set(self, document: dict[str, Any], *, begin: timedelta | None = None, length: timedelta | None = None) -> int:
        starts_at = self.now + (begin or timedelta(0))
        with self.connection.transaction():
            claims.flow_state(self.connection)
            return flow.ask(
                self.connection, document, reason="a test", starts_at=starts_at,
                expires_at=starts_at + length if length else None, actor="olaf", now=self.now,
            )  # fmt: skip

    def add_due(self, count: int, **columns: Any) -> list[UUID]:
        return [add_task(self.connection, next_slot_for=self.now, **columns) for _ in range(count)]

    def claim(self) -> firing.Claimed:
        return firing.claim(self.connection, now=self.now)

    def let_go(self) -> list[UUID]:
        """Let go what may go now, as each tick does."""
        return [one.id for one in throttles.release(self.connection, now=self.now, low=EVERYWHERE)]

    def look(self) -> list[UUID]:
        """Release by the other way, that of overlaps and limits."""
        return [one.id for one in releases.release(self.connection, now=self.now, low=EVERYWHERE)]

    def tick(self, duration: timedelta, *, every: timedelta) -> Iterator[list[UUID]]:
        """Move on in steps; yield what goes at each."""
        end = self.now + duration
        while self.now < end:
            self.now += every
            yield self.let_go()

    def reasons(self) -> list[tuple[str, str | None, str | None]]:
        return [(row["status"], row["reason"], row["held_by"]) for row in executions(self.connection)]

    def statuses(self) -> list[str]:
        return sorted(row["status"] for row in executions(self.connection))

    def priorities(self, ids: list[UUID]) -> list[int]:
        return [execution(self.connection, one)["priority"] for one in ids]

    def keys(self) -> list[tuple[Any, ...]]:
        return self.connection.execute(
            "SELECT key, capacity, rate, is_paused FROM scheduler_permits ORDER BY key"
        ).fetchall()
