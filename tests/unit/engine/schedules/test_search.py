"""Laws that hold for every cron text: the three ways of searching agree, and time only goes forward."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.schedules import CronSchedule, InvalidSchedule, parse_cron, require_slot_after
from tests.unit.engine.schedules.cases import (
    at,
    backwards,
    bulk,
    cron_texts,
    forwards,
    instants,
    steady,
)

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Santiago",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Antarctica/Troll",
    "Africa/Monrovia",
]

schedules = st.builds(parse_cron, cron_texts, st.sampled_from(ZONES))

NEVER = [
    "0 0 0 30 2 ?",
    "0 0 0 31 2,4,6,9,11 ?",
    "0 0 0 31W 6 ?",
    "0 0 0 L-30 2 ?",
    "0 0 0 L-29W 2 ?",
    "0 0 0 29 2 ? 2027",
    "0 0 0 ? 2 MON#5 2027",
    "0 0 0 29 2 ? 2100",
    "* * * 30 2 ?",
    "0 0 30 2 *",
]


@steady
@given(schedules, instants)
def test_it_moves_strictly_forward(schedule, instant):
    found = forwards(schedule, instant, 8)
    assert all(earlier < later for earlier, later in pairwise([instant, *found]))


@steady
@given(schedules, instants)
def test_it_answers_in_bulk_what_it_answers_one_by_one(schedule, instant):
    assert bulk(schedule, instant, 8) == forwards(schedule, instant, 8)


@steady
@given(schedules, instants)
def test_it_searches_backwards_over_the_same_slots(schedule, instant):
    found = forwards(schedule, instant, 8)
    last = found[-1] if found else instant
    assert [slot for slot in backwards(schedule, last, len(found)) if slot > instant] == found[::-1]


@steady
@given(schedules, instants)
def test_it_leaves_no_slot_between_latest_and_next(schedule, instant):
    latest, following = schedule.latest_at(instant), schedule.next_after(instant)
    assert latest is None or latest <= instant
    assert following is None or following > instant
    assert latest is None or schedule.next_after(latest) == following


@steady
@given(schedules, instants, st.integers(0, 5 * 86400))
def test_it_cuts_a_range_at_both_ends(schedule, start, seconds):
    end = start + timedelta(seconds=seconds)
    whole = list(schedule.between(start, start + timedelta(days=5), limit=500))
    assert list(schedule.between(start, end, limit=500)) == [slot for slot in whole if slot < end]


@steady
@given(schedules, instants)
def test_it_answers_whole_seconds_in_utc(schedule, instant):
    found = bulk(schedule, instant, 3)
    assert all(slot.tzinfo is UTC and slot.microsecond == 0 for slot in found)


@pytest.mark.parametrize("expression", NEVER)
def test_it_finds_that_a_cron_never_fires(expression):
    schedule = parse_cron(expression, "Europe/Berlin")
    assert schedule.next_after(at("1970-01-01")) is None
    assert schedule.latest_at(at("2199-12-31")) is None
    assert list(schedule.between(at("1970-01-01"), at("2199-12-31"))) == []


def test_it_refuses_a_cron_that_never_fires():
    with pytest.raises(InvalidSchedule, match="never fires: no date up to 2199 matches") as refused:
        require_slot_after(parse_cron("0 0 0 30 2 ?", "UTC"), at("2026-01-01"))
    assert (refused.value.field, refused.value.code) == ("cronExpression", "impossible")


def test_it_refuses_a_cron_that_has_had_its_last_slot():
    with pytest.raises(InvalidSchedule, match="its last slot was 2025-12-31 23:00:00 UTC") as refused:
        require_slot_after(parse_cron("0 0 0 1 1 ? 2020-2026", "Europe/Berlin"), at("2026-01-01"))
    assert (refused.value.field, refused.value.code) == ("cronExpression", "impossible")


def test_it_returns_the_first_slot_of_a_cron_that_fires():
    found = require_slot_after(parse_cron("0 0 * * *", "UTC"), at("2026-01-01"))
    assert found == at("2026-01-02")


def test_it_finds_the_latest_slot_behind_millions():
    schedule = parse_cron("* * * * * ? 1970-2000", "UTC")
    assert schedule.latest_at(at("2026-01-01")) == at("2000-12-31T23:59:59")


def test_it_ends_with_the_year_2199():
    schedule = parse_cron("0 0 0 1 1 ?", "Pacific/Kiritimati")
    assert forwards(schedule, at("2197-06-01"), 5) == [at("2197-12-31T10:00"), at("2198-12-31T10:00")]


def test_it_answers_at_the_ends_of_the_calendar():
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    yearly = parse_cron("@yearly", "Europe/Berlin")
    assert (yearly.next_after(first), yearly.latest_at(first)) == (at("1969-12-31T23:00"), None)
    assert (yearly.next_after(last), yearly.latest_at(last)) == (None, at("2198-12-31T23:00"))


def test_it_counts_fractions_of_a_second_as_after_the_slot():
    schedule = parse_cron("0 0 * * *", "UTC")
    instant = at("2026-01-01T00:00:00.000001")
    assert schedule.latest_at(instant) == at("2026-01-01")
    assert next(schedule.between(instant, at("2027-01-01"))) == at("2026-01-02")
    assert list(schedule.between(at("2026-01-01"), instant)) == [at("2026-01-01")]


def test_it_refuses_an_instant_without_a_zone():
    naive = at("2026-01-01").replace(tzinfo=None)
    with pytest.raises(TypeError):
        parse_cron("0 0 * * *", "UTC").next_after(naive)


def test_it_does_not_look_further_than_it_is_asked():
    endless = parse_cron("* * * * * ?", "UTC").between(at("1970-01-01"), at("2199-12-31"))
    assert next(endless) == at("1970-01-01")


def test_it_is_equal_where_text_and_zone_are():
    one, other = CronSchedule("0 0 * * *", "UTC"), parse_cron("0 0 * * *", "UTC")
    assert (one == other, hash(one) == hash(other), one == parse_cron("0 0 * * *", "Asia/Tokyo")) == (
        True,
        True,
        False,
    )
