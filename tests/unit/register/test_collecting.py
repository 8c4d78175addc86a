"""Garbage is looked for less often while somebody registers thousands, and as usual once the last has."""

import gc

import pytest

from register import collecting


def test_it_is_looked_for_seldom_until_the_last_block_ends() -> None:
    usual = gc.get_threshold()

    with collecting.seldom():
        with collecting.seldom():
            assert gc.get_threshold() == (collecting.YOUNG, *usual[1:])
        assert gc.get_threshold() == (collecting.YOUNG, *usual[1:])

    assert gc.get_threshold() == usual


def test_it_is_as_usual_after_a_failure() -> None:
    usual = gc.get_threshold()

    with pytest.raises(ValueError, match="bad"), collecting.seldom():
        raise ValueError("bad")

    assert gc.get_threshold() == usual
