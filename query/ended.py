"""What has ended of the slots of each interval of a period, by the roll-ups of a namespace, or of all."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from scheduler.ended import ALL, HOUR, STATUSES, SUMS
from scheduler.engine.states import Status

_BY_INTERVAL = f"""
SELECT date_bin(%(every)s, begin, %(begin)s) AS began, {SUMS}
FROM scheduler_namespace_rollups
WHERE span = %(span)s AND namespace = %(namespace)s AND begin >= %(begin)s AND begin < %(end)s
GROUP BY began ORDER BY began
"""  # noqa: S608 - the columns are those of ended


def by_interval(
    begin: datetime, end: datetime, *, every: timedelta, namespace: str | None
) -> dict[datetime, dict[Status, int]]:
    """Return by begin of interval, and status, how many ended of the slots in begin <= slot < end.

    Intervals are of full minutes, within two days, or of full hours; those in which nothing ended are left out.
    """
    parameters = {
        "namespace": namespace or ALL, "begin": begin, "end": end, "every": every,
        "span": "minute" if every < HOUR else "hour",
    }  # fmt: skip
    return {row[0]: dict(zip(STATUSES, row[1:], strict=True)) for row in _read(_BY_INTERVAL, parameters)}


def _read(query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
