"""Committed rows, seen by every connection."""

from tests.hot_paths import connection, now, open_connection, store

__all__ = ["connection", "now", "open_connection", "store"]
