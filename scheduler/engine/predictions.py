"""Predictions: how long a task's next run takes, judged by its last ones, and how far such predictions were off."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from statistics import median
from typing import Final, NamedTuple

# A prediction rests on so many of a task's last runs. Each counts a little less than the one after it, so that it
# follows a drift, and by ranks, so that one run that hung moves nothing.
RECENT: Final = 100
FORGETTING: Final = 0.95
# Where of the last so many runs three of four took longer than three of four before them did, or all that shorter, the
# work has changed, and what was before says nothing any more. Of eight that is chance once in a hundred times.
SPANS: Final = (32, 24, 16, 12, 8)
# Of fewer runs nobody can tell.
FEWEST: Final = 5
# Predictions are judged by the last so many runs, each by what was known before it.
JUDGED: Final = 50

EXPECTED: Final = 0.5
LATEST: Final = 0.9

_MILLISECOND: Final = timedelta(milliseconds=1)
# Sums of weights are off in their last digits.
_TINY: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Durations:
    """What a task's last runs took, in ms, shortest first, and the weights of all up to each."""

    values: tuple[float, ...]
    weights: tuple[float, ...]

    @classmethod
    def of(cls, took_ms: Sequence[float]) -> "Durations | None":
        """Return those of the last runs, given oldest first; None of fewer than FEWEST."""
        recent = _since_change(took_ms[-RECENT:])
        if len(recent) < FEWEST:
            return None
        weighed = sorted((took, FORGETTING**age) for age, took in enumerate(reversed(recent)))
        return cls(tuple(took for took, _ in weighed), tuple(accumulate(weight for _, weight in weighed)))

    def quantile(self, share: float, *, after_ms: float = 0.0) -> float:
        """Return what a run does not exceed with this probability, in ms, given that it has run for `after_ms`.

        A run that has taken longer than all known ones takes as long again in half of all cases, nine times as long
        in one of ten: of such tails nothing better is known.
        """
        first = bisect_left(self.values, after_ms)
        if first == len(self.values):
            return after_ms / (1 - share)
        before = self._before(first)
        wanted = before + share * (self.weights[-1] - before) - _TINY
        return self.values[next(place for place in range(first, len(self.values)) if self.weights[place] >= wanted)]

    def share_beyond(self, limit_ms: float, *, after_ms: float = 0.0) -> float:
        """Return the probability that a run which has run for `after_ms` takes longer than `limit_ms`."""
        if limit_ms < after_ms:
            return 1.0
        first, beyond = bisect_left(self.values, after_ms), bisect_right(self.values, limit_ms)
        if first == len(self.values):
            return after_ms / limit_ms
        return (self.weights[-1] - self._before(beyond)) / (self.weights[-1] - self._before(first))

    def reach(self, after_ms: float) -> bool:
        """Tell whether any known run took as long as this."""
        return self.values[-1] >= after_ms

    def _before(self, place: int) -> float:
        return self.weights[place - 1] if place else 0.0


def _since_change(took_ms: Sequence[float]) -> Sequence[float]:
    """Return the runs since the work has changed, all of them where it has not."""
    for span in SPANS:
        before, lately = sorted(took_ms[:-span]), took_ms[-span:]
        if len(before) < span // 2 or len(before) < FEWEST:
            continue
        low, high = before[len(before) // 4], before[-1 - len(before) // 4]
        if 4 * max(sum(took > high for took in lately), sum(took < low for took in lately)) >= 3 * span:
            return lately
    return took_ms


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How the last runs went against what was predicted of each by those before it.

    `median_error` is what half of them were off by at most, as a share of what they took; `within_p90` is the share
    that took no longer than the p90 said, 0.9 where predictions are right.
    """

    run_count: int
    median_error: float
    within_p90: float


def accuracy(took_ms: Sequence[float]) -> Accuracy | None:
    """Judge predictions by a task's last runs, oldest first; None where no run had FEWEST before it."""
    errors: list[float] = []
    within = 0
    for place in range(max(FEWEST, len(took_ms) - JUDGED), len(took_ms)):
        known, took = Durations.of(took_ms[max(place - RECENT, 0) : place]), took_ms[place]
        if known is None:
            continue
        errors.append(abs(known.quantile(EXPECTED) - took) / max(took, 1))
        within += took <= known.quantile(LATEST)
    return Accuracy(len(errors), median(errors), within / len(errors)) if errors else None


class Outlook(NamedTuple):
    """When a run ends: as likely before as after `expected_end_at`, nine of ten by `latest_end_at`.

    `is_longer_than_known` where it has run for longer than any of those that are known.
    """

    expected_end_at: datetime
    latest_end_at: datetime
    is_longer_than_known: bool


def outlook(durations: Durations, *, begin: datetime, now: datetime, timeout_seconds: int) -> Outlook:
    """Return when a run ends that began at `begin`, or will; no run lives beyond its timeout."""
    after_ms = _run_for(begin, now)
    longest_ms = timeout_seconds * 1000.0

    def end(share: float) -> datetime:
        return begin + min(durations.quantile(share, after_ms=after_ms), max(longest_ms, after_ms)) * _MILLISECOND

    return Outlook(end(EXPECTED), end(LATEST), not durations.reach(after_ms))


def chance_to_miss(durations: Durations, *, begin: datetime, limit: datetime, now: datetime) -> float:
    """Return the probability that a run that began at `begin`, or will, has not ended by `limit`."""
    if limit <= now:
        return 1.0
    return durations.share_beyond((limit - begin) / _MILLISECOND, after_ms=_run_for(begin, now))


def _run_for(begin: datetime, now: datetime) -> float:
    return max((now - begin) / _MILLISECOND, 0.0)
