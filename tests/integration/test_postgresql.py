"""Instants come back as they went in, and the server ends what a killed process had asked for."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import cast

import pytest
from django.db import DataError, connection, connections

from platform_scheduler.embedded.waiting import wait_until
from platform_scheduler.postgresql import base
from platform_scheduler.postgresql.base import DatabaseWrapper


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


@pytest.fixture(params=["alone", "of a pool"])
def new_connection(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[DatabaseWrapper]:
    """A connection to the tests' database that nobody has used."""
    made = cast("DatabaseWrapper", connections.create_connection("default"))
    if request.param == "of a pool":
        options = made.settings_dict["OPTIONS"] | {"pool": {"min_size": 1, "max_size": 1}}
        made.settings_dict = made.settings_dict | {"OPTIONS": options, "CONN_MAX_AGE": 0}
    yield made
    made.close()
    made.close_pool()


@pytest.mark.parametrize("is_autocommit", [True, False])
def test_the_server_looks_whether_its_client_is_still_there(
    new_connection: DatabaseWrapper, *, is_autocommit: bool
) -> None:
    new_connection.settings_dict = new_connection.settings_dict | {"AUTOCOMMIT": is_autocommit}

    assert _shown(new_connection, "client_connection_check_interval") == base.CLIENT_CHECK

    new_connection.rollback()
    assert _shown(new_connection, "client_connection_check_interval") == base.CLIENT_CHECK


@pytest.mark.parametrize("is_autocommit", [True, False])
def test_a_server_that_cannot_look_is_used_without(
    new_connection: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch, *, is_autocommit: bool
) -> None:
    monkeypatch.setattr(base, "CLIENT_CHECK", "-1")  # refused as any value is where it is not to be had
    new_connection.settings_dict = new_connection.settings_dict | {"AUTOCOMMIT": is_autocommit}

    assert (_shown(new_connection, "client_connection_check_interval"), _shown(new_connection, "TimeZone")) == (
        "0",
        "UTC",
    )


def test_what_whoever_runs_the_server_has_set_stays(new_connection: DatabaseWrapper) -> None:
    options = new_connection.settings_dict["OPTIONS"]
    options = options | {"options": f"{options['options']} -c client_connection_check_interval=90s"}
    new_connection.settings_dict = new_connection.settings_dict | {"OPTIONS": options}

    assert _shown(new_connection, "client_connection_check_interval") == "90s"


def test_the_statement_of_a_killed_process_ends(
    new_connection: DatabaseWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "CLIENT_CHECK", "50ms")
    killed = os.fork()
    if killed == 0:
        try:
            _shown(new_connection, "TimeZone; SELECT pg_sleep(600)")
        finally:
            os._exit(1)
    assert wait_until(_is_somebody_asleep, seconds=20)

    os.kill(killed, signal.SIGKILL)
    os.waitpid(killed, 0)

    assert wait_until(lambda: not _is_somebody_asleep(), seconds=20)


def _is_somebody_asleep() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'")
        return cursor.fetchone() is not None


def _shown(one: DatabaseWrapper, name: str) -> str:
    with one.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return str(cursor.fetchone()[0])
