"""What is made of repeated measurements: percentiles, and the median with its extremes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Summary:
    """One figure over all repetitions, in the order in which they were measured."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def greatest(self) -> float:
        return max(self.values)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the least of the ascending values that at least this share of them does not exceed (nearest rank)."""
    if not ordered:
        raise ValueError("A percentile of nothing.")
    return ordered[max(ceil(share * len(ordered)), 1) - 1]


def percentiles(values: Sequence[float], *, prefix: str) -> dict[str, float]:
    """Return p50, p95, p99 and the maximum under `<prefix> p50` …"""
    ordered = sorted(values)
    return {f"{prefix} {name}": percentile(ordered, share) for name, share in PERCENTILES.items()}


def summarized(samples: Sequence[Mapping[str, float]]) -> dict[str, Summary]:
    """Turn a sample a repetition into a summary a figure, in the order of the first sample."""
    if not samples:
        return {}
    return {name: Summary(tuple(sample[name] for sample in samples)) for name in samples[0]}
