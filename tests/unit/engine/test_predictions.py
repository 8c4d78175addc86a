"""How long a run takes, by those before it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.predictions import FEWEST, RECENT, Durations, accuracy, chance_to_miss, outlook

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
# Seconds by the hundred: as many runs of each.
EVEN = [second * 1000 for second in (3, 1, 5, 2, 4)] * 20

runs = st.lists(st.integers(0, 10**10), min_size=FEWEST, max_size=2 * RECENT)
shares = st.floats(0.01, 0.99)


def known(took_ms: list[int]) -> Durations:
    durations = Durations.of(took_ms)
    assert durations is not None
    return durations


def test_half_of_the_runs_take_no_longer_than_is_expected():
    assert known(EVEN).quantile(0.5) == 3000


def test_of_a_few_runs_nothing_is_told():
    assert Durations.of([1000] * (FEWEST - 1)) is None


def test_a_run_that_hung_moves_nothing():
    assert known([*EVEN, 10**9]).quantile(0.5) == 3000


def test_it_follows_what_has_become_slower():
    assert known([1000] * 40 + [2000] * 10).quantile(0.5) == 2000


def test_what_was_before_the_work_changed_says_nothing():
    assert known([1000, 1100, 1200, 1300] * 20 + [2000] * 8).quantile(0.5) == 2000
    assert known([1000, 1100, 1200, 1300] * 20 + [2000] * 3).quantile(0.5) < 2000


def test_runs_of_long_ago_count_for_nothing():
    assert known([9000] * 500 + [1000] * RECENT).quantile(0.99) == 1000


def test_what_has_run_for_a_while_is_compared_with_those_that_ran_as_long():
    assert known(EVEN).quantile(0.5, after_ms=2500) == 4000
    assert known(EVEN).quantile(0.5, after_ms=4500) == 5000


def test_what_has_run_for_longer_than_all_takes_as_long_again():
    durations = known(EVEN)

    assert durations.quantile(0.5, after_ms=6000) == 12_000
    assert durations.share_beyond(12_000, after_ms=6000) == 0.5


def test_it_tells_how_likely_a_run_takes_longer():
    durations = known([1000] * 5)

    assert (durations.share_beyond(999), durations.share_beyond(1000)) == (1, 0)
    assert known(EVEN).share_beyond(4000) == pytest.approx(0.2, abs=0.05)


@given(runs, shares, st.integers(0, 10**10))
def test_a_quantile_is_exceeded_by_the_others_at_most(took_ms: list[int], share: float, after_ms: int):
    durations = known(took_ms)
    longest = durations.quantile(share, after_ms=after_ms)

    assert longest >= after_ms
    assert durations.share_beyond(longest, after_ms=after_ms) <= 1 - share + 1e-6


@given(runs, st.integers(0, 10**10), st.integers(0, 10**10))
def test_a_probability_is_one(took_ms: list[int], limit_ms: int, after_ms: int):
    assert 0 <= known(took_ms).share_beyond(limit_ms, after_ms=after_ms) <= 1


def test_it_measures_how_far_predictions_were_off():
    measured = accuracy([1000] * 10 + [2000])

    assert measured is not None
    assert (measured.run_count, measured.median_error) == (6, 0)
    assert measured.within_p90 == pytest.approx(5 / 6)


def test_a_prediction_is_judged_by_what_was_known_before_the_run():
    measured = accuracy([1000] * FEWEST + [2000])

    assert measured is not None
    assert (measured.run_count, measured.median_error, measured.within_p90) == (1, 0.5, 0)


def test_nothing_is_measured_of_a_few_runs():
    assert accuracy([1000] * FEWEST) is None


def test_what_takes_no_time_is_no_fault():
    measured = accuracy([0] * 10)

    assert measured is not None and measured.median_error == 0


def test_a_run_is_expected_to_end():
    expected, latest, is_longer = outlook(known(EVEN), begin=NOON, now=NOON + SECOND, timeout_seconds=60)

    assert (expected, latest, is_longer) == (NOON + 3 * SECOND, NOON + 5 * SECOND, False)


def test_a_run_that_has_not_begun_is_not_given_a_start():
    assert outlook(known(EVEN), begin=NOON, now=NOON - SECOND, timeout_seconds=60).expected_end_at == NOON + 3 * SECOND


def test_no_run_lives_beyond_its_timeout():
    found = outlook(known(EVEN), begin=NOON, now=NOON + 7 * SECOND, timeout_seconds=10)

    assert (found.expected_end_at, found.is_longer_than_known) == (NOON + 10 * SECOND, True)


def test_it_tells_that_a_limit_will_be_missed_before_it_is():
    durations = known(EVEN)
    limit = NOON + 4 * SECOND

    assert chance_to_miss(durations, begin=NOON, limit=limit, now=NOON) < 0.3
    assert chance_to_miss(durations, begin=NOON, limit=limit, now=NOON + 3.5 * SECOND) == pytest.approx(0.5, abs=0.08)
    assert chance_to_miss(durations, begin=NOON + SECOND, limit=limit, now=NOON + 2.5 * SECOND) > 0.5


def test_a_limit_that_has_passed_is_missed():
    assert chance_to_miss(known(EVEN), begin=NOON + SECOND, limit=NOON, now=NOON) == 1
