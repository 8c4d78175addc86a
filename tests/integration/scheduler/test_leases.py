"""Leases: one holder at a time, by the database's clock."""

from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from scheduler import leases

ANNA, BORIS = UUID(int=1), UUID(int=2)
TTL = timedelta(seconds=15)
TICK = timedelta(microseconds=1)


def acquire(connection: psycopg.Connection, holder: UUID, now: datetime) -> int | None:
    return leases.acquire(connection, "beat", holder=holder, ttl=TTL, now=now)


def test_it_gives_the_first_holder_the_first_epoch(connection: psycopg.Connection, now: datetime):
    assert acquire(connection, ANNA, now) == 1


def test_it_keeps_the_epoch_with_each_renewal(connection: psycopg.Connection, now: datetime):
    acquire(connection, ANNA, now)
    assert acquire(connection, ANNA, now + TTL / 3) == 1


@pytest.mark.parametrize("later", [timedelta(0), TTL / 2, TTL])
def test_it_refuses_a_second_holder(connection: psycopg.Connection, now: datetime, later: timedelta):
    acquire(connection, ANNA, now)
    assert acquire(connection, BORIS, now + later) is None


def test_it_counts_from_the_latest_renewal(connection: psycopg.Connection, now: datetime):
    acquire(connection, ANNA, now)
    acquire(connection, ANNA, now + TTL)
    assert acquire(connection, BORIS, now + TTL + TICK) is None


def test_it_begins_another_epoch_with_another_holder(connection: psycopg.Connection, now: datetime):
    acquire(connection, ANNA, now)
    assert acquire(connection, BORIS, now + TTL + TICK) == 2


def test_it_refuses_the_old_holder_once_it_has_lost_the_lease(connection: psycopg.Connection, now: datetime):
    acquire(connection, ANNA, now)
    acquire(connection, BORIS, now + TTL + TICK)
    assert acquire(connection, ANNA, now + TTL + 2 * TICK) is None


def test_it_keeps_the_epoch_of_a_holder_that_was_late_and_alone(connection: psycopg.Connection, now: datetime):
    acquire(connection, ANNA, now)
    assert acquire(connection, ANNA, now + 10 * TTL) == 1


def test_it_lets_the_next_holder_in_after_a_release(connection: psycopg.Connection, now: datetime):
    acquire(connection, ANNA, now)
    leases.release(connection, "beat", holder=ANNA)
    assert acquire(connection, BORIS, now) == 2


def test_it_begins_another_epoch_after_a_release(connection: psycopg.Connection, now: datetime):
    acquire(connection, ANNA, now)
    leases.release(connection, "beat", holder=ANNA)
    assert acquire(connection, ANNA, now) == 2


def test_it_releases_nobody_elses_lease(connection: psycopg.Connection, now: datetime):
    acquire(connection, ANNA, now)
    leases.release(connection, "beat", holder=BORIS)
    assert acquire(connection, BORIS, now) is None


def test_it_keeps_leases_apart_by_name(connection: psycopg.Connection, now: datetime):
    acquire(connection, ANNA, now)
    assert leases.acquire(connection, "backup", holder=BORIS, ttl=TTL, now=now) == 1
