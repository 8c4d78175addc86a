"""`manage.py bench` on real servers and processes: that it measures and leaves nothing, never how fast."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from platform_scheduler.embedded.waiting import wait_until
from tests.acceptance.platform import ROOT

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]


@pytest.fixture
def folder():
    # Not pytest's own: as root PostgreSQL runs as another user, who must be able to pass through.
    with tempfile.TemporaryDirectory(prefix="platform-scheduler-bench-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
def begin(folder: Path):
    """Begin a bench; whatever a test does, it does not outlive it."""
    begun: list[subprocess.Popen[bytes]] = []

    def begin_one(*arguments: str) -> subprocess.Popen[bytes]:
        begun.append(
            subprocess.Popen(
                [sys.executable, "manage.py", "bench", *arguments],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "TMPDIR": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        )
        return begun[-1]

    yield begin_one
    for bench in begun:
        bench.kill()
        bench.communicate()


def test_it_writes_what_a_burst_took_and_leaves_nothing_behind(folder: Path, begin):
    file = folder / "figures.json"
    bench = begin("burst", "--quick", "--repeat=2", f"--json={file}")
    _, complaints = bench.communicate(timeout=300)
    assert bench.returncode == 0, complaints
    document = json.loads(file.read_text())
    figures = {figure["name"]: figure for figure in document["cases"][0]["figures"]}

    assert document["conditions"].keys() >= {"takenAt", "cores", "python", "postgres", "engines", "loadBefore"}
    assert document["cases"][0]["case"] == "burst"
    assert figures.keys() == {
        "all queued s", "firings per s", "scheduler CPU ms per 1,000", "postgres CPU ms per 1,000",
        "redis CPU ms per 1,000", "all CPU ms per 1,000",
    }  # fmt: skip
    assert figures["all queued s"]["min"] <= figures["all queued s"]["median"] <= figures["all queued s"]["max"]
    assert (len(figures["all queued s"]["values"]), figures["all queued s"]["aim"]) == (2, "≤ 0.8")
    assert list(folder.iterdir()) == [file]


def test_it_ends_its_processes_at_ctrl_c(folder: Path, begin):
    bench = begin("burst", "--quick")
    seen: list[psutil.Process] = []

    def runs_a_scheduler() -> bool:
        seen[:] = psutil.Process(bench.pid).children(recursive=True)
        return any("beat" in _command(process) for process in seen)

    assert wait_until(runs_a_scheduler, seconds=60)
    bench.send_signal(signal.SIGINT)
    _, complaints = bench.communicate(timeout=300)

    assert bench.returncode == 130
    assert complaints.endswith(b"Stopped; nothing is left behind.\n")
    assert [process for process in seen if process.is_running()] == []
    assert list(folder.iterdir()) == []


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []
