"""Rows that have a version: a change based on an older one is refused, and each that is stored makes the next."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from register.errors import VersionStale


def refuse_stale(version: int, *, accepted: frozenset[int] | None) -> None:
    """Refuse a version that If-Match does not accept; None accepts any. Raises VersionStale."""
    if accepted is not None and version not in accepted:
        raise VersionStale


def store(row: Any, changed: Mapping[str, Any], *, now: datetime) -> None:
    """Store the columns that have changed, as the row's next version; its row is locked."""
    for column, value in changed.items():
        setattr(row, column, value)
    row.version += 1
    row.updated_at = now
    row.save(update_fields=[*changed, "version", "updated_at"])
