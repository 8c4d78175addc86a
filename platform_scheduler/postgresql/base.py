"""Django's own backend for PostgreSQL, but for how instants are read, and what becomes of who is killed.

Instants are read by Python's reader instead of a pattern. What a process that is no more has asked for ends.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import BaseTzLoader
from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap
from psycopg.errors import InvalidParameterValue

# How often the server looks, in the middle of a statement, whether its client is still there. Untold it never does, and
# what a killed handler has begun would keep its locks from the next attempt.
CLIENT_CHECK = "5s"
_CHECK_CLIENT = (
    "SELECT set_config(name, %s, false) FROM (VALUES ('client_connection_check_interval')) AS setting (name)"
    " WHERE current_setting(name) = '0'"
)


class UtcLoader(BaseTzLoader):  # type: ignore[misc]
    """Reads instants of a session in UTC, as each of Django's is; a page of a list has a thousand of them."""

    timezone = UTC

    def load(self, data: Buffer) -> datetime:
        """Return the instant. Raises psycopg.DataError where Python has none such."""
        try:
            # A tenth of what Django's takes, which leaves psycopg's compiled reader for one in Python.
            return datetime.fromisoformat(str(data, "ascii"))
        except ValueError:
            loaded: datetime = super().load(data)
            return loaded


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection."""

    def get_connection_params(self) -> dict[str, Any]:
        """Return what psycopg connects with."""
        parameters: dict[str, Any] = super().get_connection_params()
        return parameters | {"context": _with_reader(parameters["context"])}

    def _configure_connection(self, connection: Connection) -> bool:
        """Set up a new connection, of a pool or not; say whether that has to be committed."""
        is_checked = _has_client_checked(connection)
        return super()._configure_connection(connection) or is_checked  # type: ignore[misc] # the stubs leave it out


@cache
def _with_reader(adapters: AdaptersMap) -> AdaptersMap:
    own = AdaptersMap(adapters)
    own.register_loader("timestamptz", UtcLoader)
    return own


def _has_client_checked(connection: Connection) -> bool:
    try:
        connection.execute(_CHECK_CLIENT, [CLIENT_CHECK])
    except InvalidParameterValue:  # a server whose operating system cannot tell, as Windows
        connection.rollback()
        return False
    return True
