"""Bundles: which executions travel in one message and run one after another in one child, and which travel alone."""

from collections import Counter
from collections.abc import Sequence
from math import ceil
from typing import Protocol, TypeVar

# What a message holds at most, by number and by the time that its executions are expected to take.
MOST = 20
LONGEST_MS = 50.0

# What is due together goes at least to so many children.
SHARES = 4

# A task's time is known from so many runs on. It is the longest lately: each later run takes a little off, so that
# it lies above nineteen of twenty runs, and one that was exceptional is forgotten after some dozens.
KNOWN_AFTER_RUNS = 20
FORGETTING = 0.97

Kind = tuple[str, int, int]


class Queued(Protocol):
    """What is on its way to the queue; `expected_ms` None: not known, or it may not run twice, and travels alone."""

    @property
    def queue(self) -> str: ...

    @property
    def priority(self) -> int: ...

    @property
    def timeout_seconds(self) -> int: ...

    @property
    def expected_ms(self) -> float | None: ...


Q = TypeVar("Q", bound=Queued)


def bundled(ready: Sequence[Q], *, most: int = MOST) -> list[list[Q]]:
    """Return the executions in bundles of one queue, priority and timeoutSeconds, in the order of their first ones."""
    counts = Counter(_kind(item) for item in ready if item.expected_ms is not None)
    bundles: list[list[Q]] = []
    filling: dict[Kind, tuple[list[Q], float]] = {}
    for item in ready:
        if item.expected_ms is None:
            bundles.append([item])
            continue
        kind, takes_ms = _kind(item), max(item.expected_ms, 1.0)
        bundle, expected_ms = filling.get(kind, ([], 0.0))
        if not bundle or len(bundle) >= _size(counts[kind], most) or expected_ms + takes_ms > LONGEST_MS:
            bundle, expected_ms = [], 0.0
            bundles.append(bundle)
        bundle.append(item)
        filling[kind] = bundle, expected_ms + takes_ms
    return bundles


def _size(count: int, most: int) -> int:
    return min(most, ceil(count / SHARES))


def _kind(item: Queued) -> Kind:
    return item.queue, item.priority, item.timeout_seconds
