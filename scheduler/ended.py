"""What ended of the slots since an instant, by the roll-ups of minutes: the same for pages, API and Prometheus."""

from datetime import datetime, timedelta
from typing import Final

import psycopg

from scheduler.engine.states import FINAL, Status

# How the roll-ups of all namespaces together are named.
ALL: Final = ""
HOUR: Final = timedelta(hours=1)

STATUSES: Final = tuple(sorted(FINAL))
# One sum a status, in their order.
SUMS: Final = ", ".join(f"coalesce(sum({status.lower()}), 0)::bigint" for status in STATUSES)

_SINCE = f"""
SELECT {SUMS} FROM scheduler_namespace_rollups
WHERE span = 'minute' AND namespace = %(namespace)s AND begin >= %(begin)s
"""  # noqa: S608 - the columns stand above


def minute_of(instant: datetime) -> datetime:
    """Return the begin of the minute of an instant: minutes are counted whole."""
    return instant.replace(second=0, microsecond=0)


def since(connection: psycopg.Connection, begin: datetime, *, namespace: str | None = None) -> dict[Status, int]:
    """Return by status how many ended of the slots from `begin`, a full minute within two days, on."""
    (counts,) = connection.execute(_SINCE, {"namespace": namespace or ALL, "begin": begin}).fetchall()
    return dict(zip(STATUSES, counts, strict=True))
