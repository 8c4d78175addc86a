"""The platform's own processes, started as `up` starts them and ended with the measurement."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.health import is_ready
from platform_scheduler.embedded.ports import LOOPBACK
from platform_scheduler.embedded.programs import Program, shim_command, write_programs
from platform_scheduler.embedded.services import PROJECT
from platform_scheduler.embedded.waiting import wait_until

SECONDS_TO_START = 60
TAIL = 2_000


@contextmanager
def running(program: Program, *, folder: Path, environment: Mapping[str, str]) -> Iterator[int]:
    """Start the program, wait until its health says that it is ready, lend its process id; stop it at the end.

    Raises CannotStart, with the end of its log.
    """
    log = folder / f"{program.name}.log"
    process = _launch(program, folder=folder, environment=environment, log=log)
    try:
        if program.health_port is not None:
            _await(program, process, log)
        yield process.pid
    finally:
        _end(process, program)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a program that has ended took: CPU seconds, and bytes of memory at its peak."""

    cpu_seconds: float
    peak_bytes: int


def run_to_end(program: Program, *, folder: Path, environment: Mapping[str, str]) -> Usage:
    """Run the program to its end; return what it took. Raises CannotStart, with the end of its log, where it fails."""
    log = folder / f"{program.name}.log"
    process = _launch(program, folder=folder, environment=environment, log=log)
    try:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        _end(process, program)
    if process.returncode != 0:
        raise CannotStart(f"{program.name} has failed: {log.read_text()[-TAIL:]}")
    return Usage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def command(name: str, *arguments: str, profile: str = "all") -> Program:
    """Describe a command of Python in the project's folder, under one of its settings profiles."""
    return Program(
        name=name,
        argv=(sys.executable, *arguments),
        env={"DJANGO_SETTINGS_MODULE": f"platform_scheduler.settings.{profile}"},
        cwd=PROJECT,
    )


def _launch(program: Program, *, folder: Path, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    file = folder / f"{program.name}.json"
    write_programs(file, [program])
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 -- our own interpreter and shim
            shim_command(file, program.name, parent=os.getpid()),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us, who then stop it
        )


def _await(program: Program, process: subprocess.Popen[bytes], log: Path) -> None:
    port = program.health_port
    if port is None:
        return
    wait_until(lambda: is_ready(LOOPBACK, port) or process.poll() is not None, seconds=SECONDS_TO_START)
    if process.poll() is not None or not is_ready(LOOPBACK, port):
        raise CannotStart(f"{program.name} does not start: {log.read_text()[-TAIL:]}")


def _end(process: subprocess.Popen[bytes], program: Program) -> None:
    if process.poll() is None:
        process.send_signal(program.stop_signal)
    try:
        process.wait(program.stop_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
