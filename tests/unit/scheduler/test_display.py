"""scheduler.display."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduler import display
from scheduler.engine.states import Status, TaskStatus

NOW = datetime(2031, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (245, "4 min 5 s"),
        (3600, "1 h"),
        (86_400 * 2 + 3600 * 3 + 59, "2 d 3 h"),
        (86_400 + 59, "1 d"),
    ],
)
def test_it_says_a_duration_in_two_units(seconds: float, text: str) -> None:
    assert display.span(timedelta(seconds=seconds)) == text


def test_it_says_how_far_away_the_future_is() -> None:
    assert display.relative(NOW + timedelta(minutes=2), NOW) == "in 2 min"


def test_it_says_how_long_ago_the_past_is() -> None:
    assert display.relative(NOW - timedelta(minutes=2), NOW) == "2 min ago"


@pytest.mark.parametrize("words", [Status, TaskStatus])
def test_no_two_states_of_a_kind_have_one_sign(words: type[Status]) -> None:
    assert len({display.SIGNS[word] for word in words}) == len(words)
