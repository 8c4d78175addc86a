"""What the case `query` makes of the times that it has taken."""

import pytest

from bench.cases.query import CASE, figures, size

TIMES = {"tasks": [1.0, 2.0, 3.0], "metrics": [5.0, 5.0, 50.0]}


def test_it_shows_percentiles_of_each_question():
    assert figures({"10/1": TIMES}) == {
        "tasks: 10/1 p50": 2, "tasks: 10/1 p95": 3, "tasks: 10/1 p99": 3,
        "metrics: 10/1 p50": 5, "metrics: 10/1 p95": 50, "metrics: 10/1 p99": 50,
    }  # fmt: skip


def test_it_shows_how_a_question_grows_with_history():
    found = figures({"10/1": TIMES, "1k/10": {"tasks": [4.0], "metrics": [5.0]}, "1k/1k": TIMES})

    assert (found["tasks: growth"], found["metrics: growth"]) == (2, 1)
    assert (found["tasks: 10/1 p50"], found["tasks: 1k/10 p50"]) == (2, 4)


@pytest.mark.parametrize(
    ("tasks", "executions", "name"),
    [(100_000, 9_912_345, "10M/100k"), (999_999, 1_040_000, "1M/1M"), (1_000, 10_300, "10k/1k"), (7, 12, "12/7")],
)
def test_it_names_a_size_in_round_numbers(tasks: int, executions: int, name: str):
    assert size(tasks, executions) == name


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("tasks, late: 10M/100k p95", 30),
        ("executions, label since ever: 10M/100k p95", 30),
        ("history, all: 1M/1M p95", 30),
        ("metrics, 30d: 10M/100k p95", 20),
    ],
)
def test_it_has_an_aim_for_each_list_and_metric_at_each_size(name: str, bound: float):
    aim = CASE.aim(name)
    assert aim is not None
    assert aim.bound == bound


@pytest.mark.parametrize("name", ["tasks, late: 10M/100k p99", "tasks, late: growth", "sla, task: 10M/100k p95"])
def test_it_has_none_for_the_rest(name: str):
    assert CASE.aim(name) is None
