"""The code of an earlier version, out of the clone's own history."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from platform_scheduler.embedded.services import PROJECT

# The newest commit before migration 0033 (flex); 0033 to the newest are what an upgrade from it applies.
EARLIER = "a534b3ae6497305ab973655ae2481e8abb2876d7"


def earlier_code(folder: Path) -> Path:
    """Write the code of the earlier version into a folder; skip the test where there is no whole history."""
    if shutil.which("git") is None or _git("rev-parse", "--is-shallow-repository").stdout.strip() != b"false":
        pytest.skip("no clone with a whole history, so no earlier version to upgrade from (git fetch --unshallow)")
    done = _git("archive", "--format=tar", EARLIER)
    assert done.returncode == 0, done.stderr.decode()
    folder.mkdir()
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        # Debian 12's Python has none of these filters; the archive is our own.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        archive.extractall(folder)  # noqa: S202
    return folder


def _git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    # Whoever owns the clone: it is read only, and nothing of its configuration is obeyed that could matter here.
    command = ["git", "-c", f"safe.directory={PROJECT}", "-C", str(PROJECT), *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, check=False)
