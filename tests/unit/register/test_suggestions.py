"""scheduler.engine.suggestions."""

import pytest

from scheduler.engine.suggestions import did_you_mean, strangers

KNOWN = ["cronExpression", "priority", "timeoutSeconds", "timeZone", "platform.noop"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("cron_expression", "cronExpression"),
        ("CRONEXPRESSION", "cronExpression"),
        ("prority", "priority"),
        ("timeout", "timeoutSeconds"),
        ("platform.nop", "platform.noop"),
        ("prio", "priority"),
    ],
)
def test_it_guesses(word: str, meant: str) -> None:
    assert did_you_mean(word, KNOWN) == f" Did you mean {meant!r}?"


@pytest.mark.parametrize("word", ["", "colour", "x" * 10_000, "💥"])
def test_it_does_not_guess_wildly(word: str) -> None:
    assert did_you_mean(word, KNOWN) == ""


def test_it_names_what_is_not_known_with_what_was_meant() -> None:
    assert list(strangers(["priority", "prority", "x"], KNOWN)) == [("prority", " Did you mean 'priority'?"), ("x", "")]


def test_of_many_it_names_ten_and_says_how_many_more() -> None:
    found = list(strangers([f"x{number}" for number in range(100_000)], KNOWN))
    assert [name for name, _ in found] == [f"x{number}" for number in range(11)]
    assert found[-1] == ("x10", " Of 99,989 more neither.")


def test_it_compares_with_a_thousand_at_most() -> None:
    assert did_you_mean("prority", [*map(str, range(1_000)), "priority"]) == ""
