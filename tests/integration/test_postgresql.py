"""Instants come back as they went in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import DataError, connection


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2030, 1, 1, 12, 30, 59, 999_999, tzinfo=UTC),
        datetime(2030, 1, 1, 12, 30, 59, 20, tzinfo=UTC),
        datetime(2030, 1, 1, 12, 30, 59, 500_000, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(2030, 1, 1, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
def test_an_instant_comes_back_in_utc(db: None, instant: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [instant])
        (found,) = cursor.fetchone()

    assert (found, found.tzinfo) == (instant, UTC)


def test_an_instant_comes_back_in_utc_whatever_zone_the_session_has(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'Asia/Kolkata'")
        cursor.execute("SELECT '2030-01-01T12:00:00Z'::timestamptz")
        (found,) = cursor.fetchone()

    assert found == datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["infinity", "0044-03-15 BC", "12026-01-01"])
def test_what_python_has_no_instant_for_is_an_error(db: None, text: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [text])
        with pytest.raises(DataError):
            cursor.fetchone()
