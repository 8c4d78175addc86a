"""What Prometheus reads of a scheduler node; counted a batch at a time, for the claim may not wait for it."""

from collections import Counter as Tally
from collections.abc import Callable
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from scheduler import exposition
from scheduler.engine.states import Status, Trigger
from scheduler.exposition import LATENESS_BUCKETS, NAMESPACE, BatchHistogram
from scheduler.firing import Claimed

CLAIM_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

GAUGES = {
    "claim_age_seconds": "Seconds since the claim loop's last good pass.",
    "sweep_age_seconds": "Seconds since the sweep loop's last good pass.",
    "beat_lease_held": "1 where this node sends the housekeeping.",
    "broker_reachable": "0 for a second after the broker did not answer.",
    "claim_held_by_flood": "1 while too many unpublished rows hold the claim.",
    "flow_stopped": "1 while flow control lets nothing go.",
    "flow_held_executions": "Executions that flow control holds, on all nodes; counted up to 200,001.",
    "batches_to_publish": "Claimed batches that wait for this node's publish loop.",
    "unpublished_executions": "QUEUED rows of all nodes that no broker has taken yet; counted up to 200,001.",
}


class NodeMetrics:
    """The metrics of one node, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(exposition.BuildInfo())
        ProcessCollector(registry=self.registry)
        self.claims = self._counter("claims", "Claims committed, with those that found nothing due.")
        self.tasks_claimed = self._counter("tasks_claimed", "Tasks that claims have moved on.")
        self.recorded = self._counter("executions_recorded", "Rows recorded by claims.", "status", "trigger")
        self.conflicts = self._counter("claim_conflicts", "Rows that another copy of a firing had recorded.")
        self.dispatched = self._counter("executions_dispatched", "Executions that the broker has taken.")
        self.messages = self._counter("messages_sent", "Messages in which they went: short ones travel together.")
        self.publish_failures = self._counter("publish_failures", "Turns at the broker that it did not answer.")
        self.released = self._counter("executions_released", "Held and retried executions that were let go.")
        self.lost = self._counter("executions_lost", "Executions that nobody renewed in time.")
        self.swept = self._counter("executions_swept", "Executions that the sweep has repaired.", "cause")
        self.sla_breaches = self._counter("sla_breaches", "Promises of slots found broken, each once.", "promise")
        self.claim_duration = Histogram(
            "claim_duration_seconds",
            "Duration of the claims that moved a task on.",
            namespace=NAMESPACE,
            buckets=CLAIM_BUCKETS,
            registry=self.registry,
        )
        self.claim_lateness = BatchHistogram(
            "claim_lateness_seconds",
            "From slot + jitter to the claim that recorded it; without catch-up, which is late by its nature.",
            buckets=LATENESS_BUCKETS,
            registry=self.registry,
        )

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the text for a scraper that accepts `accept`, and its content type."""
        return exposition.render(self.registry, accept)

    def watch(self, **readers: Callable[[], float]) -> None:
        """Show what these read, at each scrape, as the gauges of their names in GAUGES."""
        for name, read in readers.items():
            gauge = Gauge(name, GAUGES[name], namespace=NAMESPACE, registry=self.registry)
            gauge.set_function(read)

    def count_claim(self, claimed: Claimed, *, seconds: float, now: datetime) -> None:
        """Count one committed claim, made at `now`."""
        self.claims.inc()
        if not claimed.task_count:
            return
        self.claim_duration.observe(seconds)
        self.tasks_claimed.inc(claimed.task_count)
        self.conflicts.inc(claimed.conflict_count)
        for (status, trigger), count in Tally((row.status, row.trigger) for row in claimed.recorded).items():
            self.recorded.labels(status=status, trigger=trigger).inc(count)
        self.claim_lateness.observe(
            (now - row.due_at).total_seconds()
            for row in claimed.recorded
            if row.status is not Status.SKIPPED and row.trigger is Trigger.SCHEDULE
        )

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, namespace=NAMESPACE, registry=self.registry)
