"""register.api.fields.TaskData: what of an object is kept, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from register.api.fields import TaskData

_LEAVES = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"], min_codepoint=1))
_VALUES = _LEAVES | st.lists(_LEAVES) | st.dictionaries(st.text(st.characters(max_codepoint=127)), _LEAVES)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], min_codepoint=1)), _VALUES))
def test_it_keeps_an_object_as_text(data: dict[str, Any]) -> None:
    assert "\\u0000" in json.dumps(data) or json.loads(TaskData().to_internal_value(data)) == data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"a": "\x00"}, "null_characters"),
        ({"a": ["\x00"]}, "null_characters"),
        ({"\x00": 1}, "null_characters"),
        ({"a": float("nan")}, "json"),
        ({"a": [float("inf")]}, "json"),
        ({1: "one", "1": "another"}, "json"),
        ({"a": "x" * 65_536}, "max_bytes"),
        (["a"], "invalid"),
        (7, "invalid"),
    ],
)
def test_it_refuses_what_handlers_could_not_take(data: Any, said: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        TaskData().to_internal_value(data)

    assert [detail.code for detail in refusal.value.detail] == [said]  # type: ignore[union-attr]
