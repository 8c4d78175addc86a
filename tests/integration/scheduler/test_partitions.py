"""Partitions of history: ahead of every slot, without gaps, named by their days."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from scheduler import partitions
from scheduler.engine.identity import lower_bound
from scheduler.partitions import PARTITIONED_TABLES, Partition
from tests.hot_paths import Open

DAY = timedelta(days=1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MIDNIGHT = NOON.replace(hour=0)


def names(found: list[Partition]) -> list[str]:
    return [partition.name for partition in found]


def complete(table: str, now: datetime) -> list[Partition]:
    return list(partitions.ahead(table, [], now=now))


# Which are missing


def test_it_begins_with_one_for_all_that_is_older():
    first, second, *_ = complete("t", NOON)
    assert (first, second) == (
        Partition("t_first", None, lower_bound(MIDNIGHT)),
        Partition("t_p20260301", lower_bound(MIDNIGHT), lower_bound(MIDNIGHT + DAY)),
    )


def test_it_reaches_fourteen_days_ahead_and_more():
    *_, last = complete("t", NOON)
    assert last.upper == lower_bound(MIDNIGHT + 15 * DAY)


def test_it_lacks_nothing_once_all_are_there():
    assert list(partitions.missing("t", complete("t", NOON), now=NOON)) == []


def test_it_lacks_one_more_each_day():
    lacking = list(partitions.ahead("t", complete("t", NOON), now=NOON + DAY))
    assert names(lacking) == ["t_p20260316"]


def test_it_makes_one_of_the_days_on_which_nobody_made_any():
    lacking = list(partitions.ahead("t", complete("t", NOON), now=NOON + 365 * DAY))
    assert (lacking[0].lower, lacking[0].upper, len(lacking)) == (
        lower_bound(MIDNIGHT + 15 * DAY), lower_bound(MIDNIGHT + 365 * DAY), 16,
    )  # fmt: skip


@pytest.mark.parametrize("later", [timedelta(0), DAY, 10 * DAY, 15 * DAY, 16 * DAY, 400 * DAY])
def test_it_leaves_no_gap_between_neighbours(later: timedelta):
    present = complete("t", NOON)
    every = [*present, *partitions.missing("t", present, now=NOON + later)]
    assert [one.upper for one in every[:-1]] == [one.lower for one in every[1:]]


def test_it_fills_the_gap_that_removed_partitions_have_left():
    present = complete("t", NOON)
    lacking = list(partitions.missing("t", present[:1] + present[4:], now=NOON))
    assert lacking == [Partition("t_gap20260301_20260304", present[1].lower, present[3].upper)]


def test_it_fills_no_gap_before_a_slot_falls_into_it():
    """Retention makes gaps on purpose; made again each time, they would be as many as the days removed."""
    present = complete("t", NOON)
    assert list(partitions.ahead("t", present[:1] + present[4:], now=NOON)) == []


def test_it_puts_back_the_place_of_all_that_is_older():
    present = complete("t", NOON)
    (lacking,) = partitions.missing("t", present[1:], now=NOON)
    assert lacking == Partition("t_before20260301", None, present[0].upper)


def test_it_counts_days_by_utc():
    evening = NOON.replace(hour=23).astimezone(tz=None)
    assert complete("t", evening) == complete("t", NOON)


# In the database


@pytest.mark.parametrize("table", PARTITIONED_TABLES)
def test_it_reads_back_the_bounds_that_it_has_made(connection: psycopg.Connection, now: datetime, table: str):
    assert partitions.existing(connection, table) == complete(table, now)


def test_it_makes_nothing_where_nothing_is_missing(connection: psycopg.Connection, now: datetime):
    assert partitions.ensure(connection, now=now) == []


def test_it_makes_the_next_day_for_every_table(connection: psycopg.Connection, now: datetime):
    with connection.transaction(force_rollback=True):
        made = partitions.ensure(connection, now=now + DAY)
    assert made == [f"{table}_p{now + 15 * DAY:%Y%m%d}" for table in PARTITIONED_TABLES]


def test_it_makes_nothing_twice(connection: psycopg.Connection, now: datetime):
    with connection.transaction(force_rollback=True):
        partitions.ensure(connection, now=now + DAY)
        assert partitions.ensure(connection, now=now + DAY) == []


def test_it_gives_a_partition_the_keys_and_indexes_of_the_parent(connection: psycopg.Connection, now: datetime):
    with connection.transaction(force_rollback=True):
        made, _ = partitions.ensure(connection, now=now + DAY)
        constraints = connection.execute(
            "SELECT contype::text, count(*) FROM pg_constraint"
            " WHERE conrelid = %s::regclass AND contype IN ('p', 'f', 'c') GROUP BY contype",
            (made,),
        )
        assert dict(constraints.fetchall()) == {"p": 1, "f": 1}


def test_it_stores_a_partition_like_a_hot_table(connection: psycopg.Connection, now: datetime):
    with connection.transaction(force_rollback=True):
        made, _ = partitions.ensure(connection, now=now + DAY)
        options = connection.execute("SELECT reloptions FROM pg_class WHERE oid = %s::regclass", (made,)).fetchone()
        assert options is not None and "fillfactor=70" in options[0]


def test_it_fills_a_gap_in_the_database(connection: psycopg.Connection, now: datetime):
    with connection.transaction(force_rollback=True):
        away = f"execution_log_p{now + 2 * DAY:%Y%m%d}"
        connection.execute(f"ALTER TABLE execution_log DETACH PARTITION {away}")
        made = partitions.fill(connection, now=now)
        connection.execute("INSERT INTO execution_log (id, head, tail) VALUES (%s, '', '')", (inside(now + 2 * DAY),))
    assert made == [f"execution_log_gap{now + 2 * DAY:%Y%m%d}_{now + 3 * DAY:%Y%m%d}"]


def inside(instant: datetime) -> UUID:
    return UUID(int=lower_bound(instant).int + 1)


def test_it_gives_way_to_a_claim_that_holds_the_tasks(
    connection: psycopg.Connection, open_connection: Open, now: datetime
):
    other = open_connection()
    with connection.transaction(force_rollback=True), other.transaction():
        other.execute("LOCK TABLE scheduler_tasks IN ROW EXCLUSIVE MODE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            partitions.ensure(connection, now=now + DAY, lock_timeout="10ms")
