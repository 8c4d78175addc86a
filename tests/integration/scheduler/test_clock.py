"""The clock, and what a jump of it holds up."""

from datetime import datetime, timedelta

import psycopg
import pytest

from scheduler import clock
from scheduler.clock import JumpGuard
from tests.hot_paths import SECOND

HOUR = timedelta(hours=1)


def answers(now: datetime, *readings: tuple[timedelta, float]) -> list[bool]:
    """What the guard says to readings: how far the database's clock is from `now`, and our monotonic second."""
    guard = JumpGuard()
    return [guard.trusts(now + ahead, at=at) for ahead, at in readings]


def test_it_trusts_the_first_reading(now: datetime):
    assert answers(now, (timedelta(0), 100.0)) == [True]


def test_it_trusts_clocks_that_go_alike(now: datetime):
    assert answers(now, *[(number * SECOND, 100.0 + number) for number in range(4)]) == [True] * 4


@pytest.mark.parametrize("drift", [5 * SECOND, -5 * SECOND])
def test_it_trusts_a_difference_of_five_seconds(now: datetime, drift: timedelta):
    assert answers(now, (timedelta(0), 100.0), (drift, 100.0)) == [True, True]


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 5.1 * SECOND, -5.1 * SECOND])
def test_it_holds_after_a_jump_until_three_readings_agree(now: datetime, jump: timedelta):
    after = [(jump + number * SECOND, 100.0 + number) for number in range(1, 5)]
    assert answers(now, (timedelta(0), 100.0), *after) == [True, False, False, False, True]


def test_it_holds_anew_after_another_jump(now: datetime):
    readings = [
        (HOUR, 101.0),
        (HOUR, 101.1),
        (2 * HOUR, 101.2),
        (2 * HOUR, 101.3),
        (2 * HOUR, 101.4),
        (2 * HOUR, 101.5),
    ]
    assert answers(now, (timedelta(0), 100.0), *readings) == [True, False, False, False, False, False, True]


def test_it_holds_where_this_machine_was_paused_and_its_own_clock_with_it(now: datetime):
    assert answers(now, (timedelta(0), 100.0), (HOUR, 100.05))[-1] is False


def test_it_trusts_a_long_silence_by_both_clocks(now: datetime):
    assert answers(now, (timedelta(0), 100.0), (HOUR, 3_700.0))[-1] is True


def test_it_moves_inside_a_transaction(connection: psycopg.Connection):
    with connection.transaction():
        readings = [clock.read(connection) for _ in range(2)]
    assert readings[0] < readings[1]


def test_it_reads_the_clock_in_utc(connection: psycopg.Connection):
    assert clock.read(connection).utcoffset() == timedelta(0)


@pytest.mark.django_db
def test_it_reads_the_same_clock_through_django(connection: psycopg.Connection):
    earlier = clock.read(connection)
    assert earlier <= clock.now() <= clock.read(connection)
