"""What --fail-if takes, and what it says of everything else."""

import pytest

from scheduler.engine.expectations import BadExpectation, read

FIGURES = {"late": 0.0, "wait_p95": 30.0}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("late > 0", False), ("late>=0", True), ("wait_p95 == 30", True), ("wait_p95 != 30", False),
        ("wait_p95 < 30.5", True), ("reports:wait_p95 <= 29", False), (" late < 1e3 ", True),
    ],
)  # fmt: skip
def test_it_compares(text: str, holds: bool) -> None:
    assert read(text, figures=FIGURES, queues={"reports": None}).holds(FIGURES) is holds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("late", "is no comparison"), ("", "is no comparison"), ("late > 0 or 1", "is no comparison"),
        ("lat > 0", "Did you mean 'late'?"), ("late > many", "'many' is no number"),
        ("report:late > 0", "no task uses a queue 'report'. Did you mean 'reports'?"),
        ("late => 0", "is no comparison"),
    ],
)  # fmt: skip
def test_it_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(BadExpectation) as refusal:
        read(text, figures=FIGURES, queues={"reports": None})

    assert words in str(refusal.value)
