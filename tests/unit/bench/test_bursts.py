"""A burst that could not be prepared in time is over before the next one is counted."""

from datetime import UTC, datetime
from unittest.mock import MagicMock

import pytest

from bench import bursts, tasks

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_what_came_due_too_soon_is_in_the_queue_before_that_is_cleared(monkeypatch: pytest.MonkeyPatch):
    """Its rows say so from the claim on: its last messages may still be under way."""
    arena = MagicMock()
    arena.timeline.now.return_value = arena.timeline.at.return_value = NOON
    # The first comes due while it is prepared; the second lies ahead, and has come.
    arena.timeline.seconds_until.side_effect = [0.1, 5.0, 0.2]
    arena.meter.per_thousand.return_value = {}
    arena.scalar.return_value = 2
    arena.queue.take_all.return_value.executions.return_value = [("a", 1), ("b", 1)]
    for name in ("make_due", "settle"):
        monkeypatch.setattr(tasks, name, lambda *_, **__: None)

    assert bursts.fire(arena, first=1, count=2).count == 2
    asked = [name for name, _, _ in arena.queue.mock_calls if name in {"clear", "wait_for_depth"}]
    assert asked == ["clear", "wait_for_depth", "clear", "wait_for_depth"]
