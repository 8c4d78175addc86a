"""What is said of the machine beside the figures."""

import sys
import sysconfig
from pathlib import Path

import psutil
import pytest

from bench import machine


def test_more_additions_take_more_of_the_processor() -> None:
    assert 0 <= machine.addition_ms(1) < machine.addition_ms(200_000)


def test_a_wake_up_takes_some_microseconds_and_leaves_nothing_behind() -> None:
    before = _held()

    assert machine.wake_up_us(20) > 0

    assert _held() == before


def _held() -> tuple[int, list[int]]:
    """Return how many files this process has open, and its children, those that nobody has waited for among them."""
    return len(list(Path("/proc/self/fd").iterdir())), [child.pid for child in psutil.Process().children()]


@pytest.mark.parametrize(
    ("arguments", "prefix", "said"),
    [
        ("'--enable-optimizations' '--with-lto'", "/usr/local", "optimized"),
        ("'--enable-shared'", "/usr", "of the distribution"),
        ("'--enable-shared'", "/home/ada/versions/3.11.9", "not optimized"),
        (None, "C:\\Python311", "not optimized"),
    ],
)
def test_how_the_interpreter_was_built_is_said(
    monkeypatch: pytest.MonkeyPatch, arguments: str | None, prefix: str, said: str
) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: arguments)
    monkeypatch.setattr(sys, "base_prefix", prefix)

    assert machine.python_build() == said
