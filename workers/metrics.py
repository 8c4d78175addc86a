"""What Prometheus reads of a worker; its reporter counts, batch by batch."""

from collections import Counter as Tally
from collections.abc import Callable, Collection

from prometheus_client import CollectorRegistry, Counter, Gauge

from scheduler import exposition
from scheduler.engine.states import FINAL, Status
from scheduler.exposition import LATENESS_BUCKETS, NAMESPACE, BatchHistogram
from scheduler.records import Ended

DURATION_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 3_600.0, 14_400.0)

GAUGES = {
    "executions_running": "Executions that run now.",
    "worker_slots": "Executions that can run at once.",
    "outcomes_unwritten": "Ends of executions that wait for the database.",
}


class WorkerMetrics:
    """The metrics of one worker, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(exposition.BuildInfo())
        self.executions = self._counter(
            "executions",
            "Executions whose end the reporter wrote.",
            "outcome",
        )
        for status in FINAL - {Status.SKIPPED}:
            self.executions.labels(outcome=status)  # 0 from the start: a rate needs two values
        self.renewals = self._counter("lease_renewals", "Leases renewed.")
        self.leases_lost = self._counter("leases_lost", "Running executions that belonged to another node by then.")
        self.kills = self._counter("kills", "Children ended by force.", "cause")
        self.duration = self._histogram(
            "execution_duration_seconds", "From start to end, of one attempt.", DURATION_BUCKETS
        )
        self.queue_wait = self._histogram(
            "queue_wait_seconds", "From QUEUED to the start, of one attempt.", LATENESS_BUCKETS
        )
        self.start_lateness = self._histogram(
            "start_lateness_seconds", "From slot + jitter to the start, of first attempts.", LATENESS_BUCKETS
        )

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the text for a scraper that accepts `accept`, and its content type."""
        return exposition.render(self.registry, accept)

    def watch(self, **readers: Callable[[], float]) -> None:
        """Show what these read, at each scrape, as the gauges of their names in GAUGES."""
        for name, read in readers.items():
            Gauge(name, GAUGES[name], namespace=NAMESPACE, registry=self.registry).set_function(read)

    def count_ended(self, ended: Collection[Ended]) -> None:
        """Count the executions whose ends were written together."""
        for status, count in Tally(each.status for each in ended).items():
            self.executions.labels(outcome=status).inc(count)
        self.duration.observe((each.ended_at - each.started_at).total_seconds() for each in ended)
        self.queue_wait.observe(
            (each.started_at - each.queued_at).total_seconds() for each in ended if each.queued_at is not None
        )
        self.start_lateness.observe(
            (each.started_at - each.due_at).total_seconds() for each in ended if each.attempt == 1
        )

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, namespace=NAMESPACE, registry=self.registry)

    def _histogram(self, name: str, documentation: str, buckets: tuple[float, ...]) -> BatchHistogram:
        return BatchHistogram(name, documentation, buckets=buckets, registry=self.registry)
