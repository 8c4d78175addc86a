"""The checker of slots, with planted faults: each must be seen."""

from typing import Any

import pytest

from drill.definitions import Closed
from drill.history import Row
from tests.unit.drill.cast import BEGIN, SECOND, SLOTS, altered, caught_up, healthy, kinds, passed, row, verdict

SOON = SECOND / 2
AT_NOON = 12 * 3600
CLOSED = Closed(((AT_NOON + 15, AT_NOON + 35),))  # the second and the third slot


def test_it_finds_nothing_where_every_slot_ran_once():
    found = verdict(healthy())
    assert (found.findings, found.expected, found.recorded) == ([], 5, 5)


def test_it_tells_the_largest_lateness():
    found = verdict(altered(healthy(), 2, start_time=SLOTS[2] + 4 * SECOND, end_time=SLOTS[2] + 5 * SECOND))
    assert (found.largest_lateness, found.median_lateness) == (4.0, 0.1)


def test_it_sees_a_missing_slot():
    found = verdict([*healthy()[:2], *healthy()[3:]])
    assert (kinds(found), found.recorded) == (["missed"], 4)


def test_it_sees_that_nothing_at_all_was_recorded():
    assert kinds(verdict([])) == ["missed"] * 5


def test_it_sees_a_doubled_slot():
    second = row(SLOTS[1], id=row(SLOTS[1], attempt=9).id, fence=999)
    assert "doubled" in kinds(verdict([*healthy(), second]))


def test_it_sees_a_slot_that_is_none():
    assert kinds(verdict([*healthy(), row(SLOTS[1] + SECOND)])) == ["unexpected"]


def test_it_sees_a_slot_beyond_the_end():
    assert kinds(verdict([*healthy(), row(BEGIN + 60 * SECOND)])) == ["unexpected"]


def _missed(policy: str) -> list[Row]:
    """The first four slots were missed."""
    return {
        "SKIP": [passed(SLOTS[0], SLOTS[3]), row(SLOTS[4])],
        "FIRE_ONCE": [passed(SLOTS[0], SLOTS[2]), caught_up(SLOTS[3]), row(SLOTS[4])],
        "FIRE_ALL": [passed(SLOTS[0], SLOTS[1]), caught_up(SLOTS[2]), caught_up(SLOTS[3]), row(SLOTS[4])],
    }[policy]


@pytest.mark.parametrize("policy", ["SKIP", "FIRE_ONCE", "FIRE_ALL"])
def test_it_allows_what_the_misfire_policy_asks_for(policy: str):
    assert verdict(_missed(policy), misfire_policy=policy, catch_up_limit=2).findings == []


def test_it_sees_a_range_that_overlaps_a_run():
    rows = [passed(SLOTS[0], SLOTS[3]), caught_up(SLOTS[3]), row(SLOTS[4])]
    assert "doubled" in kinds(verdict(rows))


def test_it_sees_two_ranges_that_overlap():
    rows = [passed(SLOTS[0], SLOTS[2]), passed(SLOTS[2], SLOTS[3]), row(SLOTS[4])]
    assert "doubled" in kinds(verdict(rows, misfire_policy="SKIP"))


def test_it_sees_that_the_latest_missed_slot_did_not_run():
    assert kinds(verdict([passed(SLOTS[0], SLOTS[3]), row(SLOTS[4])])) == ["illegal outcome"]


def test_it_sees_that_too_few_missed_slots_ran():
    rows = [passed(SLOTS[0], SLOTS[2]), caught_up(SLOTS[3]), row(SLOTS[4])]
    assert kinds(verdict(rows, misfire_policy="FIRE_ALL", catch_up_limit=2)) == ["illegal outcome"]


def test_it_sees_that_more_than_the_latest_missed_slot_ran():
    at = SLOTS[1] + 30 * SECOND
    rows = [caught_up(slot, queued_at=at) for slot in SLOTS[:2]] + healthy()[2:]
    assert kinds(verdict(rows)) == ["illegal outcome"]


@pytest.mark.parametrize(
    ("place", "planted"),
    [
        (4, {"trigger": "CATCH_UP"}),  # on time
        (4, {"trigger": "MANUAL"}),
        (4, {"due_at": SLOTS[4] + SOON}),  # jitter of a task that has none
        (4, {"due_at": SLOTS[4] - SOON}),
        (4, {"status": "SKIPPED", "reason": "overlap", "start_time": None, "fence": None}),
        (4, {"status": "SKIPPED", "reason": "misfire", "start_time": None, "fence": None}),
    ],
)
def test_it_sees_an_outcome_that_the_policies_do_not_allow(place: int, planted: dict[str, Any]):
    assert kinds(verdict(altered(healthy(), place, **planted))) == ["illegal outcome"]


@pytest.mark.parametrize(
    "planted",
    [
        {"end_time": SLOTS[3] + SECOND},  # within the grace
        {"reason": "paused"},
        {"reason": "calendar"},
        {"status": "SUCCESS"},
    ],
)
def test_it_sees_a_range_that_may_not_stand_there(planted: dict[str, Any]):
    rows = [passed(SLOTS[0], SLOTS[3], **planted), row(SLOTS[4])]
    assert "illegal outcome" in kinds(verdict(rows, misfire_policy="SKIP"))


def test_it_sees_a_miscounted_range():
    rows = [passed(SLOTS[0], SLOTS[3], slot_count=3), row(SLOTS[4])]
    assert kinds(verdict(rows, misfire_policy="SKIP")) == ["miscounted range"]


def test_it_sees_a_range_that_begins_between_slots():
    rows = [row(SLOTS[0]), passed(SLOTS[1] - SECOND, SLOTS[3]), row(SLOTS[4])]
    assert kinds(verdict(rows, misfire_policy="SKIP")) == ["unexpected"]


def test_it_allows_a_skip_under_overlap():
    rows = altered(healthy(), 1, status="SKIPPED", reason="overlap", start_time=None, fence=None)
    assert verdict(rows, overlap_policy="SKIP").findings == []


def test_it_sees_a_catch_up_that_was_skipped_for_an_overlap():
    planted = {"status": "SKIPPED", "reason": "overlap", "start_time": None, "fence": None}
    rows = [caught_up(SLOTS[0], **planted), *healthy()[1:]]
    assert kinds(verdict(rows, overlap_policy="SKIP", misfire_policy="FIRE_ALL")) == ["illegal outcome"]


def _under_calendar() -> list[Row]:
    return [row(SLOTS[0]), passed(SLOTS[1], SLOTS[2], reason="calendar", slot_count=2), row(SLOTS[3]), row(SLOTS[4])]


def test_it_allows_what_the_calendar_closes():
    assert verdict(_under_calendar(), closed=CLOSED, calendar_policy="SKIP").findings == []


def test_it_sees_a_run_while_the_calendar_is_closed():
    assert kinds(verdict(healthy(), closed=CLOSED, calendar_policy="SKIP")) == ["illegal outcome"] * 2


def test_it_sees_a_slot_skipped_by_a_calendar_that_is_open():
    found = verdict(_under_calendar(), closed=Closed(((AT_NOON + 15, AT_NOON + 25),)), calendar_policy="SKIP")
    assert kinds(found) == ["illegal outcome"]


def test_it_expects_slots_that_the_calendar_moves_as_one():
    rows = [row(SLOTS[0]), row(BEGIN + 35 * SECOND), row(SLOTS[3]), row(SLOTS[4])]
    assert verdict(rows, closed=CLOSED, calendar_policy="NEXT_OPEN").findings == []


def test_it_sees_slots_that_the_calendar_did_not_move():
    found = verdict(healthy(), closed=CLOSED, calendar_policy="NEXT_OPEN")
    assert {"missed", "unexpected"} <= set(kinds(found))


def _delayed() -> list[Row]:
    """A fixed delay of ten seconds: each run ends 1.1 s after its slot."""
    return [row(BEGIN + (10 + number * 11.1) * SECOND) for number in range(5)]


def test_it_follows_a_fixed_delay_from_end_to_slot():
    found = verdict(_delayed(), is_fixed_delay=True)
    assert (found.findings, found.expected) == ([], 5)


def test_it_counts_a_fixed_delay_from_the_last_attempt():
    first = row(SLOTS[0], status="FAILED")
    again = row(SLOTS[0], attempt=2)
    rows = [first, again, row(SLOTS[0] + 13.1 * SECOND), row(SLOTS[0] + 24.2 * SECOND), row(SLOTS[0] + 35.3 * SECOND)]
    assert verdict(rows, is_fixed_delay=True, end_at=BEGIN + 55 * SECOND).findings == []


def test_it_sees_a_fixed_delay_that_counts_from_the_slot():
    assert {"missed", "unexpected"} == set(kinds(verdict(healthy(), is_fixed_delay=True)))


def test_it_sees_a_fixed_delay_that_stopped():
    assert kinds(verdict(_delayed()[:3], is_fixed_delay=True)) == ["missed"]
