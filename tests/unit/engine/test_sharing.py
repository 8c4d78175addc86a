"""How namespaces share a batch."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.sharing import shares

weights_of = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(1, 100), max_size=30)


def test_it_shares_by_weight():
    assert shares(450, {"a": 1, "b": 2}) == {"a": 150, "b": 300}


def test_one_alone_has_everything():
    assert shares(450, {"a": 3}) == {"a": 450}


def test_a_small_one_gets_something_beside_a_large_one():
    assert shares(10, {"a": 1, "b": 100})["a"] == 1


def test_nobody_shares_nothing():
    assert (shares(0, {"a": 1}), shares(5, {})) == ({}, {})


def test_all_come_to_their_turn_where_there_are_more_names_than_parts():
    names = dict.fromkeys("abcde", 1)
    seen = Counter(name for turn in range(5) for name in shares(2, names, turn=turn))
    assert seen == Counter(dict.fromkeys("abcde", 2))


@given(st.integers(1, 1_000), weights_of, st.integers(0, 1_000))
def test_the_parts_add_up(total: int, weights: dict[str, int], turn: int):
    parts = shares(total, weights, turn=turn)
    assert sum(parts.values()) == (total if weights else 0)


@given(st.integers(1, 1_000), weights_of)
def test_a_part_is_within_one_of_its_proportion(total: int, weights: dict[str, int]):
    parts = shares(total + len(weights), weights)
    sum_of_weights = sum(weights.values()) or 1
    assert all(abs(parts[name] - 1 - total * weight / sum_of_weights) <= 1 for name, weight in weights.items())
