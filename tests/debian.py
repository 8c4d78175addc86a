"""Tests that need a package of the system: skipped by name where it is absent, but never in CI, which installs it."""

import os
from typing import NoReturn

import pytest


def is_missing(what: str, *, package: str) -> NoReturn:
    """Skip the test, naming the Debian package that brings what it lacks; fail it in CI."""
    message = f"no {what}: install Debian's package {package}"
    if os.environ.get("CI"):
        pytest.fail(f"{message} (.ci/run does)")
    pytest.skip(message)
