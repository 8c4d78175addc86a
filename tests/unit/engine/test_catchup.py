"""The budget of a catch-up: how many go, up to when it is used, what a pause saves up, when somebody has to approve."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.catchup import SAVED_UP, budget, estimated_end, needs_approval
from tests.unit.engine.schedules.cases import at, steady

NOW = at("2026-03-01T12:00")
SECOND = timedelta(seconds=1)


def test_so_many_go_as_the_time_since_allows() -> None:
    assert budget(used_until=NOW - SECOND, per_second=100, now=NOW, most=500) == (100, NOW)


def test_what_is_left_over_counts_the_next_time() -> None:
    first = budget(used_until=NOW - 0.5 * SECOND, per_second=3, now=NOW, most=500)

    assert (first.going, budget(used_until=first.used_until, per_second=3, now=NOW + 0.5 * SECOND, most=500).going) == (
        1,
        2,
    )


def test_a_pause_saves_up_little() -> None:
    assert budget(used_until=NOW - 3600 * SECOND, per_second=10, now=NOW, most=500).going == 10 * SAVED_UP // SECOND


def test_no_more_than_one_pass_can_take() -> None:
    assert budget(used_until=NOW - SECOND, per_second=10_000, now=NOW, most=500).going == 500


def test_nothing_goes_at_no_rate() -> None:
    assert budget(used_until=NOW - SECOND, per_second=0, now=NOW, most=500) == (0, NOW)


@steady
@given(st.floats(0.1, 1_000), st.lists(st.floats(0.01, 1.9), min_size=1, max_size=30))
def test_the_rate_is_never_exceeded(per_second, pauses):
    used_until, now, gone = NOW, NOW, 0
    for pause in pauses:
        now += pause * SECOND
        going = budget(used_until=used_until, per_second=per_second, now=now, most=10**6)
        used_until, gone = going.used_until, gone + going.going
    assert gone <= per_second * sum(pauses) + 1


@pytest.mark.parametrize(
    ("total", "above", "is_approved", "needs"),
    [
        (10, None, False, False),
        (10, 10, False, False),
        (11, 10, False, True),
        (11, 10, True, False),
        (1, 0, False, True),
    ],
)
def test_it_needs_approval_above_a_number(total: int, above: int | None, is_approved: bool, needs: bool) -> None:
    assert needs_approval(total=total, above=above, is_approved=is_approved) is needs


def test_its_end_is_estimated_by_its_rate() -> None:
    assert estimated_end(held=90, per_second=3, now=NOW) == NOW + 30 * SECOND
    assert estimated_end(held=90, per_second=0, now=NOW) is None
