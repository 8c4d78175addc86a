"""What is said of the machine beside the figures."""

import os
from pathlib import Path

import pytest

from bench import machine


def test_more_additions_take_more_of_the_processor() -> None:
    assert 0 <= machine.addition_ms(1) < machine.addition_ms(200_000)


def test_a_wake_up_takes_some_microseconds_and_leaves_nothing_behind() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))

    assert machine.wake_up_us(20) > 0

    assert len(list(Path("/proc/self/fd").iterdir())) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
