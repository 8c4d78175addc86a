"""A connection for work that takes as long as it takes, but is in nobody's way for long."""

import psycopg

from scheduler.connections import connect

_SETTINGS = {
    # Whatever the database is made of: its bytes are read, and written, as they are.
    "client_encoding": "UTF8",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}


def opened(purpose: str, *, lock_timeout: str) -> psycopg.Connection:
    """Open one for `backup` or `restore`; the caller closes it."""
    connection = connect(application_name=f"platform-scheduler {purpose}")
    for name, value in {**_SETTINGS, "lock_timeout": lock_timeout}.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    return connection
