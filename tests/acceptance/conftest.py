"""Any number of `up`s, gone after their test."""

import tempfile
from pathlib import Path

import pytest

from tests.acceptance.embedded import Up, remove


@pytest.fixture
def make_up():
    """Make any number of them; whatever a test does, nothing of them outlives it."""
    made: list[Up] = []

    def make(**options) -> Up:
        folder = Path(tempfile.mkdtemp(prefix="platform-scheduler-up-"))
        folder.chmod(0o711)  # as root, PostgreSQL's user has to pass
        made.append(Up(folder, **options))
        return made[-1]

    yield make
    for one in made:
        remove(one)


@pytest.fixture
def up(make_up):
    return make_up()
