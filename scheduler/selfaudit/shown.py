"""What the last hour of audits has found, as probes and Prometheus are shown it on every node."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from scheduler.exposition import NAMESPACE

SHOWN: Final = timedelta(hours=1)
KINDS: Final = {
    "expected": "Slots that were due.",
    "missed": "Slots that the claim has passed and nothing stands for.",
    "doubled": "Slots that two rows stand for.",
    "late": "Slots that were recorded more than a minute late, or still wait.",
}

_READ = """
SELECT coalesce(sum(expected), 0), coalesce(sum(missed), 0), coalesce(sum(doubled), 0), coalesce(sum(late), 0),
    (SELECT max(until) FROM scheduler_slot_audits WHERE finished_at IS NOT NULL)
FROM scheduler_slot_audits WHERE finished_at > %s
"""


class LastAudits(Collector):
    """Read once in a while, answered at once."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(KINDS, 0)
        self._behind: timedelta | None = None

    def read(self, connection: psycopg.Connection, now: datetime) -> None:
        """Read what the runs of the last hour have counted, and how far they have come."""
        row = connection.execute(_READ, (now - SHOWN,)).fetchone()
        assert row is not None  # noqa: S101 - an aggregate
        *counts, until = row
        self._counts = dict(zip(KINDS, map(int, counts), strict=True))
        self._behind = now - until if until is not None else None

    @property
    def facts(self) -> dict[str, Any]:
        """What a probe tells of it."""
        behind = round(self._behind.total_seconds()) if self._behind is not None else None
        return {"selfAudit": {**self._counts, "behindSeconds": behind}}

    def collect(self) -> Iterator[Metric]:
        """Yield a gauge a count; of the age only its name before there has been a run."""
        for kind, meaning in KINDS.items():
            name = f"{NAMESPACE}_self_audit_{kind}_slots"
            yield GaugeMetricFamily(name, f"{meaning} By the audits of the last hour.", value=self._counts[kind])
        meaning = "Seconds since the instant up to which the self-audit has looked."
        behind = GaugeMetricFamily(f"{NAMESPACE}_self_audit_behind_seconds", meaning)
        if self._behind is not None:
            behind.add_metric([], self._behind.total_seconds())
        yield behind
