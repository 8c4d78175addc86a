"""Whether an attempt is tried again, and after how long."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from scheduler.engine.states import Status

BACKOFFS = ("FIXED", "LINEAR", "EXPONENTIAL")
DEFAULT_DELAY_SECONDS = 10
DEFAULT_MAX_DELAY_SECONDS = 3600
RETRYABLE = frozenset({Status.FAILED, Status.TIMED_OUT, Status.LOST})

_LARGEST_SHIFT = 40


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """A task's `retryPolicy`: `backoff`, `delaySeconds`, `maxDelaySeconds`, `jitter`."""

    backoff: str = "EXPONENTIAL"
    delay_seconds: float = DEFAULT_DELAY_SECONDS
    max_delay_seconds: float = DEFAULT_MAX_DELAY_SECONDS
    jitter: bool = True

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "RetryPolicy":
        """Return the policy stored with a task; what it leaves out has the default."""
        return cls(
            backoff=value.get("backoff", "EXPONENTIAL"),
            delay_seconds=value.get("delaySeconds", DEFAULT_DELAY_SECONDS),
            max_delay_seconds=value.get("maxDelaySeconds", DEFAULT_MAX_DELAY_SECONDS),
            jitter=value.get("jitter", True),
        )

    def as_json(self) -> dict[str, Any]:
        """Return the policy as it is stored and shown, with nothing left out."""
        return {
            "backoff": self.backoff,
            "delaySeconds": self.delay_seconds,
            "maxDelaySeconds": self.max_delay_seconds,
            "jitter": self.jitter,
        }

    def delay(self, *, attempt: int, execution: UUID) -> timedelta:
        """Return the wait after failed attempt `attempt` (from 1).

        FIXED: the delay; LINEAR: attempt times it; EXPONENTIAL: it doubles with each attempt; never above the
        maximum. Jitter takes off up to half, by the execution's id: spread out, yet the same on every node.
        """
        factor = {
            "FIXED": 1,
            "LINEAR": attempt,
            "EXPONENTIAL": 1 << min(attempt - 1, _LARGEST_SHIFT),
        }[self.backoff]
        seconds = min(self.delay_seconds * factor, self.max_delay_seconds)
        if self.jitter:
            seconds *= 1 - _fraction(execution) / 2
        return timedelta(seconds=seconds)


def should_retry(outcome: Status, *, attempt: int, max_retry_count: int, retry_on: Collection[str]) -> bool:
    """Tell whether attempt `attempt` (from 1) that ended as `outcome` is followed by another.

    LOST counts as an attempt; CANCELLED is never retried.
    """
    return outcome in RETRYABLE and outcome.value in retry_on and attempt <= max_retry_count


def _fraction(execution: UUID) -> float:
    return int.from_bytes(hashlib.sha256(execution.bytes).digest()[:4], "big") / 2**32
