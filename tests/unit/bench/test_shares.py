"""Processes are held to a share of a core in control groups of either version, which are gone afterwards."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.shares import MOUNT, Shares
from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.waiting import wait_until

FILES = {1: ("cpu.cfs_quota_us", "cpu.cfs_period_us", "cgroup.procs"), 2: ("cpu.max", "cgroup.procs")}


@pytest.fixture(params=(1, 2))
def mount(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that does what the kernel's do: a new group has its files, and goes with them."""
    root = tmp_path / "cpu" if request.param == 1 else tmp_path
    root.mkdir(exist_ok=True)
    make, remove = Path.mkdir, Path.rmdir

    def made(path: Path) -> None:
        make(path)
        for name in FILES[request.param]:
            (path / name).touch()

    def removed(path: Path) -> None:
        for name in FILES[request.param]:
            (path / name).unlink()
        remove(path)

    monkeypatch.setattr(Path, "mkdir", made)
    monkeypatch.setattr(Path, "rmdir", removed)
    return tmp_path


def test_each_set_of_processes_gets_a_group_with_its_share(mount: Path):
    with Shares.of_machine(mount) as found:
        assert found is not None
        found.hold([11], cores=0.3)
        found.hold([12], cores=1)
        groups = sorted(mount.rglob("cgroup.procs"), key=Path.read_text)
        assert [path.read_text() for path in groups] == ["11", "12"]
        assert [_share(path.parent) for path in groups] == [(3_000, 10_000), (10_000, 10_000)]

    assert not list(mount.rglob("scheduler-bench-*"))


def test_where_no_group_may_be_made_there_is_none_to_lend(tmp_path: Path):
    with Shares.of_machine(tmp_path / "absent") as found:
        assert found is None


def test_a_mount_whose_groups_share_no_cpu_is_none_to_lend(tmp_path: Path):
    with Shares.of_machine(tmp_path) as found:
        assert found is None

    assert not list(tmp_path.iterdir())


def test_what_the_kernel_refuses_is_said(mount: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(_: Path, text: str) -> int:
        raise ProcessLookupError(3, "No such process", text)

    with Shares.of_machine(mount) as found:
        assert found is not None
        monkeypatch.setattr(Path, "write_text", refuse)
        with pytest.raises(CannotStart, match=r"Processes \[11\] cannot be held to 0.3 cores.*No such process"):
            found.hold([11], cores=0.3)


def test_the_kernel_stops_what_has_used_up_its_share():
    with Shares.of_machine() as found:
        if found is None:
            pytest.skip(f"This user may make no control groups below {MOUNT}.")
        busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        try:
            found.hold([busy.pid], cores=0.25)
            (group,) = MOUNT.glob("**/scheduler-bench-*")
            assert wait_until(lambda: _times_stopped(group) > 0, seconds=20)
        finally:
            busy.kill()
            busy.wait()
    assert not group.exists()


def _share(group: Path) -> tuple[int, int]:
    if (group / "cpu.max").exists():
        quota, period = (group / "cpu.max").read_text().split()
    else:
        quota, period = (group / "cpu.cfs_quota_us").read_text(), (group / "cpu.cfs_period_us").read_text()
    return int(quota), int(period)


def _times_stopped(group: Path) -> int:
    stat = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(stat["nr_throttled"])
