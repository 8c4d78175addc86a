"""Parameters in documents."""

from typing import Any

import pytest

from scheduler.engine.templates import filled, named

VALUES = {"days": 7, "region": "eu", "tags": ["a"], "flag": True, "none": None}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("plain", "plain"),
        ("${days}", 7),
        ("${tags}", ["a"]),
        ("${none}", None),
        ("Report ${region}, ${days} d", "Report eu, 7 d"),
        ("${flag}${none}", "truenull"),
        ("$${days}", "${days}"),
        ("$days $$ {days}", "$days $$ {days}"),
        ("${region}${region}", "eueu"),
        ({"a": ["${days}", {"b": "x${region}"}], "${region}": 1}, {"a": [7, {"b": "xeu"}], "${region}": 1}),
        (3, 3),
        (None, None),
    ],
)
def test_it_fills_them_in(document: Any, expected: Any) -> None:
    assert filled(document, VALUES) == expected


def test_a_value_is_not_filled_in_again() -> None:
    assert filled("a ${x}", {"x": "${y}"}) == "a ${y}"


def test_one_without_a_value_is_named() -> None:
    with pytest.raises(KeyError, match="hours"):
        filled({"a": "${hours}"}, VALUES)


def test_it_names_them_with_their_places() -> None:
    document = {"name": "${a} and ${b}", "taskData": {"list": [1, "${c}", "$${d}"]}, "x": "${not a name}"}

    assert list(named(document)) == [
        ("name", "a"), ("name", "b"), ("taskData.list[1]", "c"), ("x", "not a name"),
    ]  # fmt: skip
