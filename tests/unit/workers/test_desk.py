"""A desk whose reporter may have slept: whether one may begin; and how the two part."""

import os
import signal
import time

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


@pytest.fixture
def open_desk(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk whose reporter ends as soon as it is told that all is over."""

    def report(desk: Desk, _: object) -> None:
        while not desk.board.is_over:
            time.sleep(0.001)

    monkeypatch.setattr(Desk, "_become_reporter", report)
    desk.open(queues=["default"], concurrency=1)
    return desk


def test_it_ends_with_its_reporter_and_not_before(open_desk: Desk):
    reporter = open_desk._reporter_pid
    assert reporter is not None
    os.kill(reporter, 0)

    open_desk.close()

    with pytest.raises(ProcessLookupError):
        os.kill(reporter, 0)


def test_no_other_reporter_takes_over_once_it_is_closed(open_desk: Desk):
    open_desk.close()
    reporter = open_desk._reporter_pid

    open_desk.keep_reporter()

    assert open_desk._reporter_pid == reporter


def test_another_one_writes_what_is_left_where_the_last_was_killed(open_desk: Desk, caplog: pytest.LogCaptureFixture):
    first = open_desk._reporter_pid
    assert first is not None
    os.kill(first, signal.SIGKILL)

    open_desk.close()

    assert "was killed; another one writes" in caplog.text
    assert open_desk._reporter_pid != first


def test_no_other_one_follows_where_the_last_has_failed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(desk: Desk, _: object) -> None:
        while not desk.board.is_over:
            time.sleep(0.001)
        raise RuntimeError

    monkeypatch.setattr(Desk, "_become_reporter", fail)
    desk.open(queues=["default"], concurrency=1)
    only = desk._reporter_pid

    desk.close()

    assert desk._reporter_pid == only


def test_one_that_does_not_end_is_left_behind_and_told(
    open_desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    reporter = open_desk._reporter_pid
    assert reporter is not None
    os.kill(reporter, signal.SIGSTOP)
    hands = Clock(open_desk, wakes_at=10_000)
    monkeypatch.setattr(clock, "monotonic", hands.monotonic)
    monkeypatch.setattr("workers.desk.time.sleep", hands.sleep)

    open_desk.close()

    assert "has not ended within 15 s" in caplog.text
    os.kill(reporter, signal.SIGKILL)
    os.waitpid(reporter, 0)


def test_a_worker_that_never_opened_has_nobody_to_wait_for(desk: Desk):
    desk.close()
