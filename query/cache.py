"""Keeps an answer for a second or two: however many ask, it is worked out once."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from scheduler import clock

T = TypeVar("T")

MOST_KEPT = 1_000


@dataclass(slots=True)
class _Entry(Generic[T]):
    """An answer, by the lock under which it is worked out."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    answers: list[T] = field(default_factory=list)
    until: float = 0.0


class Cache(Generic[T]):
    """The answers of this process by key, each for so many seconds. Whoever comes meanwhile waits for the first."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries: dict[Hashable, _Entry[T]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, work_out: Callable[[], T]) -> T:
        """Return the answer that is kept, or work it out; what fails is not kept."""
        entry = self._entry(key)
        with entry.lock:
            if not entry.answers or clock.monotonic() >= entry.until:
                answer = work_out()
                entry.answers[:] = [answer]
                entry.until = clock.monotonic() + self._seconds
            return entry.answers[0]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries = {}

    def _entry(self, key: Hashable) -> _Entry[T]:
        with self._lock:
            if len(self._entries) >= MOST_KEPT:
                self._entries = {}
            return self._entries.setdefault(key, _Entry())
