"""Lets the processes of one web server count together: whichever of them is scraped answers for all.

Each writes its numbers into a file of its own in a folder that is the server's: two processes that answered with
their own numbers in turn would make every counter jump back and forth.
"""

import logging
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

logger = logging.getLogger(__name__)

# prometheus_client reads it once, when it is first imported.
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def share(folder: Path) -> None:
    """Make this server's folder below `folder`; called in each of its processes, before prometheus_client is imported.

    Where it cannot be made, each process counts for itself.
    """
    own = folder / _name_of_server()
    try:
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        logger.warning("Each web process has metrics of its own, for %s cannot be made: %s", own, error)
        return
    os.environ[VARIABLE] = str(own)
    for left in _of_dead_servers(folder):
        shutil.rmtree(left, ignore_errors=True)


def shared_folder() -> Path | None:
    """Return this server's folder, None where each process counts for itself."""
    value = os.environ.get(VARIABLE)
    return Path(value) if value else None


def _name_of_server() -> str:
    """Name the server by its main process, our parent; machines may share the folder."""
    parent = psutil.Process(os.getppid())
    return f"{socket.gethostname()}+{parent.pid}+{_started(parent)}"


def _of_dead_servers(folder: Path) -> Iterator[Path]:
    for candidate in folder.glob(f"{socket.gethostname()}+*+*"):
        _, pid, started = candidate.name.rsplit("+", 2)
        with suppress(ValueError):
            if not _is_alive(int(pid), int(started)):
                yield candidate


def _is_alive(pid: int, started: int) -> bool:
    try:
        return _started(psutil.Process(pid)) == started
    except psutil.NoSuchProcess:
        return False


def _started(process: psutil.Process) -> int:
    """Return when the process started, in hundredths of a second: process ids are used again."""
    return round(process.create_time() * 100)
