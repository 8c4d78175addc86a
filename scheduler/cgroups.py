"""What the kernel's control groups allow this process, and what of it is used: versions 1 and 2."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

SELF = Path("/proc/self/cgroup")
# Version 1 says a number near 2^63 where it means none.
_NONE = 2**60


class Memory(NamedTuple):
    """Bytes in use, without file pages that the kernel can drop at once, of those allowed."""

    used: int
    limit: int

    @property
    def percent(self) -> float:
        """What is used of what is allowed."""
        return 100 * self.used / self.limit


class Cpu(NamedTuple):
    """Seconds of CPU used since the group is there, and how many cores it may use at once."""

    used_seconds: float
    cores: float


def memory(root: Path, *, own: Path = SELF) -> Memory | None:
    """Return the memory of the tightest group around this process; None where nothing limits it."""
    found = [*filter(None, map(_memory_2, _groups(root, "", own=own)))]
    found += filter(None, map(_memory_1, _groups(root / "memory", "memory", own=own)))
    return max(found, key=lambda one: one.percent, default=None)


def cpu(root: Path, *, own: Path = SELF) -> Cpu | None:
    """Return the CPU of the tightest group around this process; None where nothing limits it."""
    found = [*filter(None, map(_cpu_2, _groups(root, "", own=own)))]
    found += filter(None, map(_cpu_1, _groups(root / "cpu", "cpu", own=own)))
    return min(found, key=lambda one: one.cores, default=None)


def _groups(mount: Path, controller: str, *, own: Path) -> Iterator[Path]:
    """Yield the groups of this process, its own first; inside a container its own is the mount itself."""
    path = mount / _own_path(controller, own).lstrip("/")
    while path != mount and mount in path.parents:
        yield path
        path = path.parent
    yield mount


def _own_path(controller: str, own: Path) -> str:
    for line in (_text(own) or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    return "/"


def _memory_2(group: Path) -> Memory | None:
    return _memory(
        _number(group / "memory.max"), _number(group / "memory.current"), group / "memory.stat", "inactive_file"
    )


def _memory_1(group: Path) -> Memory | None:
    limit, used = _number(group / "memory.limit_in_bytes"), _number(group / "memory.usage_in_bytes")
    return _memory(limit, used, group / "memory.stat", "total_inactive_file")


def _memory(limit: int | None, used: int | None, stat: Path, droppable: str) -> Memory | None:
    if limit is None or used is None or not 0 < limit < _NONE:
        return None
    return Memory(max(used - _stat(stat, droppable), 0), limit)


def _cpu_2(group: Path) -> Cpu | None:
    quota, _, period = (_text(group / "cpu.max") or "").partition(" ")
    if not (quota.isdigit() and period.strip().isdigit()):
        return None
    return Cpu(_stat(group / "cpu.stat", "usage_usec") / 1e6, int(quota) / int(period))


def _cpu_1(group: Path) -> Cpu | None:
    quota, period = _number(group / "cpu.cfs_quota_us"), _number(group / "cpu.cfs_period_us")
    if quota is None or period is None or quota <= 0:
        return None
    return Cpu((_number(group / "cpuacct.usage") or 0) / 1e9, quota / period)


def _stat(path: Path, name: str) -> int:
    lines = (line.split() for line in (_text(path) or "").splitlines())
    return next((int(words[1]) for words in lines if words and words[0] == name), 0)


def _number(path: Path) -> int | None:
    try:
        return int(_text(path) or "")
    except ValueError:
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
