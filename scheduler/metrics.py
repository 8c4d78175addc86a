"""What Prometheus reads of a scheduler node; counted a batch at a time, for the claim may not wait for it."""

from collections import Counter as Tally
from collections.abc import Callable, Iterator
from datetime import datetime

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scheduler import clock, exposition, queues
from scheduler.engine.sla import Promise
from scheduler.engine.states import Status, Trigger
from scheduler.exposition import LATENESS_BUCKETS, NAMESPACE, BatchHistogram
from scheduler.firing import Claimed
from scheduler.queues import Queue
from scheduler.selfaudit.shown import LastAudits

CLAIM_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)

GAUGES = {
    "claim_age_seconds": "Seconds since the claim loop's last good pass.",
    "sweep_age_seconds": "Seconds since the sweep loop's last good pass.",
    "beat_lease_held": "1 where this node sends the housekeeping.",
    "broker_reachable": "0 for a second after the broker did not answer.",
    "claim_held_by_flood": "1 while too many unpublished rows hold the claim.",
    "flow_stopped": "1 while flow control lets nothing go.",
    "flow_held_executions": "Executions that flow control holds, on all nodes; counted up to 200,001.",
    "circuit_held_executions": "Executions that wait for a circuit, on all nodes; counted up to 200,001.",
    "load_held_executions": "Executions that protection holds, on all nodes; counted up to 200,001.",
    "circuit_held_deliveries": "Deliveries that wait for the circuit of their webhook's host.",
    "shed_priority": "Fresh slots up to this priority are left out by load; 0 where none are.",
    "protection_level": "0 where everything goes, 1 where so many a second do, 2 where only what is critical does.",
    "protection_rate": "So many a second go while less is let go; else 0.",
    "batches_to_publish": "Claimed batches that wait for this node's publish loop.",
    "unpublished_executions": "QUEUED rows of all nodes that no broker has taken yet; counted up to 200,001.",
}

QUEUE_GAUGES: dict[str, tuple[str, Callable[[Queue], float]]] = {
    "queue_depth": ("Executions QUEUED.", lambda one: one.depth),
    "queue_oldest_wait_seconds": ("How long the oldest of them has waited.", lambda one: one.oldest_wait_seconds),
    "queue_running": ("Executions RUNNING.", lambda one: one.running),
    "queue_arrivals_per_second": ("Mean of the last five minutes.", lambda one: one.arrivals_per_second),
    "queue_served_per_second": ("Mean of the last five minutes.", lambda one: one.served_per_second),
    "queue_workers": ("Live workers that take from it.", lambda one: one.workers),
    "queue_suggested_concurrency": ("Executions to be run at once.", lambda one: one.suggested_concurrency),
    "queue_suggested_workers": ("Workers that it should have: for an autoscaler.", lambda one: one.suggested_workers),
}
# Of a database that does not answer an autoscaler is told nothing rather than what once was.
QUEUES_SHOWN_SECONDS = 60


class QueueGauges(Collector):
    """What waits in each queue and how many workers it should have, as it was measured last."""

    def __init__(self) -> None:
        self._queues: list[Queue] = []
        self._measured_at = clock.monotonic()

    def measure(self, connection: psycopg.Connection, now: datetime) -> None:
        """Measure all queues; every node shows all of them."""
        self._queues, self._measured_at = queues.measured(connection, now=now), clock.monotonic()

    def collect(self) -> Iterator[Metric]:
        """Yield a gauge a figure, with the queues as labels."""
        shown = self._queues if clock.monotonic() - self._measured_at < QUEUES_SHOWN_SECONDS else []
        for name, (documentation, read) in QUEUE_GAUGES.items():
            gauge = GaugeMetricFamily(f"{NAMESPACE}_{name}", documentation, labels=["queue"])
            for queue in shown:
                gauge.add_metric([queue.name], read(queue))
            yield gauge


class NodeMetrics:
    """The metrics of one node, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(exposition.BuildInfo())
        self.audits = LastAudits()
        self.registry.register(self.audits)
        ProcessCollector(registry=self.registry)
        self.queues = QueueGauges()
        self.registry.register(self.queues)
        self.claims = self._counter("claims", "Claims committed, with those that found nothing due.")
        self.tasks_claimed = self._counter("tasks_claimed", "Tasks that claims have moved on.")
        self.recorded = self._counter("executions_recorded", "Rows recorded by claims.", "status", "trigger")
        self.skipped = self._counter("executions_skipped", "Slots that claims have recorded as SKIPPED.", "reason")
        self.conflicts = self._counter("claim_conflicts", "Rows that another copy of a firing had recorded.")
        self.dispatched = self._counter("executions_dispatched", "Executions that the broker has taken.")
        self.messages = self._counter("messages_sent", "Messages in which they went: short ones travel together.")
        self.publish_failures = self._counter("publish_failures", "Turns at the broker that it did not answer.")
        self.released = self._counter("executions_released", "Held and retried executions that were let go.")
        self.lost = self._counter("executions_lost", "Executions that nobody renewed in time.")
        self.swept = self._counter("executions_swept", "Executions that the sweep has repaired.", "cause")
        self.measured = exposition.Measured("measured", "What this node has measured last.", "signal")
        self.registry.register(self.measured)
        said = "Executions that wait, by reason, on all nodes; counted up to 200,001 in all."
        self.held = exposition.Measured("held_executions", said, "reason")
        self.registry.register(self.held)
        self.circuit_trips = self._counter("circuit_trips", "Circuits that opened.")
        self.open_circuits = exposition.Named("circuit_open", "1 of circuits that are not closed.", "circuit", "state")
        self.registry.register(self.open_circuits)
        self.sla_breaches = self._counter("sla_breaches", "Promises of slots found broken, each once.", "promise")
        for promise in Promise:
            self.sla_breaches.labels(promise=promise)  # 0 from the start: an increase needs two values
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
        for reason, count in Tally(row.reason for row in claimed.recorded if row.status is Status.SKIPPED).items():
            self.skipped.labels(reason=reason).inc(count)
        self.claim_lateness.observe(
            (now - row.due_at).total_seconds()
            for row in claimed.recorded
            if row.status is not Status.SKIPPED and row.trigger is Trigger.SCHEDULE
        )

    def dispatched_count(self) -> float:
        """Return how many executions the broker has taken from this node."""
        (counter,) = self.dispatched.collect()  # of the registry every gauge would be asked
        return counter.samples[0].value

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, namespace=NAMESPACE, registry=self.registry)
