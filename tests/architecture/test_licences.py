"""What is installed at run time is permissive, or NOTICE says what it is instead."""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKED = re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
NOTICED = re.findall(r"^(\S+)\s+.*(?:LGPL|MPL)-", (ROOT / "NOTICE").read_text(), re.MULTILINE)
COPYLEFT = re.compile(r"GPL|MPL|General Public|Mozilla", re.IGNORECASE)


def licence(package: str) -> str:
    """All that the package says of its licence; nothing where it is for another system."""
    try:
        told = distribution(package).metadata
    except PackageNotFoundError:
        return "not installed here"
    classifiers = [line for line in told.get_all("Classifier") or [] if line.startswith("License")]
    said = [line for name in ("License-Expression", "License") for line in told.get_all(name) or []]
    return "; ".join(line[:80] for line in [*said, *classifiers] if line)


@pytest.mark.parametrize("package", LOCKED)
def test_it_notices_what_is_copyleft(package: str) -> None:
    told = licence(package)

    assert told, "it says no licence: read its files, and say in NOTICE what it is"
    assert bool(COPYLEFT.search(told)) == (package in NOTICED), told


def test_it_notices_only_what_is_locked() -> None:
    assert set(NOTICED) <= set(LOCKED)
    assert "psycopg" in NOTICED
