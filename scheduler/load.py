"""The load of this machine, or of the container around this process, sampled off the hot path."""

from typing import TypedDict

import psutil
from django.conf import settings

from scheduler import cgroups, clock


class Sample(TypedDict):
    """CPU since the last sample: of what the machine, or the container, may use, and of one core; memory in bytes."""

    cpuPercent: float
    processCpuPercent: float
    memoryPercent: float
    processMemoryBytes: int
    memoryLimitBytes: int


def process_lives(pid: int) -> bool:
    """Tell whether the process runs; one that is dead and not yet reaped does not."""
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


_process = psutil.Process()


def sample() -> dict[str, float | int]:
    """Return what the machine and this process use now; the first CPU figures of a process are 0."""
    limit = cgroups.memory(settings.CGROUP_ROOT)
    total = psutil.virtual_memory().total
    taken = Sample(
        cpuPercent=_cpu.percent(),
        processCpuPercent=_process.cpu_percent(interval=None),
        memoryPercent=memory_percent(),
        processMemoryBytes=_process.memory_info().rss,
        memoryLimitBytes=total if limit is None else min(limit.limit, total),
    )
    return dict(taken)  # type: ignore[arg-type]


def memory_percent() -> float:
    """Return what is used of the memory: the machine's, or the container's where that is nearer to its end."""
    limit = cgroups.memory(settings.CGROUP_ROOT)
    of_machine = psutil.virtual_memory().percent
    return round(of_machine if limit is None else max(limit.percent, of_machine), 1)


class _Cpu:
    """What was used when somebody looked last: of a container so much of its quota since then."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def percent(self) -> float:
        of_machine = psutil.cpu_percent(interval=None)
        quota = cgroups.cpu(settings.CGROUP_ROOT)
        if quota is None or quota.cores >= (psutil.cpu_count() or 1):
            return of_machine
        at = clock.monotonic()
        last, self._last = self._last, (at, quota.used_seconds)
        if last is None or at <= last[0]:
            return 0.0
        return round(100 * (quota.used_seconds - last[1]) / (at - last[0]) / quota.cores, 1)


_cpu = _Cpu()
