"""Ids of tasks: they ascend, whatever the clock does, and no two are the same."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from scheduler.engine.task_ids import Ascending

NOW = datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC)


def drawn(*moments: datetime) -> Iterator[UUID]:
    ids = Ascending()
    return (ids.draw(moment) for moment in moments)


def test_it_lays_ids_out_as_version_7():
    (one,) = drawn(NOW)
    assert (one.version, one.variant, one.int >> 80) == (7, "specified in RFC 4122", 1_772_368_215_250)


@pytest.mark.parametrize("step", [timedelta(0), timedelta(milliseconds=1), timedelta(hours=-1)])
def test_each_is_greater_than_the_one_before(step: timedelta):
    ids = list(drawn(*(NOW + number * step for number in range(1000))))
    assert all(one < other for one, other in pairwise(ids))


def test_two_processes_draw_other_ids_in_the_same_millisecond():
    assert not {*drawn(*[NOW] * 100)} & {*drawn(*[NOW] * 100)}


def test_threads_share_one_row_of_ids():
    ids = Ascending()
    with ThreadPoolExecutor(4) as threads:
        assert len({*threads.map(ids.draw, [NOW] * 4000)}) == 4000
