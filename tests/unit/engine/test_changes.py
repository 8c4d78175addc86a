"""What differs between two documents."""

from typing import Any

import pytest

from scheduler.engine.changes import Change, changes


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [Change("a", 1, 2)]),
        ({"a": 1}, {"a": None}, [Change("a", 1, None)]),
        ({"a": 1}, {}, [Change("a", 1, None)]),
        ({}, {"a": 1}, [Change("a", None, 1)]),
        ({"b": 1, "a": 1}, {"a": 2, "b": 2}, [Change("a", 1, 2), Change("b", 1, 2)]),
        ({"a": {"x": 1, "y": 1}}, {"a": {"x": 2, "z": 1}}, [
            Change("a.x", 1, 2), Change("a.y", 1, None), Change("a.z", None, 1),
        ]),
        ({"a": {"x": 1}}, {"a": None}, [Change("a", {"x": 1}, None)]),
        ({"a": [1]}, {"a": [1, 2]}, [Change("a", [1], [1, 2])]),
        ({"a": [{"x": 1}]}, {"a": [{"x": True}]}, [Change("a", [{"x": 1}], [{"x": True}])]),
        ({"a": {"x": False}}, {"a": {"x": 0}}, [Change("a.x", False, 0)]),
        ({"a": 1}, {"a": 1.0}, []),
    ],
)  # fmt: skip
def test_it_tells_the_fields_that_differ(old: Any, new: Any, expected: list[Change]) -> None:
    assert list(changes(old, new)) == expected
