"""scheduler.engine.suggestions."""

import pytest

from scheduler.engine.suggestions import did_you_mean

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
