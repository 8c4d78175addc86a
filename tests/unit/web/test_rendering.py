"""Answers are the text that the framework would write."""

from datetime import UTC, datetime, time
from decimal import Decimal
from uuid import UUID

import pytest
from rest_framework import renderers

from platform_scheduler.rendering import JSONRenderer
from scheduler.engine.states import Status


@pytest.mark.parametrize(
    "data",
    [
        None,
        {"a": [1, None, True, 'ü\u2028\u2029\u0001"\\/'], "b": {"c": 1.5}},
        [datetime(2030, 1, 1, 12, 0, 0, 5, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC), time(1, 2)],
        [UUID(int=1), Decimal("1.50"), Status.FAILED, {"z", "y"} & {"z"}, ("t",), iter([1])],
        {1: "a key that is no text", "big": 2**70},
    ],
)
def test_it_writes_what_the_framework_would(data: object) -> None:
    again = [UUID(int=1), Decimal("1.50"), Status.FAILED, {"z"}, ("t",), iter([1])]

    written = JSONRenderer().render(data)

    assert written == renderers.JSONRenderer().render(again if isinstance(data, list) and len(data) == 6 else data)


def test_it_indents_what_is_asked_for_so() -> None:
    assert JSONRenderer().render({"a": 1}, "application/json; indent=2") == b'{\n  "a": 1\n}'


def test_half_a_character_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        JSONRenderer().render({"a": "\ud800"})
