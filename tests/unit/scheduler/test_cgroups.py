"""Control groups as the kernel shows them, of both versions."""

from pathlib import Path

import pytest

from scheduler import cgroups
from scheduler.cgroups import Cpu, Memory

MIB = 2**20


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def own(folder: Path, text: str) -> Path:
    path = folder / "self"
    path.write_text(text)
    return path


def test_version_2_in_a_container(tmp_path: Path):
    root = write(
        tmp_path / "cgroup",
        memory__max=f"{512 * MIB}\n", memory__current=f"{300 * MIB}\n",
        memory__stat=f"anon 1\ninactive_file {44 * MIB}\n",
        cpu__max="150000 100000\n", cpu__stat="usage_usec 2500000\n",
    )  # fmt: skip
    self = own(tmp_path, "0::/\n")
    assert cgroups.memory(root, own=self) == Memory(256 * MIB, 512 * MIB)
    assert cgroups.memory(root, own=self).percent == 50  # type: ignore[union-attr]
    assert cgroups.cpu(root, own=self) == Cpu(2.5, 1.5)


def test_version_2_of_a_service_the_tightest_group_counts(tmp_path: Path):
    root = tmp_path / "cgroup"
    write(root / "system.slice", memory__max=f"{100 * MIB}", memory__current=f"{90 * MIB}")
    write(root / "system.slice" / "worker", memory__max="max", memory__current=f"{80 * MIB}", cpu__max="max 100000")
    self = own(tmp_path, "0::/system.slice/worker\n")
    assert cgroups.memory(root, own=self) == Memory(90 * MIB, 100 * MIB)
    assert cgroups.cpu(root, own=self) is None


def test_version_1(tmp_path: Path):
    root = tmp_path / "cgroup"
    write(
        root / "memory" / "docker",
        **{
            "memory.limit_in_bytes": str(200 * MIB), "memory.usage_in_bytes": str(150 * MIB),
            "memory.stat": f"total_inactive_file {50 * MIB}\n",
        },
    )  # fmt: skip
    write(
        root / "cpu" / "docker",
        **{"cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "100000", "cpuacct.usage": "7000000000"},
    )
    self = own(tmp_path, "9:memory:/docker\n4:cpu,cpuacct:/docker\n")
    assert cgroups.memory(root, own=self) == Memory(100 * MIB, 200 * MIB)
    assert cgroups.cpu(root, own=self) == Cpu(7.0, 0.5)


@pytest.mark.parametrize("limit", ["9223372036854771712", "-1", "", "nonsense"])
def test_version_1_without_a_limit(tmp_path: Path, limit: str):
    root = tmp_path / "cgroup"
    write(root / "memory", **{"memory.limit_in_bytes": limit, "memory.usage_in_bytes": "1"})
    assert cgroups.memory(root, own=own(tmp_path, "9:memory:/\n")) is None


def test_a_machine_without_control_groups(tmp_path: Path):
    assert cgroups.memory(tmp_path / "none", own=tmp_path / "none") is None
    assert cgroups.cpu(tmp_path / "none", own=tmp_path / "none") is None
