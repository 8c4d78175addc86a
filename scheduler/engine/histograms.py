"""Mergeable histograms of milliseconds: counts by bucket, whose quantiles are off by 2 % at most."""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping

LONGEST_MS = 10_000_000_000
_GROWTH = 1.04

Histogram = Mapping[int, int]


def _bounds() -> tuple[int, ...]:
    bounds = [1]
    while bounds[-1] < LONGEST_MS:
        bounds.append(max(bounds[-1] + 1, math.floor(bounds[-1] * _GROWTH)))
    return tuple(bounds)


# Where buckets begin: each whole millisecond up to 50, then 4 % further each time. PostgreSQL sorts values into the
# same buckets by `width_bucket(value, BOUNDS)`. What is stored counts by their numbers: they may never change.
BOUNDS = _bounds()


def bucket(milliseconds: int) -> int:
    """Return the number of the bucket of a value; bucket 0 is what lies below 1, the last one what is longest."""
    return bisect_right(BOUNDS, milliseconds)


def value(number: int) -> float:
    """Return the milliseconds that a bucket stands for: 2 % at most from any whole number in it."""
    if number == 0:
        return 0.0
    least = BOUNDS[number - 1]
    greatest = BOUNDS[number] - 1 if number < len(BOUNDS) else least
    return 2 * least * greatest / (least + greatest)


def merged(histograms: Iterable[Histogram]) -> Counter[int]:
    """Return the histogram of all their values together."""
    total: Counter[int] = Counter()
    for histogram in histograms:
        total.update(histogram)
    return total


def quantile(histogram: Histogram, share: float) -> float | None:
    """Return what at least this share of the values does not exceed (nearest rank), in ms; None where there are none.

    Off by 2 % at most, for values up to LONGEST_MS.
    """
    rank = max(math.ceil(share * sum(histogram.values())), 1)
    for number, count in sorted(histogram.items()):
        rank -= count
        if rank <= 0:
            return value(number)
    return None
