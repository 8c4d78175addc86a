"""What an earlier start has left running: known by data directory, stopped, never adopted."""

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from .errors import CannotStart
from .programs import MARKER
from .waiting import Pause, wait_until

SUPERVISOR_SECONDS = 75
SERVICE_SECONDS = 10
POSTGRES_SECONDS = 60
KILLED_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Sought:
    """How the processes of one DATA_DIR are known.

    Services carry its path in their environment. Engines do not (valkey overwrites it with its title), but
    they work inside their data directory.
    """

    data_dir: Path
    postgres_data: Path
    valkey_data: Path


@dataclass(frozen=True)
class Seen:
    """What of a running process tells whose it is."""

    name: str
    cwd: str
    marker: str
    arguments: tuple[str, ...]


def kind_of(seen: Seen, sought: Sought) -> str | None:
    """Answer which part of that `up` this process is, None if it is none."""
    if "postgres" in seen.name and seen.cwd == str(sought.postgres_data):
        return "postgres"
    if seen.name.startswith(("valkey", "redis")) and seen.cwd == str(sought.valkey_data):
        return "valkey"
    if seen.marker != str(sought.data_dir):
        return None
    return "supervisor" if "supervisor.supervisord" in seen.arguments else "service"


def find(sought: Sought) -> dict[str, list[psutil.Process]]:
    """Find the processes that belong to the data directory, by kind; never this one or those above it."""
    found: dict[str, list[psutil.Process]] = {"supervisor": [], "service": [], "valkey": [], "postgres": []}
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    # What psutil has kept of an earlier look would stand for whoever has got the same number since.
    psutil.process_iter.cache_clear()
    for process in psutil.process_iter():
        kind = None if process.pid in own else _kind(process, sought)
        if kind:
            found[kind].append(process)
    return found


def stop(sought: Sought, *, pause: Pause | None = None) -> int:
    """Stop what runs on the data directory, the supervisor first, so that it starts nothing again.

    Answers how many processes there were; raises CannotStart where PostgreSQL does not end.
    """
    found = find(sought)
    count = sum(len(processes) for processes in found.values())
    if count:
        _end(found["supervisor"], signal.SIGTERM, seconds=SUPERVISOR_SECONDS, pause=pause)
        found = find(sought)
        _end(found["service"], signal.SIGTERM, seconds=SERVICE_SECONDS, pause=pause)
        _end(found["valkey"], signal.SIGTERM, seconds=SERVICE_SECONDS, pause=pause)
        _end_postgres(found["postgres"], sought, pause=pause)
    return count


def kill_services(sought: Sought) -> None:
    """Kill what runs the platform's own code at once; what it was doing is found again by its lease."""
    _signal(find(sought)["service"], signal.SIGKILL)


def _kind(process: psutil.Process, sought: Sought) -> str | None:
    try:
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            environment = process.environ()
            seen = Seen(
                name=process.name(),
                cwd=process.cwd(),
                marker=environment.get(MARKER, ""),
                arguments=tuple(process.cmdline()),
            )
    except (psutil.Error, OSError):  # gone, or another user's
        return None
    return kind_of(seen, sought)


def _end(processes: list[psutil.Process], number: signal.Signals, *, seconds: float, pause: Pause | None) -> None:
    """Ask them to end, and kill those that do not in time."""
    _signal(processes, number)
    if not _gone(processes, seconds=seconds, pause=pause):
        _signal(processes, signal.SIGKILL)
        _gone(processes, seconds=KILLED_SECONDS, pause=pause)


def _end_postgres(processes: list[psutil.Process], sought: Sought, *, pause: Pause | None) -> None:
    """Stop the server, never by SIGKILL: what it leaves behind then can keep the next one from starting."""
    pids = {process.pid for process in processes}
    heads = [process for process in processes if _parent(process) not in pids]
    for number in (signal.SIGINT, signal.SIGQUIT):
        _signal(heads, number)
        if _gone(processes, seconds=POSTGRES_SECONDS, pause=pause):
            return
    raise CannotStart(
        f"PostgreSQL (process {heads[0].pid if heads else pids}) on {sought.postgres_data} does not stop: "
        "see what it waits for, then start again."
    )


def _parent(process: psutil.Process) -> int:
    try:
        return process.ppid()
    except psutil.Error:
        return 0


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)  # psutil refuses where the number has gone to another process
            process.send_signal(signal.SIGCONT)  # a stopped process hears nothing
        except psutil.Error:
            continue


def _gone(processes: list[psutil.Process], *, seconds: float, pause: Pause | None) -> bool:
    return wait_until(lambda: not any(map(_lives, processes)), seconds=seconds, pause=pause)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
