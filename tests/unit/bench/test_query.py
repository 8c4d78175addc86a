"""What the case `query` makes of the times that it has taken."""

import pytest

from bench.cases import query
from bench.cases.query import CASE, figures

TIMES = {"tasks": [1.0, 2.0, 3.0], "metrics": [5.0, 5.0, 50.0]}


def test_it_shows_percentiles_of_each_question():
    assert figures({"": TIMES}) == {
        "tasks: p50": 2, "tasks: p95": 3, "tasks: p99": 3, "metrics: p50": 5, "metrics: p95": 50, "metrics: p99": 50,
    }  # fmt: skip


def test_it_shows_how_a_question_grows_with_history():
    found = figures({"10 ": TIMES, "1,000 ": {"tasks": [4.0], "metrics": [5.0]}})

    assert (found["tasks: growth"], found["metrics: growth"]) == (2, 1)
    assert (found["tasks: 10 p50"], found["tasks: 1,000 p50"]) == (2, 4)


@pytest.mark.parametrize("window", ["24h", "7d", "30d"])
def test_its_aims_are_of_figures_that_it_has(window: str):
    largest = max(executions for _, executions in query.SIZES)

    assert f"metrics, {window}: {largest:,} p95" in CASE.aims
