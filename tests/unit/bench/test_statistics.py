import pytest

from bench.statistics import Summary, percentile, percentiles, summarized

HUNDRED = [float(number) for number in range(1, 101)]


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 50), (0.95, 95), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_it_takes_the_nearest_rank(share, expected):
    assert percentile(HUNDRED, share) == expected


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_it_takes_the_only_value_for_every_percentile(share):
    assert percentile([7.0], share) == 7.0


def test_it_refuses_percentiles_of_nothing():
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


def test_it_sorts_before_it_counts():
    assert percentiles(HUNDRED[::-1], prefix="late") == {
        "late p50": 50, "late p95": 95, "late p99": 99, "late max": 100
    }  # fmt: skip


def test_it_summarizes_each_figure_over_the_repetitions():
    assert summarized([{"a": 3.0, "b": 1.0}, {"a": 1.0, "b": 1.0}, {"a": 8.0, "b": 1.0}]) == {
        "a": Summary((3.0, 1.0, 8.0)),
        "b": Summary((1.0, 1.0, 1.0)),
    }


def test_it_tells_median_and_extremes():
    summary = Summary((3.0, 1.0, 8.0, 4.0))

    assert (summary.median, summary.least, summary.greatest) == (3.5, 1.0, 8.0)


def test_it_summarizes_no_repetition_as_no_figure():
    assert summarized([]) == {}
