"""Instants in the files of other systems, some of which mean "never" by a year that nobody sees."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from scheduler.engine.schedules.fields import FIRST_YEAR, LAST_YEAR

# Before and after all that a schedule reaches: the API refuses both by name.
BEFORE = datetime(FIRST_YEAR - 1, 12, 31, tzinfo=UTC)
BEYOND = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)


def read(text: Any, *, time_zone: str) -> datetime:
    """Return the instant of a text, in the zone where it says none; BEFORE or BEYOND where no schedule reaches it.

    Raises ValueError and TypeError where it is none.
    """
    found = datetime.fromisoformat(text)
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        return BEYOND if found.year > LAST_YEAR else BEFORE
    return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(time_zone))).astimezone(UTC)


def as_end(instant: datetime | None) -> datetime | None:
    """Return an end; None where it lies beyond all that a schedule reaches, and ends nothing."""
    return None if instant is not None and instant >= BEYOND else instant
