"""What is started, as data: command, environment, user, and how it is stopped."""

import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .account import Account

SHIM = Path(__file__).with_name("shim.py")

# In the environment of everything that an `up` starts, with its DATA_DIR as value: how orphans are known.
MARKER = "PLATFORM_SCHEDULER_UP"


@dataclass(frozen=True, kw_only=True)
class Program:
    """One process to be started through the shim and, under `up`, kept alive by supervisor."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = Path("/")
    account: Account | None = None
    is_engine: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: int = 10
    health_port: int | None = None


def write_programs(path: Path, programs: Iterable[Program]) -> None:
    """Write the file from which the shim reads; it holds no secret, those come through the environment."""
    by_name = {program.name: _as_json(program) for program in programs}
    path.write_text(json.dumps(by_name, indent=1))


def shim_command(path: Path | str, name: str, *, parent: int | Path | str) -> list[str]:
    """Give the command that starts the program of this name."""
    return [sys.executable, "-I", "-S", os.fspath(SHIM), os.fspath(path), name, str(parent)]


def _as_json(program: Program) -> dict[str, object]:
    account = program.account
    return {
        "argv": list(program.argv),
        "env": dict(program.env),
        "cwd": os.fspath(program.cwd),
        "clean": program.is_engine,
        "uid": account.uid if account else None,
        "gid": account.gid if account else None,
        "death_signal": int(program.stop_signal),
    }
