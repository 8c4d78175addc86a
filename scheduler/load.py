"""The load of this machine and this process, sampled off the hot path."""

from typing import TypedDict

import psutil


class Sample(TypedDict):
    """CPU in percent of one core since the last sample, memory in bytes."""

    cpuPercent: float
    processCpuPercent: float
    memoryPercent: float
    processMemoryBytes: int


def process_lives(pid: int) -> bool:
    """Tell whether the process runs; one that is dead and not yet reaped does not."""
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


_process = psutil.Process()


def sample() -> dict[str, float | int]:
    """Return what the machine and this process use now; the first CPU figures of a process are 0."""
    taken = Sample(
        cpuPercent=psutil.cpu_percent(interval=None),
        processCpuPercent=_process.cpu_percent(interval=None),
        memoryPercent=psutil.virtual_memory().percent,
        processMemoryBytes=_process.memory_info().rss,
    )
    return dict(taken)  # type: ignore[arg-type]
