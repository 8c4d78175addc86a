"""How the metrics of a process become text for Prometheus."""

import os
import platform
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import fsum
from threading import Lock

from django.conf import settings
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

NAMESPACE = "platform_scheduler"

# What a scraper accepts, to the body and its content type.
Scrape = Callable[[str], tuple[bytes, str]]

# Seconds between an instant and what should have followed at once.
LATENESS_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0)


def render(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return what `registry` holds, and its content type, in the format that the scraper asks for."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class BuildInfo(Collector):
    """Which code runs here, under which profile."""

    def collect(self) -> Iterator[Metric]:
        """Yield one metric, whose value is always 1."""
        facts = {
            "version": settings.VERSION,
            "profile": os.environ.get("DJANGO_SETTINGS_MODULE", "").rpartition(".")[2],
            "python": platform.python_version(),
        }
        yield InfoMetricFamily(f"{NAMESPACE}_build", "What runs here.", value=facts)


class Named(Collector):
    """A gauge that is 1 for some names, each in some state; the others are not there."""

    def __init__(self, name: str, documentation: str, *labels: str) -> None:
        self._family = f"{NAMESPACE}_{name}", documentation, labels
        self._named: Mapping[str, str] = {}

    def show(self, named: Mapping[str, str]) -> None:
        """Show these names from now on."""
        self._named = named

    def collect(self) -> Iterator[Metric]:
        """Yield the gauge as it stands."""
        name, documentation, labels = self._family
        family = GaugeMetricFamily(name, documentation, labels=labels)
        for one, state in self._named.items():
            family.add_metric([one, str(state)], 1)
        yield family


class Measured(Collector):
    """A gauge a name, of what was measured last."""

    def __init__(self, name: str, documentation: str, label: str) -> None:
        self._family = f"{NAMESPACE}_{name}", documentation, [label]
        self._values: dict[str, float] = {}

    def show(self, values: Mapping[str, float]) -> None:
        """Show these values from now on."""
        self._values = dict(values)

    def collect(self) -> Iterator[Metric]:
        """Yield the gauge as it stands."""
        name, documentation, labels = self._family
        family = GaugeMetricFamily(name, documentation, labels=labels)
        for one, value in self._values.items():
            family.add_metric([one], value)
        yield family


class BatchHistogram(Collector):
    """A histogram that takes a batch at a time: a sort and a search a bucket, where the client's takes 2 µs a value."""

    def __init__(self, name: str, documentation: str, *, buckets: Sequence[float], registry: CollectorRegistry) -> None:
        self._name = f"{NAMESPACE}_{name}"
        self._documentation = documentation
        self._bounds = [*buckets, float("inf")]
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0
        self._lock = Lock()
        registry.register(self)

    def observe(self, values: Iterable[float]) -> None:
        """Count every value in all buckets that it is not above."""
        ordered = sorted(values)
        if not ordered:
            return
        with self._lock:
            for index, bound in enumerate(self._bounds):
                self._counts[index] += bisect_right(ordered, bound)
            self._sum += fsum(ordered)

    def collect(self) -> Iterator[Metric]:
        """Yield the histogram as it stands."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        names = [floatToGoString(bound) for bound in self._bounds]  # type: ignore[no-untyped-call]
        buckets = [(name, float(count)) for name, count in zip(names, counts, strict=True)]
        yield HistogramMetricFamily(self._name, self._documentation, buckets=buckets, sum_value=total)
