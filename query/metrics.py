"""What a task's executions of some hours add up to, read from its roll-ups whatever the history holds."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from scheduler.engine.histograms import quantile
from scheduler.engine.identity import lower_bound
from scheduler.engine.schedules import InvalidSchedule, require_zone
from scheduler.engine.states import FINAL, Status
from scheduler.models import Task

WINDOWS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
DEFAULT_WINDOW = "24h"
MOST_BUSY_HOURS = 3
# Of what is open; no more need be known of a flood.
MOST_OPEN = 10_000

# What a slot's failure to succeed is counted by; SKIPPED never ran and CANCELLED was somebody's wish.
FAILURES = (Status.FAILED, Status.TIMED_OUT, Status.LOST)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of milliseconds, off by 2 % at most, and their exact mean; None where nothing was measured."""

    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    mean: float | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """The executions whose slots lie in begin <= slot < end; range rows count with all their slots.

    `busiest_hours` are hours of the day in the task's zone with what ran in them, most first.
    """

    begin: datetime
    end: datetime
    counts: dict[str, int] = field(default_factory=dict)
    retry_count: int = 0
    duration: Percentiles = Percentiles()
    lateness: Percentiles = Percentiles()
    busiest_hours: tuple[tuple[int, int], ...] = ()

    @property
    def success_rate(self) -> float | None:
        """The share of SUCCESS among what succeeded, failed, timed out or was lost; None where nothing did."""
        ended = self._ended
        return self.counts.get(Status.SUCCESS, 0) / ended if ended else None

    @property
    def throughput_per_hour(self) -> float:
        """Executions that ran to an end, an hour."""
        hours = (self.end - self.begin) / _HOUR
        return self._ended / hours if hours else 0.0

    @property
    def _ended(self) -> int:
        return sum(self.counts.get(status, 0) for status in (Status.SUCCESS, *FAILURES))


def begin_of(window: timedelta, *, now: datetime) -> datetime:
    """Return the first full hour within the last so many hours: roll-ups are of whole hours."""
    begin = now - window
    hour = begin.replace(minute=0, second=0, microsecond=0)
    return hour if hour == begin else hour + _HOUR


def measured(task: Task, *, begin: datetime, end: datetime) -> Metrics:
    """Return the metrics of one task's slots in begin <= slot < end; `begin` is a full hour."""
    parameters: dict[str, Any] = {
        "task_id": task.id, "begin": begin, "end": end, "low": lower_bound(begin), "high": lower_bound(end),
        "limit": MOST_OPEN,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_MEASURE, parameters)
        counts, retry_count, durations, duration_sum, lateness, lateness_sum, hours, opened = cursor.fetchone()
    counts |= opened or {}
    return Metrics(
        begin,
        end,
        {status: counts.get(status, 0) for status in Status},
        retry_count,
        _percentiles(durations, duration_sum),
        _percentiles(lateness, lateness_sum),
        _busiest(hours or [], _zone(task.time_zone)),
    )


_COUNTS = ", ".join(f"'{status}', coalesce(sum({status.lower()}), 0)" for status in sorted(FINAL))


def _merged(column: str) -> str:
    """Return SQL for the histogram of all hours."""
    return f"""(SELECT json_object_agg(bucket, count) FROM (
        SELECT key AS bucket, sum(value::int) AS count FROM hours, jsonb_each_text({column}) GROUP BY key
    ) buckets)"""  # noqa: S608 - our own columns


_MEASURE = f"""
WITH hours AS MATERIALIZED (
    SELECT * FROM scheduler_task_rollups WHERE task_id = %(task_id)s AND hour >= %(begin)s AND hour < %(end)s
)
SELECT
    json_build_object({_COUNTS}), coalesce(sum(retries), 0),
    {_merged("durations")}, sum(duration_sum_ms), {_merged("lateness")}, sum(lateness_sum_ms),
    json_agg(json_build_array(extract(epoch FROM hour)::bigint, success + failed + timed_out + cancelled + lost)),
    (SELECT json_object_agg(status, count) FROM (
        SELECT status, count(*) AS count FROM (
            SELECT status FROM task_execution_history
            WHERE task_id = %(task_id)s AND status IN ('QUEUED', 'RUNNING', 'SCHEDULED')
                AND id >= %(low)s AND id < %(high)s LIMIT %(limit)s
        ) bounded GROUP BY status
    ) opened)
FROM hours
"""  # noqa: S608 - the parts stand above


def _busiest(hours: list[tuple[int, int]], zone: tzinfo) -> tuple[tuple[int, int], ...]:
    ran: Counter[int] = Counter()
    for second, count in hours:
        ran[datetime.fromtimestamp(second, tz=zone).hour] += count
    ordered = sorted(ran.items(), key=lambda item: (-item[1], item[0]))
    return tuple((hour, count) for hour, count in ordered[:MOST_BUSY_HOURS] if count)


def _zone(name: str) -> tzinfo:
    """Return the zone of this name, UTC where there is none any more."""
    try:
        require_zone(name)
    except InvalidSchedule:
        return UTC
    return ZoneInfo(name)


def _percentiles(histogram: dict[str, int] | None, total_ms: int | None) -> Percentiles:
    counted = {int(bucket): count for bucket, count in (histogram or {}).items()}
    if not counted:
        return Percentiles()
    values = (quantile(counted, share) for share in (0.5, 0.9, 0.95, 0.99))
    mean = float(total_ms or 0) / sum(counted.values())
    return Percentiles(*(None if value is None else round(value, 1) for value in (*values, mean)))
