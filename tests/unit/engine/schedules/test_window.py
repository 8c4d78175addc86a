"""The window from startAt to endAt."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.schedules import (
    IntervalSchedule,
    InvalidSchedule,
    NeverSchedule,
    bounded,
    parse_cron,
    require_slot_after,
)
from tests.unit.engine.schedules.cases import at, backwards, bulk, forwards, instants, slots, steady

DAILY = parse_cron("0 0 * * *", "UTC")
WINDOW = bounded(DAILY, at("2026-03-02"), at("2026-03-04"))

windows = st.builds(
    lambda seconds, edges: bounded(IntervalSchedule(at("1980-01-01"), seconds), *sorted(edges)),
    st.integers(1, 10**6),
    st.lists(instants, min_size=2, max_size=2, unique=True),
)


def test_it_includes_the_start_and_excludes_the_end():
    assert slots(WINDOW, "2026-01-01", 5) == ["2026-03-02T00:00", "2026-03-03T00:00"]


def test_it_searches_backwards_inside_the_window_only():
    assert WINDOW.latest_at(at("2030-01-01")) == at("2026-03-03")
    assert WINDOW.latest_at(at("2026-03-02")) == at("2026-03-02")
    assert WINDOW.latest_at(at("2026-03-01T23:59:59")) is None


def test_it_cuts_a_range_to_the_window():
    found = list(WINDOW.between(at("2020-01-01"), at("2030-01-01")))
    assert found == [at("2026-03-02"), at("2026-03-03")]


def test_it_leaves_one_side_open():
    from_start = bounded(DAILY, start_at=at("2026-03-02"))
    to_end = bounded(DAILY, end_at=at("2026-03-02"))
    assert (from_start.next_after(at("2030-01-01")), from_start.latest_at(at("2026-03-01"))) == (
        at("2030-01-02"),
        None,
    )
    assert (to_end.next_after(at("2026-03-01")), to_end.latest_at(at("2030-01-01"))) == (
        None,
        at("2026-03-01"),
    )


def test_it_is_the_schedule_itself_without_bounds():
    assert bounded(DAILY) is DAILY


@steady
@given(windows, instants)
def test_it_answers_alike_in_all_three_ways(schedule, instant):
    found = forwards(schedule, instant, 6)
    last = found[-1] if found else instant
    assert found == bulk(schedule, instant, 6)
    assert [slot for slot in backwards(schedule, last, len(found)) if slot > instant] == found[::-1]


@pytest.mark.parametrize("end", ["2026-03-02", "2026-03-01"])
def test_it_refuses_an_end_that_is_not_after_the_start(end):
    with pytest.raises(InvalidSchedule, match="choose a later endAt") as refused:
        bounded(DAILY, at("2026-03-02"), at(end))
    assert (refused.value.field, refused.value.code) == ("endAt", "impossible")


@pytest.mark.parametrize("schedule", [NeverSchedule(), bounded(DAILY, at("2026-03-02T01:00"), at("2026-03-02T02:00"))])
def test_it_refuses_a_window_without_a_slot(schedule):
    with pytest.raises(InvalidSchedule, match="never fires") as refused:
        require_slot_after(schedule, at("2026-01-01"), field="endAt")
    assert (refused.value.field, refused.value.code) == ("endAt", "impossible")


def test_it_answers_at_the_ends_of_the_calendar():
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    whole = bounded(DAILY, first, last)
    assert whole.next_after(first) == at("1970-01-01")
    assert whole.latest_at(last) == at("2199-12-31")
    assert bounded(DAILY, end_at=first).latest_at(last) is None
