"""scheduler.engine.strict_json."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine import strict_json

_LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_VALUES = st.recursive(_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(_VALUES)
def test_it_reads_what_json_can_say(value: Any) -> None:
    assert strict_json.loads(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1, column 1"),
        ("{'a': 1}", "line 1, column 2"),
        ("[1,]", "line 1"),
        ("NaN", "NaN is no JSON value"),
        ("[-Infinity]", "-Infinity is no JSON value"),
        ("1e999", "too large"),
        ("1" * 5000, "too many digits"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
        ('"\\ud800"', "surrogate"),
        ('{"\\udfff": 1}', "surrogate"),
        ("[" * 65 + "]" * 65, "64 levels"),
        ("[" * 100_000, "64 levels"),
        ("\ufeff{}", "BOM"),
        pytest.param("[" + "{}," * 500_001 + "{}]", "1,000,000 values", id="a million objects"),
        pytest.param("[" + "[[[[]]]]," * 200_001 + "[]]", "1,000,000 values", id="a million lists, one in the other"),
    ],
)
def test_it_refuses_what_json_cannot_say(text: str, said: str) -> None:
    with pytest.raises(strict_json.InvalidJson, match=said):
        strict_json.loads(text)


def test_it_counts_no_commas_of_texts() -> None:
    assert strict_json.loads(json.dumps(['a, \\", b' * 1_000_000]))


def test_a_text_that_does_not_end_is_looked_through_once() -> None:
    began = time.process_time()
    with pytest.raises(strict_json.InvalidJson):
        strict_json.loads('["' + '\\"' * 300_000 + "," * 1_000_001)
    assert time.process_time() - began < 5


def test_it_finds_a_double_among_many_names_at_once() -> None:
    names = ",".join(f'"{number}":0' for number in range(80_000))
    began = time.process_time()
    with pytest.raises(strict_json.InvalidJson, match="'last' stands twice"):
        strict_json.loads(f'{{{names},"last":0,"last":0}}')
    assert time.process_time() - began < 5  # name by name it took minutes


def test_it_reads_64_levels() -> None:
    assert strict_json.loads("[" * 64 + "]" * 64)


@pytest.mark.parametrize(
    ("value", "found"), [("a\0", True), ({"\0": 1}, True), ([{"a": ["\0"]}], True), ({"a": 0}, False)]
)
def test_it_finds_a_character(value: Any, found: bool) -> None:
    assert strict_json.holds(value, "\0") is found
