"""Runs one command for `platform.shell`, and sees to it that nothing of it outlives the worker's wish.

    python -I -S minder.py <lifeline: a descriptor> <command> <argument>…

A process of its own between worker and command, for the worker's child can be killed outright: the lifeline is a pipe
from it, and whatever ends that child closes it. A T through it asks the command to end; its end of file kills. What
the command leaves behind when it ends is killed as well, also what has fled into a session of its own.

Runs as a script, on the standard library alone, so that it is up in a few milliseconds.
"""

import ctypes
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CANNOT_EXECUTE = 126
NOT_FOUND = 127
SIGNALLED = 128


def main() -> None:
    """Run the command; exit with its status, or 128 + the number of the signal that ended it."""
    lifeline, command = int(sys.argv[1]), sys.argv[2:]
    os.set_inheritable(lifeline, False)
    control(PR_SET_CHILD_SUBREAPER, 1)  # orphans of the command become our children
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    child = start(command)
    status = watch(child, lifeline, woken)
    end_all(child)
    os._exit(status)


def control(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def start(command: list[str]) -> int:
    minder = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        control(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == minder:
            for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            os.execvp(command[0], command)  # noqa: S606 - what the task asks for, without a shell
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_EXECUTE)
    finally:
        os._exit(CANNOT_EXECUTE)


def watch(child: int, lifeline: int, woken: int) -> int:
    """Wait for the command, or for the end of the lifeline, and return the status to exit with."""
    while (status := ended(child)) is None:
        ready = select.select([lifeline, woken], [], [])[0]
        if woken in ready:
            os.read(woken, 4096)
        if lifeline in ready:
            if not os.read(lifeline, 1):
                return SIGNALLED + signal.SIGKILL
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGTERM)
    return status


def ended(child: int) -> int | None:
    """Bury orphans; return the command's status once it has ended, unburied: its number stays taken till the kill."""
    with suppress(ChildProcessError):
        while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if found.si_pid == child:
                return found.si_status + (0 if found.si_code == os.CLD_EXITED else SIGNALLED)
            os.waitpid(found.si_pid, 0)
    return None


def end_all(child: int) -> None:
    """Kill the command's group, then whoever left it, generation by generation: their orphans come to us."""
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            for pid in children():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os.waitpid(-1, 0)


def children() -> Iterator[int]:
    own = str(os.getpid())
    for entry in Path("/proc").glob("[0-9]*/stat"):
        # The name of the program stands in parentheses and may hold anything.
        with suppress(OSError):
            if entry.read_text(errors="replace").rpartition(")")[2].split()[1] == own:
                yield int(entry.parent.name)


if __name__ == "__main__":
    main()
