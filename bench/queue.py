"""The broker's queue as a worker would see it: how deep it is, and what arrives when."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

import redis

from bench.failures import MeasurementFailed
from platform_scheduler.embedded.waiting import wait_until
from scheduler import clock

NAME = "default"
# kombu's way to keep ten priorities in ten lists.
LISTS = [NAME, *(f"{NAME}\x06\x16{step}" for step in range(1, 10))]
LOOK_SECONDS = 0.004
TAKEN_AT_ONCE = 1_000


@dataclass(slots=True)
class Arrivals:
    """Messages as they were taken, with the monotonic second at which they were seen to be there."""

    batches: list[tuple[float, list[bytes]]] = field(default_factory=list)

    def executions(self) -> Iterator[tuple[UUID, float]]:
        """Yield the id of each message's execution and when it was there."""
        for second, messages in self.batches:
            for message in messages:
                yield UUID(json.loads(message)["headers"]["id"]), second


class Queue:
    """The lists of one queue. No worker may consume from them meanwhile."""

    def __init__(self, store: redis.Redis) -> None:
        self._store = store

    def depth(self) -> int:
        """Return how many messages wait."""
        pipeline = self._store.pipeline(transaction=False)
        for name in LISTS:
            pipeline.llen(name)
        return sum(pipeline.execute())

    def wait_for_depth(self, count: int, *, seconds: float) -> float:
        """Wait until so many messages wait; return the monotonic second. Raises MeasurementFailed."""
        if not wait_until(lambda: self.depth() >= count, seconds=seconds, every=LOOK_SECONDS):
            raise MeasurementFailed(f"{self.depth()} of {count} messages after {seconds:.0f} s.")
        return clock.monotonic()

    def take_until(self, second: float) -> Arrivals:
        """Take what arrives until a monotonic second."""
        arrivals = Arrivals()

        def is_over() -> bool:
            self._take(arrivals)
            return clock.monotonic() >= second

        wait_until(is_over, seconds=second - clock.monotonic() + 1, every=LOOK_SECONDS)
        return arrivals

    def take_all(self) -> Arrivals:
        """Take what waits."""
        arrivals = Arrivals()
        self._take(arrivals)
        return arrivals

    def clear(self) -> None:
        """Forget what waits."""
        self._store.delete(*LISTS)

    def _take(self, arrivals: Arrivals) -> None:
        while taken := self._store.lmpop(len(LISTS), *LISTS, direction="RIGHT", count=TAKEN_AT_ONCE):
            arrivals.batches.append((clock.monotonic(), cast("list[bytes]", taken[1])))


def slot_of(execution: UUID) -> datetime:
    """Return the slot with which an execution's id begins, to the millisecond."""
    return datetime.fromtimestamp((execution.int >> 80) / 1000, tz=UTC)
