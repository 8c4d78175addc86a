"""Every metric that some process of the platform exposes, by the names of its series, with its labels."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry

from platform_scheduler import metrics, overload
from scheduler.metrics import GAUGES, NodeMetrics
from scheduler.observation import Observer
from workers.metrics import GAUGES as WORKER_GAUGES
from workers.metrics import WorkerMetrics

assert overload.refusals  # counted in the registry of `metrics`

SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",), "gauge": ("",)}


def series() -> set[str]:
    """Return the names of all series that a process of some profile may show."""
    node, worker, web = NodeMetrics(), WorkerMetrics(), CollectorRegistry()
    node.watch(**dict.fromkeys(GAUGES, float))
    worker.watch(**dict.fromkeys(WORKER_GAUGES, float))
    Observer(node.registry, watchdog_url=None, is_claiming=bool, speaks_for_all=bool)
    web.register(metrics.build)
    return {name for registry in (node.registry, worker.registry, web, metrics.registry) for name in _names(registry)}


def _names(registry: CollectorRegistry) -> Iterator[str]:
    for family in registry.collect():
        yield from (f"{family.name}{suffix}" for suffix in SUFFIXES[family.type])
