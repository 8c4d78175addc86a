"""Conversion between aware datetimes and whole seconds since 1970."""

from datetime import UTC, datetime, timedelta
from typing import Final

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86400

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)


def seconds_of(instant: datetime) -> int:
    """Return the whole seconds from 1970 to an instant, rounded down; a naive one raises TypeError."""
    since = instant - EPOCH
    return since.days * DAY + since.seconds


def seconds_up_to(instant: datetime) -> int:
    """Return the whole seconds from 1970 to an instant, rounded up."""
    return seconds_of(instant) + (1 if instant.microsecond else 0)


def instant_of(seconds: int) -> datetime:
    """Return the instant, in UTC, that lies so many seconds after 1970."""
    return EPOCH + timedelta(seconds=seconds)


def in_utc(instant: datetime) -> datetime:
    """Return the same instant in UTC; a naive one raises TypeError, for its zone would be a guess."""
    return EPOCH + (instant - EPOCH)


def told(instant: datetime) -> str:
    """Return an instant as sentences and pages have it: 2026-03-01 02:00:00 UTC."""
    return f"{in_utc(instant):%Y-%m-%d %H:%M:%S} UTC"


def written(instant: datetime) -> str:
    """Return an instant as messages and JSON write it, with Z."""
    return in_utc(instant).isoformat().replace("+00:00", "Z")
