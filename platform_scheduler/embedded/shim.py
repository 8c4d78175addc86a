"""Become the named program: change user, die with the parent, exec.

    python -I -S shim.py <programs.json> <name> <parent: a process id, or the file that holds it>

Runs as a script, on the standard library alone: it is the first thing every started program does, so it has
to be up in a few milliseconds, and a program's fate must not hang on what can be imported.
"""

import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
# What an engine may see of its starter's environment: nothing of ours, and nothing that steers PostgreSQL.
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR")


def change_user(uid: int, gid: int) -> None:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def die_with_parent(death_signal: int, libc: ctypes.CDLL | None) -> None:
    if libc is not None:
        libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)


def parent_of(argument: str) -> int:
    return int(argument if argument.isdigit() else Path(argument).read_text())


def become(program: dict[str, Any], parent: str) -> None:
    expected = parent_of(parent)
    # Loaded before the change of user: nobody cannot read an interpreter below root's home.
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if program.get("uid") is not None:
        change_user(program["uid"], program["gid"])
    # After the change of user, which would clear it.
    die_with_parent(program["death_signal"], libc)
    if os.getppid() != expected:  # it died before the signal was asked for
        sys.exit(1)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.chdir(program["cwd"])
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    inherited = kept if program["clean"] else dict(os.environ)
    os.execve(program["argv"][0], program["argv"], inherited | program["env"])  # noqa: S606 -- no shell wanted


if __name__ == "__main__":
    programs, name, parent = sys.argv[1:]
    become(json.loads(Path(programs).read_text())[name], parent)
