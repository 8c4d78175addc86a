"""A platform that runs, held against its own OpenAPI document: all checks of schemathesis, the same cases each time."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.platform import ROOT, Platform, running

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]

SEED, EXAMPLES = "6", "3"


@pytest.fixture
def platform() -> Iterator[Platform]:
    """One of its own, for it is left full of whatever schemathesis thinks of."""
    folder = Path(tempfile.mkdtemp(prefix="platform-scheduler-conformance-"))
    folder.chmod(0o711)  # as root, PostgreSQL's user has to pass
    try:
        with running(folder / "data") as platform:
            yield platform
    finally:
        shutil.rmtree(folder)


def test_each_operation_answers_as_the_document_says(platform: Platform):
    url = f"http://127.0.0.1:{platform.port}/api/schema/"
    command = [
        str(Path(sys.executable).with_name("st")), "run", url, "--no-color",
        "-H", f"Authorization: Bearer {platform.token}",
        "--checks", "all", "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", SEED,
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
