"""What a task's executions of a period add up to. Read from history until roll-ups answer (`measured` is the door)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from scheduler.engine.identity import lower_bound
from scheduler.engine.states import Status
from scheduler.models import Task

WINDOWS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
DEFAULT_WINDOW = "24h"
# A task that fires each second has five million rows in 60 days; the newest ones stand for them all.
MOST_READ = 100_000

# What a slot's failure to succeed is counted by; SKIPPED never ran and CANCELLED was somebody's wish.
_FAILED = (Status.FAILED, Status.TIMED_OUT, Status.LOST)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of milliseconds; None where nothing was measured."""

    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """The executions whose slots lie in begin <= slot < end; range rows count with all their slots."""

    begin: datetime
    end: datetime
    counts: dict[str, int] = field(default_factory=dict)
    retry_count: int = 0
    duration: Percentiles = Percentiles()
    lateness: Percentiles = Percentiles()
    is_sampled: bool = False

    @property
    def success_rate(self) -> float | None:
        """The share of SUCCESS among what succeeded, failed, timed out or was lost; None where nothing did."""
        succeeded = self.counts.get(Status.SUCCESS, 0)
        ended = succeeded + sum(self.counts.get(status, 0) for status in _FAILED)
        return succeeded / ended if ended else None

    @property
    def throughput_per_hour(self) -> float:
        """Executions that ran to an end, an hour."""
        ended = sum(self.counts.get(status, 0) for status in (Status.SUCCESS, *_FAILED))
        return ended / ((self.end - self.begin) / timedelta(hours=1))


def measured(task: Task, *, begin: datetime, end: datetime) -> Metrics:
    """Return the metrics of one task's slots in begin <= slot < end, from its newest 100,000 rows there."""
    parameters: dict[str, Any] = {
        "task_id": task.id, "low": lower_bound(begin), "high": lower_bound(end), "limit": MOST_READ + 1,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_MEASURE, parameters)
        counts, row_count, retry_count, duration, lateness = cursor.fetchone()
    return Metrics(
        begin,
        end,
        {status: counts.get(status, 0) for status in Status},
        retry_count,
        _percentiles(duration),
        _percentiles(lateness),
        is_sampled=row_count > MOST_READ,
    )


# Of what ran to its own end: how long a LOST or CANCELLED one took says nothing of the work. Only a slot's first
# attempt tells how late it began, and a backfill, which goes under fresh work, is late by its nature.
_MEASURE = """
WITH rows AS MATERIALIZED (
    SELECT status, attempt, trigger, execution_time_ms, coalesce(slot_count, 1) AS slots,
        extract(epoch FROM start_time - due_at) * 1000 AS lateness_ms
    FROM task_execution_history
    WHERE task_id = %(task_id)s AND id >= %(low)s AND id < %(high)s ORDER BY id DESC LIMIT %(limit)s
)
SELECT
    (SELECT coalesce(json_object_agg(status, slots), '{}') FROM (
        SELECT status, sum(slots) AS slots FROM rows GROUP BY status
    ) by_status),
    count(*),
    count(*) FILTER (WHERE attempt > 1),
    percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY execution_time_ms)
        FILTER (WHERE status IN ('SUCCESS', 'FAILED', 'TIMED_OUT')),
    percentile_cont(ARRAY[0.5, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY lateness_ms)
        FILTER (WHERE attempt = 1 AND trigger <> 'BACKFILL')
FROM rows
"""


def _percentiles(values: list[Any] | None) -> Percentiles:
    return Percentiles(*(None if value is None else round(float(value), 1) for value in values or ()))
