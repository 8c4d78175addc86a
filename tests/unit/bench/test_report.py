import json
from collections.abc import Iterator

import pytest

from bench.figures import Case, Sample, at_least, at_most
from bench.report import Outcome, as_json, table
from bench.stage import Stage
from bench.statistics import Summary


def nothing(stage: Stage) -> Iterator[Sample]:
    yield {}


CASE = Case(name="some", summary="a case", measure=nothing, aims={"seconds": at_most(0.8), "rate": at_least(1_200)})
FIGURES = {
    "seconds": Summary((0.9, 0.7, 0.75)),
    "rate": Summary((1_000.4, 1_100.0, 1_300.0)),
    "CPU": Summary((0.012345,)),
}


def outcome(*, is_quick: bool = False) -> Outcome:
    return Outcome(case=CASE, figures=FIGURES, is_quick=is_quick, others_percent=41.6)


@pytest.mark.parametrize(
    ("name", "is_quick", "verdict"),
    [
        ("seconds", False, "reached"),
        ("rate", False, "NOT REACHED"),
        ("CPU", False, ""),
        ("rate", True, "quick"),
        ("CPU", True, ""),
    ],
)
def test_it_judges_the_median_by_the_aim(name, is_quick, verdict):
    assert outcome(is_quick=is_quick).verdict(name) == verdict


@pytest.mark.parametrize(("aim", "reached"), [(at_most(5), True), (at_least(5), True), (at_most(4.9), False)])
def test_it_reaches_an_aim_at_its_bound(aim, reached):
    assert aim.is_reached(5) is reached


def test_it_prints_a_line_a_figure_beside_its_aim():
    assert list(table(outcome())) == [
        "some: a case",
        "  figure   median     min     max  runs     aim",
        "  seconds    0.75     0.7     0.9     3   ≤ 0.8      reached",
        "  rate      1,100   1,000   1,300     3  ≥ 1200  NOT REACHED",
        "  CPU      0.0123  0.0123  0.0123     1",
        "  others used 42 % of the machine meanwhile",
    ]


def test_it_says_that_quick_sizes_are_small():
    assert next(table(outcome(is_quick=True))) == "some: a case (quick: much smaller)"


def test_it_keeps_each_repetition_in_the_json():
    document = json.loads(json.dumps(as_json(outcome())))

    assert document["figures"][0] == {
        "name": "seconds",
        "median": 0.75,
        "min": 0.7,
        "max": 0.9,
        "values": [0.9, 0.7, 0.75],
        "aim": "≤ 0.8",
        "verdict": "reached",
    }
    assert document["figures"][2]["aim"] is None
    assert document["othersPercent"] == 41.6


def test_it_prints_a_grid_of_what_stands_before_and_behind_the_colon():
    case = Case(name="some", summary="a case", measure=nothing, aims={}, is_grid=True)
    figures = {"one: p50": Summary((1.0, 3.0, 2.0)), "one: p99": Summary((4_000.0,)), "both: p50": Summary((0.5,))}

    assert list(table(Outcome(case=case, figures=figures, is_quick=False))) == [
        "some: a case",
        "        p50    p99",
        "  one     2  4,000",
        "  both  0.5",
        "  others used 0 % of the machine meanwhile",
    ]


def test_it_names_what_of_a_grid_has_not_reached_its_aim():
    aims = {"* p95": at_most(2)}
    case = Case(name="some", summary="a case", measure=nothing, aims=aims, is_grid=True)
    figures = {f"{name}: 1k p95": Summary((value,)) for name, value in (("one", 2.0), ("both", 3.0))}

    assert list(table(Outcome(case=case, figures=figures | {"one: growth": Summary((9.0,))}, is_quick=False)))[-3:] == [
        "  1 of 2 figures have reached their aim, all but:",
        "  both: 1k p95 3, ≤ 2",
        "  others used 0 % of the machine meanwhile",
    ]
