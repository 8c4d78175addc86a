"""Bounded waiting, and what cuts it short."""

import os
import signal
from collections.abc import Iterator

import pytest

from platform_scheduler.embedded.interrupts import Interrupts
from platform_scheduler.embedded.waiting import Interrupted, wait_until


def test_it_returns_as_soon_as_the_condition_holds():
    answers = iter([False, False, True])
    assert wait_until(lambda: next(answers), seconds=10, every=0)


def test_it_gives_up_in_time():
    assert not wait_until(lambda: False, seconds=0)


def test_it_ends_when_it_is_interrupted():
    with pytest.raises(Interrupted):
        wait_until(lambda: False, seconds=10, pause=lambda seconds: True)


@pytest.fixture
def with_a_terminal() -> Iterator[None]:
    """SIGHUP is not ignored, as it is in tests that `nohup` has begun."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("with_a_terminal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_hears_a_request_to_end(number):
    with Interrupts() as interrupts:
        os.kill(os.getpid(), number)
        assert interrupts.wait(10)
        assert interrupts.count == 1


def test_it_does_not_give_up_a_wait_for_the_end():
    with Interrupts() as interrupts:
        os.kill(os.getpid(), signal.SIGTERM)
        assert not interrupts.pause(10)


def test_it_puts_the_handlers_back():
    before = signal.getsignal(signal.SIGINT)
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before
