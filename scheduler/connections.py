"""Connections to PostgreSQL that the hot paths hold themselves, outside Django's."""

from collections.abc import Sequence
from time import monotonic
from typing import Any

import orjson
import psycopg
from django.db import connection as django_connection
from django.db import connections

# The statements are few and always the same. A plan of its own for each call looks at every partition: that costs the
# start of an execution more than all else in it. A general plan finds the right partition when it begins.
_BOUNDS = (
    "-c statement_timeout=5s -c lock_timeout=1s -c idle_in_transaction_session_timeout=5s -c timezone=UTC"
    " -c plan_cache_mode=force_generic_plan"
)

# Such a plan is kept for as long as its connection, or until PostgreSQL has analysed one of its tables. One that was
# made while a table was nearly empty, each midnight a new partition, reads all of it, however long it has grown.
PLANS_KEPT_SECONDS = 10.0


class Connection(psycopg.Connection):
    """A psycopg connection whose plans are made anew every PLANS_KEPT_SECONDS in which it is used."""

    _keeps_plans_until = 0.0

    def execute(self, *args: Any, **kwargs: Any) -> psycopg.Cursor:
        """Execute a statement as psycopg does."""
        if (at := monotonic()) >= self._keeps_plans_until:
            self._keeps_plans_until = at + PLANS_KEPT_SECONDS
            super().execute("DISCARD PLANS")
        return super().execute(*args, **kwargs)


def connect(*, application_name: str, waits_for_disk: bool = True) -> psycopg.Connection:
    """Open an autocommit connection whose every wait is bounded.

    For loops that must notice a dead or frozen server within seconds. The caller closes it and opens another
    after any psycopg.Error. Instants come back in UTC. Where it does not wait for the disk, a crash of the server may
    undo its last commits, whole and in order; what others commit after having seen them keeps them.
    """
    settings = connections["default"].settings_dict
    parameters: dict[str, Any] = {
        key: value
        for key, value in {
            "dbname": settings["NAME"],
            "user": settings["USER"],
            "password": settings["PASSWORD"],
            "host": settings["HOST"],
            "port": settings["PORT"],
            **{k: v for k, v in settings["OPTIONS"].items() if k not in {"pool", "application_name"}},
        }.items()
        if value not in ("", None)
    }
    return Connection.connect(
        **parameters
        | {
            "autocommit": True,
            "application_name": application_name,
            "connect_timeout": 2,
            "tcp_user_timeout": 5000,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "options": " ".join(
                [parameters.get("options", ""), _BOUNDS, *([] if waits_for_disk else ["-c synchronous_commit=off"])]
            ),
        }
    )


def as_json(rows: Sequence[object]) -> str:
    """Return rows, dataclasses or dicts, as the one parameter that json_to_recordset turns into a table."""
    return orjson.dumps(rows).decode()


def current() -> psycopg.Connection:
    """Return the psycopg connection under Django's, so that SQL of this app joins the caller's transaction."""
    django_connection.ensure_connection()
    raw: psycopg.Connection = django_connection.connection
    return raw
