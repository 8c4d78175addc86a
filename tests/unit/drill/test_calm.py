"""When a drill stops waiting for what is open: once nothing is, or nothing has ended for as long as a slot may take."""

from collections.abc import Callable
from typing import Any

import pytest

from drill import run
from drill.definitions import Definition
from drill.platform import Size

LOOKS = 3


def _calm(monkeypatch: pytest.MonkeyPatch, *counts: int | None) -> bool:
    """Return whether calm comes, where these are found open, one look after another, and patience is three looks."""
    left = list(counts)

    def wait(condition: Callable[[], bool], *, seconds: float, every: float) -> bool:
        return any(condition() for _ in range(LOOKS))

    monkeypatch.setattr(run, "wait_until", wait)
    monkeypatch.setattr(run, "_open_count", lambda *_: left.pop(0))
    platform: Any = type("Stub", (), {"size": Size()})
    return run.await_calm(platform, []) is not None


def test_it_comes_once_nothing_is_open(monkeypatch: pytest.MonkeyPatch):
    assert _calm(monkeypatch, 0)


def test_what_ends_one_after_another_may_take_its_time(monkeypatch: pytest.MonkeyPatch):
    assert _calm(monkeypatch, 3, 3, 3, 2, 2, None, 1, None, 1, 0)


@pytest.mark.parametrize("counts", [(1, 1, 1, 1), (2, 1, 1, 1, 1), (1, 2, 2, 2), (None, None, None)])
def test_it_does_not_where_nothing_ends(monkeypatch: pytest.MonkeyPatch, counts: tuple[int | None, ...]):
    assert not _calm(monkeypatch, *counts)


def test_a_slot_of_what_always_fails_is_waited_for_as_long_as_its_tries_are_slowed_down():
    failing = Definition(name="fails", timeout_seconds=1, max_retry_count=2, retry_delay_seconds=2)
    none = run._patience(Size(), [])
    assert run._patience(Size(), [failing]) - none == 3 * 11 + 2 * 64
