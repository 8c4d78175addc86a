"""Reads from a copy of the database (QUERY_DATABASE_URL), where that cannot mislead; all else from the primary.

Within `reading` the connection that Django calls "default" is the copy's, for this thread: selectors, filters and SQL
need not know of it, and none can be forgotten. What cannot be read there is read from the primary: an answer that lags
is better than none, and one that is missing on a copy may be there by now.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import psycopg
from django.db import DEFAULT_DB_ALIAS, Error, InterfaceError, OperationalError, ProgrammingError, connections
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

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
# A copy that lags behind a migration lacks its tables and columns.
_TROUBLE = (
    OperationalError, InterfaceError, ProgrammingError,
    psycopg.OperationalError, psycopg.InterfaceError, psycopg.ProgrammingError,
)  # fmt: skip

# One that has all that it has received lags by nothing, however long ago that was; while it is connected.
_LAG = """
SELECT CASE
    WHEN NOT pg_is_in_recovery() THEN 0
    WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
    ELSE greatest(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)
END::float8
"""


class _Lag:
    """By how many seconds the copy lagged a moment ago. One thread asks; others do not wait for it."""

    def __init__(self) -> None:
        self._seconds: float | None = None
        self._until = 0.0
        self._asking = threading.Lock()

    def get(self) -> float | None:
        """Return what is known, or ask the copy, from which this thread reads; None where nothing is known yet."""
        now = clock.monotonic()
        if now < self._until or not self._asking.acquire(blocking=False):
            return self._seconds if now < self._until + LAG_KEPT_SECONDS else None
        try:
            was_in_doubt = _Standing.is_in_doubt
            self._seconds = _measured()
            self._until = clock.monotonic() + LAG_KEPT_SECONDS
        finally:
            self._asking.release()
        if was_in_doubt:
            _trust()
        return self._seconds

    def clear(self) -> None:
        """Forget what is known."""
        self._until = 0.0


class _Standing:
    """Until which monotonic second the copy is left alone, and whether it has not answered again since."""

    lock = threading.Lock()
    left_alone_until = 0.0
    is_in_doubt = False
    lag = _Lag()


def is_configured() -> bool:
    """Tell whether there is a copy to read from."""
    return ALIAS in connections.settings


def routed(routes: Mapping[str, type[APIView]]) -> dict[str, type[APIView]]:
    """Return the views with a `get` that reads from the copy; those whose `reads_replica` is False as they are."""
    return {route: _routed(view) if getattr(view, "reads_replica", True) else view for route, view in routes.items()}


def lag_seconds() -> float | None:
    """Return by how many seconds the copy lags, as it was a moment ago; None where it is down or left alone."""
    if not _may_be_asked():
        return None
    try:
        with reading():
            return _Standing.lag.get()
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
                lag = _Standing.lag.get()
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
    token: Any = request.user
    if isinstance(token, ApiToken) and _has_just_written(token, caller_of(request).now):
        return True
    return not _may_be_asked()


def _may_be_asked() -> bool:
    """Tell whether the copy is to be asked. Whether one that was left alone is back, one thread at a time finds out."""
    with _Standing.lock:
        now = clock.monotonic()
        if now < _Standing.left_alone_until:
            return False
        if _Standing.is_in_doubt:
            _Standing.left_alone_until = now + LEFT_ALONE_SECONDS
        return True


def _has_just_written(token: ApiToken, now: datetime) -> bool:
    return token.last_write_at is not None and now - token.last_write_at < FRESH_AFTER_WRITE


def _give_back_primary() -> None:
    """Give back the connection by which the token was looked up: reads must not wait for those of the primary."""
    primary = connections[DEFAULT_DB_ALIAS]
    if not primary.in_atomic_block:
        primary.close()


def _measured() -> float | None:
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(_LAG)
        row = cursor.fetchone()
    return row[0] if row else None


def _trust() -> None:
    with _Standing.lock:
        _Standing.is_in_doubt = False
        _Standing.left_alone_until = 0.0


def _leave_alone(error: Exception) -> None:
    with _Standing.lock:
        _Standing.is_in_doubt = True
        _Standing.left_alone_until = clock.monotonic() + LEFT_ALONE_SECONDS
    logger.warning("The replica does not answer; reads go to the primary: %s", " ".join(str(error).split()))
