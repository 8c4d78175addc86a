"""Takes what has ended into the roll-ups: by task and hour, by namespace and minute. Each execution once.

A note of an ending (`scheduler.endings`) is removed in the transaction that counts it: a crash undoes both, and a
transaction that commits late is found when it has. One node at a time counts.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from uuid import UUID

import psycopg

from scheduler import failing, outbox
from scheduler.engine.histograms import BOUNDS

BATCH = 200
# A statement that counts them may take five seconds; whoever deletes a task may end a hundred thousand at once.
MOST_EXECUTIONS = 5_000
FORGET_BATCH = 10_000
HOURS_KEPT = timedelta(days=400)
MINUTES_KEPT = timedelta(days=2)

# Any number that no other advisory lock of the project has.
ADVISORY_KEY = 0x5C4ED002

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_BELOW_MILLISECONDS = 80

# Of what ran to its own end: how long a LOST or CANCELLED one took says nothing of the work. Only a slot's first
# attempt tells how late it began, and a backfill, which goes under fresh work, is late by its nature.
MEASURED = """
h.task_id, h.namespace, h.queue, h.scheduled_for, h.status, h.attempt, h.queued_at, h.start_time, h.end_time,
coalesce(h.slot_count, 1) AS slots,
CASE WHEN h.status IN ('SUCCESS', 'FAILED', 'TIMED_OUT') THEN h.execution_time_ms END AS duration_ms,
CASE WHEN h.attempt = 1 AND h.trigger <> 'BACKFILL' AND h.start_time IS NOT NULL
    THEN greatest(round(extract(epoch FROM h.start_time - h.due_at) * 1000), 0)::bigint END AS lateness_ms
"""

_OF_ENDINGS = f"""
SELECT u.hour, {MEASURED}
FROM unnest(%(id)s::uuid[], %(hour)s::timestamptz[]) AS u (id, hour)
JOIN task_execution_history h ON h.id = u.id AND h.id = ANY(%(id)s::uuid[]) AND h.id BETWEEN %(low)s AND %(high)s
"""  # noqa: S608 - the columns stand above

_COUNTS = """
count(*) FILTER (WHERE status = 'SUCCESS') AS success, count(*) FILTER (WHERE status = 'FAILED') AS failed,
count(*) FILTER (WHERE status = 'TIMED_OUT') AS timed_out, count(*) FILTER (WHERE status = 'CANCELLED') AS cancelled,
count(*) FILTER (WHERE status = 'LOST') AS lost
"""


def _histogram(bucket: str) -> str:
    """Return SQL for a histogram of a task and hour, from the counts by `bucket` among `parts`."""
    return f"""
    coalesce(jsonb_object_agg({bucket}, number) FILTER (WHERE NOT is_of_any_{bucket} AND {bucket} IS NOT NULL), '{{}}')
    """


def _merged(column: str) -> str:
    """Return SQL for the histogram of what a roll-up holds and what comes to it."""
    return f"""
    CASE WHEN r.{column} = '{{}}' THEN excluded.{column} WHEN excluded.{column} = '{{}}' THEN r.{column} ELSE (
        SELECT jsonb_object_agg(bucket, count) FROM (
            SELECT key AS bucket, sum(value::int) AS count FROM (
                SELECT * FROM jsonb_each_text(r.{column}) UNION ALL SELECT * FROM jsonb_each_text(excluded.{column})
            ) parts GROUP BY key
        ) buckets
    ) END
    """  # noqa: S608 - our own columns


def _added(*columns: str) -> str:
    return ", ".join(f"{column} = r.{column} + excluded.{column}" for column in columns)


_STATUSES = ("success", "failed", "timed_out", "cancelled", "lost", "skipped")
_SUMS = (*_STATUSES, "retries", "duration_sum_ms", "lateness_sum_ms")

# All from one look at what has ended: parts that are counted apart and joined make PostgreSQL, which cannot know how
# many there are, compare each with each.
COUNT_BY_TASK = f"""
INSERT INTO scheduler_task_rollups AS r (task_id, hour, {", ".join(_SUMS)}, durations, lateness)
SELECT task_id, hour, {", ".join(f"sum({name}) FILTER (WHERE is_whole)" for name in _SUMS)},
    {_histogram("duration")}, {_histogram("late")}
FROM (
    SELECT task_id, hour, duration, late, count(*) AS number, {_COUNTS},
        coalesce(sum(slots) FILTER (WHERE status = 'SKIPPED'), 0) AS skipped,
        count(*) FILTER (WHERE attempt > 1) AS retries, coalesce(sum(duration_ms), 0) AS duration_sum_ms,
        coalesce(sum(lateness_ms), 0) AS lateness_sum_ms,
        grouping(duration) = 1 AS is_of_any_duration, grouping(late) = 1 AS is_of_any_late,
        grouping(duration, late) = 3 AS is_whole
    FROM (
        SELECT *, width_bucket(duration_ms, %(bounds)s::bigint[]) AS duration,
            width_bucket(lateness_ms, %(bounds)s::bigint[]) AS late
        FROM ended
    ) measured
    GROUP BY GROUPING SETS ((task_id, hour), (task_id, hour, duration), (task_id, hour, late))
) parts
GROUP BY task_id, hour
ON CONFLICT (task_id, hour) DO UPDATE
SET {_added(*_SUMS)}, durations = {_merged("durations")}, lateness = {_merged("lateness")}
"""  # noqa: S608 - the parts stand above

# By minute first: of those there are few.
COUNT_BY_NAMESPACE = f"""
INSERT INTO scheduler_namespace_rollups AS r (span, namespace, begin, {", ".join(_STATUSES)})
SELECT spans.span, names.namespace, date_trunc(spans.span, minute, 'UTC') AS began,
    {", ".join(f"sum({name})" for name in _STATUSES)}
FROM (
    SELECT namespace, date_bin('1 minute', scheduled_for, 'epoch') AS minute, {_COUNTS},
        count(*) FILTER (WHERE status = 'SKIPPED') AS skipped
    FROM ended GROUP BY namespace, minute
) minutes CROSS JOIN (VALUES ('minute'), ('hour')) AS spans (span)
CROSS JOIN LATERAL (VALUES (minutes.namespace), ('')) AS names (namespace)
GROUP BY spans.span, names.namespace, began
ON CONFLICT (span, namespace, begin) DO UPDATE SET {_added(*_STATUSES)}
"""  # noqa: S608 - the parts stand above

# What has come to a queue, at the minute in which it was queued, and what has gone through it, when it ended.
_COUNT_BY_QUEUE = """
INSERT INTO scheduler_queue_rollups AS r (queue, minute, arrived, ended, busy_ms)
SELECT queue, minute, sum(arrived), sum(served), sum(busy_ms) FROM (
    SELECT queue, date_bin('1 minute', queued_at, 'epoch') AS minute, 1 AS arrived, 0 AS served, 0 AS busy_ms
    FROM ended WHERE queued_at IS NOT NULL
    UNION ALL
    SELECT queue, date_bin('1 minute', end_time, 'epoch'), 0, 1,
        greatest(round(extract(epoch FROM end_time - start_time) * 1000), 0)::bigint
    FROM ended WHERE start_time IS NOT NULL AND end_time IS NOT NULL
) parts GROUP BY queue, minute
ON CONFLICT (queue, minute) DO UPDATE
SET arrived = r.arrived + excluded.arrived, ended = r.ended + excluded.ended, busy_ms = r.busy_ms + excluded.busy_ms
"""

_NOTE_LAST_RUNS = """
INSERT INTO scheduler_last_runs AS l (task_id, began_at)
SELECT task_id, max(start_time) FROM ended WHERE start_time IS NOT NULL GROUP BY task_id
ON CONFLICT (task_id) DO UPDATE SET began_at = excluded.began_at WHERE l.began_at < excluded.began_at
"""

_TAKE_IN = f"""
WITH ended AS MATERIALIZED ({_OF_ENDINGS}), counted AS ({COUNT_BY_TASK}), by_queue AS ({_COUNT_BY_QUEUE}),
    last_runs AS ({_NOTE_LAST_RUNS})
{COUNT_BY_NAMESPACE}
"""

_TAKE = """
DELETE FROM scheduler_endings WHERE id = ANY (ARRAY(
    SELECT id FROM (
        SELECT id, sum(cardinality(executions)) OVER (ORDER BY id) - cardinality(executions) AS before
        FROM (SELECT id, executions FROM scheduler_endings ORDER BY id LIMIT %s) oldest
    ) counted WHERE before < %s
)) RETURNING executions
"""


def take_in(connection: psycopg.Connection, *, limit: int) -> int:
    """Count the executions of the oldest endings, up to `limit`, fewer where they are long; return how many endings.

    Whoever wants to be told of them will be (`scheduler.outbox`). 0 also where another node is at it.
    """
    with connection.transaction():
        row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (ADVISORY_KEY,)).fetchone()
        if row != (True,):
            return 0
        endings = connection.execute(_TAKE, (limit, MOST_EXECUTIONS)).fetchall()
        for executions in _parts(execution for (ids,) in endings for execution in ids):
            _count(connection, executions)
            failing.count(connection, executions)
            outbox.note_ended(connection, executions)
    return len(endings)


def _parts(executions: Iterable[UUID]) -> Iterator[list[UUID]]:
    """Yield executions whose ids lie in one day, so that each statement reads one partition, and not too many."""
    for _, group in groupby(sorted(executions), key=lambda execution: _milliseconds(execution) // _DAY_MS):
        of_day = list(group)
        for start in range(0, len(of_day), MOST_EXECUTIONS):
            yield of_day[start : start + MOST_EXECUTIONS]


def _count(connection: psycopg.Connection, executions: list[UUID]) -> None:
    parameters = {
        "id": executions,
        "hour": [_hour(execution) for execution in executions],
        "low": executions[0],
        "high": executions[-1],
        "bounds": list(BOUNDS),
    }
    connection.execute(_TAKE_IN, parameters)


def _hour(execution: UUID) -> datetime:
    begun = _milliseconds(execution) // _HOUR_MS
    return datetime.fromtimestamp(begun * 3600, tz=UTC)


def _milliseconds(execution: UUID) -> int:
    return execution.int >> _BELOW_MILLISECONDS


_FORGET_HOURS = """
DELETE FROM scheduler_task_rollups WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM scheduler_task_rollups WHERE hour < %(before)s ORDER BY hour LIMIT %(limit)s
))
"""
_FORGET_SPANS = """
DELETE FROM scheduler_namespace_rollups WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM scheduler_namespace_rollups
    WHERE span = %(span)s AND begin < %(before)s ORDER BY begin LIMIT %(limit)s
))
"""


_FORGET_QUEUES = """
DELETE FROM scheduler_queue_rollups WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM scheduler_queue_rollups WHERE minute < %(before)s LIMIT %(limit)s
))
"""


def forget(connection: psycopg.Connection, *, now: datetime, limit: int = FORGET_BATCH) -> int:
    """Delete up to `limit` roll-ups of each kind that are older than they are kept; return the most of one kind."""
    hours = {"before": now - HOURS_KEPT, "limit": limit}
    minutes = {"before": now - MINUTES_KEPT, "limit": limit}
    return max(
        connection.execute(_FORGET_HOURS, hours).rowcount,
        connection.execute(_FORGET_SPANS, hours | {"span": "hour"}).rowcount,
        connection.execute(_FORGET_SPANS, minutes | {"span": "minute"}).rowcount,
        connection.execute(_FORGET_QUEUES, minutes).rowcount,
    )
