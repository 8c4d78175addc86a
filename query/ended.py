"""What has ended of the slots of a period, read from the roll-ups of a namespace, or of all."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from scheduler.engine.states import FINAL, Status

# How the roll-ups of all namespaces together are named.
ALL = ""

_HOUR = timedelta(hours=1)
_STATUSES = tuple(sorted(FINAL))
_SUMS = ", ".join(f"coalesce(sum({status.lower()}), 0)::bigint" for status in _STATUSES)

_SINCE = f"""
SELECT {_SUMS} FROM scheduler_namespace_rollups
WHERE span = 'minute' AND namespace = %(namespace)s AND begin >= %(begin)s
"""  # noqa: S608 - the columns stand above

_BY_INTERVAL = f"""
SELECT date_bin(%(every)s, begin, %(begin)s) AS began, {_SUMS}
FROM scheduler_namespace_rollups
WHERE span = %(span)s AND namespace = %(namespace)s AND begin >= %(begin)s AND begin < %(end)s
GROUP BY began ORDER BY began
"""  # noqa: S608 - the columns stand above


def since(begin: datetime, *, namespace: str | None) -> dict[Status, int]:
    """Return by status how many ended of the slots from `begin`, a full minute within two days, on."""
    ((*counts,),) = _read(_SINCE, {"namespace": namespace or ALL, "begin": begin})
    return dict(zip(_STATUSES, counts, strict=True))


def by_interval(
    begin: datetime, end: datetime, *, every: timedelta, namespace: str | None
) -> dict[datetime, dict[Status, int]]:
    """Return by begin of interval, and status, how many ended of the slots in begin <= slot < end.

    Intervals are of full minutes, within two days, or of full hours; those in which nothing ended are left out.
    """
    parameters = {
        "namespace": namespace or ALL, "begin": begin, "end": end, "every": every,
        "span": "minute" if every < _HOUR else "hour",
    }  # fmt: skip
    return {row[0]: dict(zip(_STATUSES, row[1:], strict=True)) for row in _read(_BY_INTERVAL, parameters)}


def _read(query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
