"""Histograms: quantiles beside exact ones, and merging."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.histograms import BOUNDS, LONGEST_MS, bucket, merged, quantile, value

milliseconds = st.integers(0, LONGEST_MS)
samples = st.lists(milliseconds | st.integers(0, 100), min_size=1, max_size=300)
shares = st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 1.0])


def histogram(values: list[int]) -> dict[int, int]:
    return dict(merged({bucket(one): 1} for one in values))


def exact(values: list[int], share: float) -> int:
    """By nearest rank, the definition."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


@given(samples, shares)
def test_a_quantile_is_off_by_two_percent_at_most(values, share):
    assert quantile(histogram(values), share) == pytest.approx(exact(values, share), rel=0.02)


@given(samples, samples)
def test_merged_it_is_the_histogram_of_all_values(some, others):
    assert merged([histogram(some), histogram(others)]) == histogram(some + others)


@given(samples, st.integers(0, 300), shares)
def test_how_the_values_were_divided_changes_no_quantile(values, at, share):
    assert quantile(merged([histogram(values[:at]), histogram(values[at:])]), share) == quantile(
        histogram(values), share
    )


@given(milliseconds)
def test_a_bucket_stands_for_its_values(one):
    assert value(bucket(one)) == pytest.approx(one, rel=0.02)


@pytest.mark.parametrize("one", range(50))
def test_short_times_are_exact(one):
    assert value(bucket(one)) == one


@pytest.mark.parametrize("one", [-5, LONGEST_MS * 3])
def test_what_lies_outside_has_a_bucket_at_the_end(one):
    assert bucket(one) in (0, len(BOUNDS))


def test_of_nothing_there_is_no_quantile():
    assert quantile({}, 0.5) is None


def test_stored_numbers_keep_their_meaning():
    """Buckets are stored by number: whoever changes the bounds would read old roll-ups wrongly."""
    assert (len(BOUNDS), BOUNDS[99], BOUNDS[299], bucket(1_000), bucket(3_600_000)) == (544, 287, 699_738, 132, 341)
