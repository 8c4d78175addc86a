"""Programs that `up` runs to their end: the preparation of the database, the registration of the examples."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .programs import Program, shim_command, write_programs
from .waiting import Interrupted, Pause, wait_until

SECONDS_TO_END = 5


def run_to_end(program: Program, *, run_dir: Path, env: Mapping[str, str], seconds: float, pause: Pause) -> bool:
    """Run the program with its output in its log; say whether it ended well and in time."""
    file = run_dir / f"{program.name}.json"
    write_programs(file, [program])
    with (run_dir.parent / "logs" / f"{program.name}.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 -- our own interpreter and shim
            shim_command(file, program.name, parent=os.getpid()),
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: process.poll() is not None, seconds=seconds, every=0.02, pause=pause)
    except Interrupted:
        _end(process)
        raise
    _end(process)
    return process.returncode == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
