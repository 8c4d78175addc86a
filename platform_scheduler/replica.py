"""Reads from a copy of the database (QUERY_DATABASE_URL), where that cannot mislead; all else from the primary.

Within `reading` the connection that Django calls "default" is the copy's, for this thread: selectors, filters and SQL
need not know of it, and none can be forgotten. What cannot be read there is read from the primary: an answer that lags
is better than none, and one that is missing on a copy may be there by now.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import psycopg
from django.db import DEFAULT_DB_ALIAS, Error, InterfaceError, OperationalError, connections
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from query.cache import Cache
from scheduler import clock
from scheduler.errors import ExecutionNotFound, RevisionNotFound, RunNotFound, TaskNotFound
from scheduler.models import ApiToken
from scheduler.tokens import WRITE_IS_NOTED_EVERY, caller_of

if TYPE_CHECKING:
    _View = APIView
else:
    _View = object

logger = logging.getLogger(__name__)

ALIAS: Final = "replica"
LAG_HEADER: Final = "X-Replica-Lag-Seconds"
# Whoever has written reads what he has written.
FRESH_AFTER_WRITE: Final = timedelta(seconds=5) + WRITE_IS_NOTED_EVERY
LAG_KEPT_SECONDS: Final = 1.0
# Each try may wait for a connection, so that a copy which is down is left alone meanwhile.
LEFT_ALONE_SECONDS: Final = 5.0

_MISSING = (TaskNotFound, ExecutionNotFound, RunNotFound, RevisionNotFound)
_TROUBLE = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)

# One that has all that it has received lags by nothing, however long ago that was; while it is connected.
_LAG = """
SELECT CASE
    WHEN NOT pg_is_in_recovery() THEN 0
    WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
    ELSE greatest(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)
END::float8
"""


class _Standing:
    """Until which monotonic second the copy is left alone, and by how much it lagged a moment ago."""

    left_alone_until = 0.0
    lag: Cache[float | None] = Cache(LAG_KEPT_SECONDS)


def is_configured() -> bool:
    """Tell whether there is a copy to read from."""
    return ALIAS in connections.settings


def routed(routes: Mapping[str, type[APIView]]) -> dict[str, type[APIView]]:
    """Return the views with a `get` that reads from the copy; those whose `reads_replica` is False as they are."""
    return {route: _routed(view) if getattr(view, "reads_replica", True) else view for route, view in routes.items()}


def lag_seconds() -> float | None:
    """Return by how many seconds the copy lags, as it was up to a second ago; None where it does not answer."""
    try:
        with reading():
            return _lag()
    except (Error, psycopg.Error) as error:
        _leave_alone(error)
        return None


@contextmanager
def reading() -> Iterator[None]:
    """Have this thread read from the copy."""
    primary = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = connections[ALIAS]
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = primary


def _routed(view_class: type[APIView]) -> type[APIView]:
    named = type(view_class.__name__, (_Routed, view_class), {"__module__": view_class.__module__})
    return cast(type[APIView], named)


class _Routed(_View):
    """Goes before a view, whose own `get` it calls; who calls has been checked by then, on the primary."""

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer from the copy and say by how much it lags, or from the primary."""
        answer = None if _needs_primary(request) else self._from_copy(request, *args, **kwargs)
        return answer if answer is not None else super().get(request, *args, **kwargs)  # type: ignore[misc]

    def _from_copy(self, request: Request, *args: Any, **kwargs: Any) -> Response | None:
        _give_back_primary()
        try:
            with reading():
                lag = _lag()
                answer: Response = super().get(request, *args, **kwargs)  # type: ignore[misc]
        except _MISSING:
            return None  # it may have been made since
        except _TROUBLE as error:
            _leave_alone(error)
            return None
        if lag is not None:
            answer.headers[LAG_HEADER] = f"{lag:.3f}"
        return answer


def _needs_primary(request: Request) -> bool:
    if clock.monotonic() < _Standing.left_alone_until:
        return True
    token: Any = request.user
    return isinstance(token, ApiToken) and _has_just_written(token, caller_of(request).now)


def _has_just_written(token: ApiToken, now: datetime) -> bool:
    return token.last_write_at is not None and now - token.last_write_at < FRESH_AFTER_WRITE


def _give_back_primary() -> None:
    """Give back the connection by which the token was looked up: reads must not wait for those of the primary."""
    primary = connections[DEFAULT_DB_ALIAS]
    if not primary.in_atomic_block:
        primary.close()


def _lag() -> float | None:
    def measure() -> float | None:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(_LAG)
            row = cursor.fetchone()
        return row[0] if row else None

    return _Standing.lag.get(ALIAS, measure)


def _leave_alone(error: Exception) -> None:
    _Standing.left_alone_until = clock.monotonic() + LEFT_ALONE_SECONDS
    logger.warning("The replica does not answer; reads go to the primary: %s", " ".join(str(error).split()))
