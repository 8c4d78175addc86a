"""Whether workers have announced what they can run."""

import psycopg

CONNECT_SECONDS = 5


def latest_announcement(database_url: str) -> object:
    """Answer when a handler was announced last, None while there is none; only ever compared with itself."""
    try:
        with psycopg.connect(database_url, connect_timeout=CONNECT_SECONDS) as connection:
            row = connection.execute("SELECT max(seen_at) FROM scheduler_handlers").fetchone()
    except psycopg.Error:
        return None
    return row[0] if row else None
