"""The soft limit, and the cancel."""

import signal
import threading

import pytest

from workers.errors import Cancelled, SoftTimeout
from workers.limits import cancellable, hear_cancels, held_back, soft_limit

LONG = 3_600


def alarm() -> None:
    signal.raise_signal(signal.SIGALRM)


def test_it_raises_in_the_block_once_time_is_up():
    with pytest.raises(SoftTimeout), soft_limit(0.01):
        signal.pause()


def test_it_raises_through_a_handler_that_catches_every_exception():
    with pytest.raises(SoftTimeout), soft_limit(LONG):
        try:
            alarm()
        except Exception:  # noqa: BLE001 - as handlers do
            pytest.fail("the handler has swallowed it")


def test_it_does_nothing_to_a_block_that_ends_in_time():
    with soft_limit(LONG):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_it_never_raises_after_the_block():
    with soft_limit(LONG):
        pass
    alarm()


def test_it_never_raises_after_a_block_that_has_failed():
    with pytest.raises(KeyError), soft_limit(LONG):
        raise KeyError
    alarm()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_it_raises_once():
    with pytest.raises(SoftTimeout), soft_limit(LONG):
        alarm()
    alarm()


def test_it_lets_a_handler_clean_up_undisturbed():
    """Ten more seconds are left until the kill: the limit does not strike again meanwhile."""
    cleaned: list[str] = []
    with pytest.raises(SoftTimeout), soft_limit(LONG):
        try:
            alarm()
        finally:
            cleaned.append("up")
    assert cleaned == ["up"]


def test_it_arms_each_block_anew():
    for _ in range(2):
        with pytest.raises(SoftTimeout), soft_limit(LONG):
            alarm()


def cancel() -> None:
    signal.raise_signal(signal.SIGUSR2)


def test_it_raises_in_the_block_once_it_is_asked():
    asked: list[bool] = []
    with pytest.raises(Cancelled), cancellable(lambda: bool(asked)):
        asked.append(True)
        cancel()


def test_it_raises_before_the_block_where_it_was_asked_before():
    with pytest.raises(Cancelled), cancellable(lambda: True):
        pytest.fail("the block has begun")


def test_a_signal_while_the_block_begins_raises_there_and_never_after():
    asked: list[bool] = []

    def is_asked() -> bool:
        asked.append(True)
        if len(asked) == 1:
            cancel()
        return True

    with pytest.raises(Cancelled), cancellable(is_asked):
        pytest.fail("the block has begun")
    cancel()


def test_a_signal_that_was_meant_for_another_does_nothing():
    with cancellable(lambda: False):
        cancel()


def test_a_signal_after_the_block_does_nothing():
    asked: list[bool] = []
    with cancellable(lambda: bool(asked)):
        pass
    asked.append(True)
    cancel()


def test_a_signal_before_any_block_does_not_end_the_process():
    hear_cancels()
    cancel()


def test_what_is_held_back_is_raised_once_the_block_has_ended():
    done: list[str] = []
    with pytest.raises(SoftTimeout), soft_limit(LONG):
        with held_back():
            alarm()
            done.append("all of it")
        pytest.fail("it goes on")
    assert done == ["all of it"]


def test_a_cancel_is_held_back_as_well():
    asked: list[bool] = []
    with pytest.raises(Cancelled), cancellable(lambda: bool(asked)), held_back():
        asked.append(True)
        cancel()


def test_what_is_held_back_is_raised_though_the_block_has_failed():
    with pytest.raises(SoftTimeout), soft_limit(LONG), held_back():
        alarm()
        raise KeyError


def test_what_was_held_back_is_raised_once():
    with pytest.raises(SoftTimeout), soft_limit(LONG), held_back():
        alarm()
    with soft_limit(LONG), held_back():
        pass


def test_a_block_during_which_nothing_strikes_ends_as_it_would():
    with soft_limit(LONG):
        with held_back():
            pass
        with pytest.raises(SoftTimeout):
            alarm()


def test_a_block_in_another_thread_holds_nothing_back():
    """Only the main thread is ever interrupted, and it may be in the middle of anything."""
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with held_back():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    with pytest.raises(SoftTimeout), soft_limit(LONG):
        alarm()
    leave.set()
    thread.join(10)
