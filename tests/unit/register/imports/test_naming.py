"""register.imports.naming."""

import time

import pytest

from register.imports.naming import of_command


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("backup >/dev/null 2>&1", "backup"),
        ("backup > /dev/null  2> /dev/null ", "backup"),
        ("backup &>>/dev/null", "backup"),
        ("backup >/var/log/backup 2>&1", "backup >/var/log/backup"),
        ("cp /dev/null  x", "cp /dev/null x"),
        (">/dev/null 2>&1", ">/dev/null 2>&1"),
    ],
)
def test_it_leaves_out_what_silences_a_command(command: str, name: str) -> None:
    assert of_command(command) == name


@pytest.mark.parametrize("filler", [" ", ">/dev/null ", "\t>"])
def test_a_long_command_takes_no_longer(filler: str) -> None:
    began = time.process_time()
    of_command(f"a{filler * 50_000}x")
    assert time.process_time() - began < 5
