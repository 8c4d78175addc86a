"""Whether a payload is what a task listens for."""

from typing import Any

import pytest

from scheduler.engine.matching import matches

HOLDS: list[tuple[Any, Any]] = [
    ({}, {}),
    ({}, {"a": 1}),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"a": 1}, {"a": 1.0}),
    ({"a": None}, {"a": None}),
    ({"a": True}, {"a": True}),
    ({"a": {"b": "x"}}, {"a": {"b": "x", "c": 1}}),
    ({"a": ["x", "y"]}, {"a": "y"}),
    ({"a": "x"}, {"a": ["x", "z"]}),
    ({"a": ["x", "y"]}, {"a": ["z", "y"]}),
    ({"a": [{"b": 1}, 5]}, {"a": {"b": 1, "c": 2}}),
    ({"ä": "😀"}, {"ä": "😀"}),
]
FAILS: list[tuple[Any, Any]] = [
    ({"a": 1}, {}),
    ({"a": 1}, {"a": 2}),
    ({"a": None}, {}),
    ({"a": 1}, {"a": "1"}),
    ({"a": 1}, {"a": True}),
    ({"a": False}, {"a": 0}),
    ({"a": None}, {"a": False}),
    ({"a": {"b": "x"}}, {"a": "x"}),
    ({"a": {}}, {"a": None}),
    ({"a": []}, {"a": 1}),
    ({"a": []}, {"a": []}),
    ({"a": "x"}, {"a": []}),
    ({"a": "x"}, {"a": {"x": "x"}}),
    ({"a": [True]}, {"a": [1]}),
    ({"A": 1}, {"a": 1}),
]


@pytest.mark.parametrize(("match", "payload"), HOLDS)
def test_it_matches(match: Any, payload: Any) -> None:
    assert matches(match, payload)


@pytest.mark.parametrize(("match", "payload"), FAILS)
def test_it_does_not_match(match: Any, payload: Any) -> None:
    assert not matches(match, payload)
