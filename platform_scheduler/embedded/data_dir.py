"""DATA_DIR itself: made, writable, with room on its disk, held by one `up` at a time."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from .errors import CannotStart
from .waiting import Pause, wait_until

LOCK = "lock"
STOPPING = "stopping"
SECONDS_FOR_THE_OTHER_TO_STOP = 60

# What PostgreSQL needs for its first files and its write-ahead log; below the other, nothing should start.
BYTES_TO_BEGIN = 300 * 2**20
BYTES_TO_RESUME = 50 * 2**20


class Lock:
    """The hold on a DATA_DIR, which ends with the process however it ends."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._write(str(os.getpid()))

    def say_stopping(self) -> None:
        """Tell an `up` that comes now that it is worth waiting."""
        self._write(f"{os.getpid()} {STOPPING}")

    def close(self) -> None:
        self._file.close()

    def _write(self, text: str) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._file.write(text)
        self._file.flush()


def make_folder(path: Path, *, mode: int) -> None:
    """Make the folder and what is above it, unless it is there."""
    with explained(path):
        path.mkdir(mode=mode, parents=True, exist_ok=True)


def take(data_dir: Path, *, pause: Pause, on_wait: Callable[[int], None]) -> Lock:
    """Take the lock; wait for another `up` that is just stopping, refuse while another one works."""
    path = data_dir / LOCK
    with explained(data_dir):
        file = path.open("a+")
    if _try(file):
        return Lock(file)
    holder, stopping = _holder(path)
    if stopping:
        on_wait(holder)
        if wait_until(lambda: _try(file), seconds=SECONDS_FOR_THE_OTHER_TO_STOP, pause=pause):
            return Lock(file)
    file.close()
    raise CannotStart(
        f"{data_dir} is in use by another `up` (process {holder}): stop that one, "
        "or start this one with another DATA_DIR and PORT."
    )


def require_room(folder: Path, *, is_new: bool) -> None:
    """Refuse a disk that is nearly full, before a server breaks on it."""
    needed = BYTES_TO_BEGIN if is_new else BYTES_TO_RESUME
    existing = next(each for each in (folder, *folder.parents) if each.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise CannotStart(
            f"The disk of {folder} is full ({free >> 20} MB free, {needed >> 20} MB needed): "
            "make room, or put DATA_DIR on another disk."
        )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the system answers about a file below this folder into a line that says what to do."""
    try:
        yield
    except OSError as error:
        raise CannotStart(_explanation(path, error)) from None


def _explanation(path: Path, error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"No permission to write {error.filename or path}: give it to this user, or set another DATA_DIR."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk of {path} is full: make room, or put DATA_DIR on another disk."
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return f"{error.filename or path} is no folder: set another DATA_DIR."
    return f"{error.filename or path} cannot be used: {error.strerror}; set another DATA_DIR."


def _try(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> tuple[int, bool]:
    words = path.read_text().split()
    return int(words[0]) if words else 0, STOPPING in words
