"""Committed rows, seen by every connection."""

from tests.hot_paths import connection, now, open_connection, store

__all__ = ["connection", "now", "open_connection", "store"]
from tests.integration.workers.test_reporter import desk, report, running  # noqa: F401 - its cast, shared
