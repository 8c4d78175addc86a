"""A desk whose reporter may have slept: whether one may begin."""

import pytest

from scheduler import clock
from workers.board import Board
from workers.desk import REPORTER_STALE_SECONDS, Desk


class Clock:
    """A monotonic clock that only sleeps move on; the reporter turns once it shows `wakes_at`."""

    def __init__(self, desk: Desk, *, wakes_at: float) -> None:
        self.second = 1_000.0
        self._desk, self._wakes_at = desk, wakes_at

    def monotonic(self) -> float:
        return self.second

    def sleep(self, seconds: float) -> None:
        self.second += seconds
        if self.second >= self._wakes_at:
            self._desk.board.reporter_seen_at = self.second


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.board = Board()
    return desk


def _play(desk: Desk, monkeypatch: pytest.MonkeyPatch, *, wakes_at: float, slept: float) -> tuple[bool, float]:
    """Ask, the reporter having turned `slept` seconds ago; return the answer and the seconds that it took."""
    hands = Clock(desk, wakes_at=wakes_at)
    desk.board.reporter_seen_at = hands.second - slept
    monkeypatch.setattr(clock, "monotonic", hands.monotonic)
    monkeypatch.setattr("workers.desk.time.sleep", hands.sleep)
    return desk.await_reporter(), hands.second - 1_000.0


def test_it_does_not_wait_for_a_reporter_that_turns(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    assert _play(desk, monkeypatch, wakes_at=2_000, slept=0.2) == (True, 0.0)


def test_it_waits_for_one_that_has_just_woken_up(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    found, seconds = _play(desk, monkeypatch, wakes_at=1_000.3, slept=REPORTER_STALE_SECONDS + 60)
    assert found
    assert seconds == pytest.approx(0.3, abs=0.06)


def test_it_gives_one_up_that_is_gone(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    found, seconds = _play(desk, monkeypatch, wakes_at=2_000, slept=REPORTER_STALE_SECONDS + 60)
    assert not found
    assert seconds == pytest.approx(2, abs=0.1)
