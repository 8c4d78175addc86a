"""register.turns."""

import sys

import pytest

from register import turns


def test_it_shortens_turns_inside_the_block_alone() -> None:
    usual = sys.getswitchinterval()

    with turns.short():
        inside = sys.getswitchinterval()

    assert inside == pytest.approx(turns.SECONDS)
    assert sys.getswitchinterval() == usual


def test_a_failure_gives_the_usual_turns_back() -> None:
    usual = sys.getswitchinterval()

    with pytest.raises(KeyError), turns.short():
        raise KeyError

    assert sys.getswitchinterval() == usual
