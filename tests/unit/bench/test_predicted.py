"""Predictions beside the plain mean and the last value, on histories that they have not seen."""

import pytest

from bench import predicted

CALM = predicted.histories(tasks=300, seed=7)
HISTORIES = {"calm": CALM, "troubled": predicted.troubled(CALM, seed=7)}
COMPARED = {name: predicted.compare(runs) for name, runs in HISTORIES.items()}


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("other", ["plain mean", "last value"])
def test_predictions_are_better_than(other: str, history: str):
    compared = COMPARED[history]

    assert compared.errors["prediction"] < compared.errors[other]
    assert compared.factors["prediction"] < compared.factors[other]


def test_nine_of_ten_runs_take_no_longer_than_the_p90():
    assert COMPARED["calm"].within_p90 == pytest.approx(0.9, abs=0.03)


def test_the_same_seed_compares_the_same():
    assert predicted.compare(predicted.histories(tasks=300, seed=7)) == COMPARED["calm"]


def test_what_is_predicted_lies_behind_what_it_is_predicted_from():
    (*_, (before, took)) = predicted._held_out(list(range(90)))

    assert (len(before), took) == (89, 89)
