"""Starts, signals and ends the processes of a platform, each in a session of its own that dies with the drill."""

import os
import signal
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from platform_scheduler.embedded.programs import Program, shim_command, write_programs

SECONDS_TO_END = 30


class Processes:
    """The programs of one platform by name. All are started by one thread: the kernel ends them when it ends."""

    def __init__(self, folder: Path, *, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._programs: dict[str, Program] = {}
        self._running: dict[str, psutil.Popen] = {}

    def launch(self, program: Program) -> psutil.Popen:
        """Start a program, or start it anew; its log goes on."""
        self._programs[program.name] = program
        file = self._folder / f"{program.name}.json"
        write_programs(file, [program])
        with self.log_file(program.name).open("ab") as log:
            self._running[program.name] = psutil.Popen(
                shim_command(file, program.name, parent=os.getpid()),
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self._running[program.name]

    def relaunch(self, name: str) -> None:
        """Start a program that has ended once more, as a supervisor would; nothing where it runs."""
        if not self.is_running(name):
            self.launch(self._programs[name])

    def is_running(self, name: str) -> bool:
        """Tell whether its main process runs."""
        return name in self._running and self._running[name].poll() is None

    def pid(self, name: str) -> int:
        """Return the main process of a program."""
        pid: int = self._running[name].pid
        return pid

    def family(self, name: str) -> list[psutil.Process]:
        """Return the main process and all that come from it."""
        main = self._running[name]
        try:
            return [psutil.Process(main.pid), *main.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self, name: str) -> None:
        """Kill the main process, as a crash does; what depends on it is to notice by itself."""
        with suppress(psutil.NoSuchProcess):
            self._running[name].kill()
        self._running[name].wait()

    def kill_family(self, name: str) -> None:
        """Kill a program with all its processes at once, as a machine that fails does."""
        family = self.family(name)
        send_all(family, signal.SIGKILL)
        psutil.wait_procs(family, timeout=SECONDS_TO_END)
        self._running[name].wait()

    def ask_to_end(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask a program to end, and go on at once."""
        with suppress(psutil.NoSuchProcess):
            self._running[name].send_signal(number)

    def stop(self, names: Iterable[str] | None = None) -> None:
        """Ask programs to end, the latest first, and see to it."""
        for name in names if names is not None else reversed(list(self._running)):
            program = self._programs[name]
            send_all(self.family(name), signal.SIGCONT)
            self.ask_to_end(name, program.stop_signal)
            try:
                self._running[name].wait(program.stop_seconds)
            except psutil.TimeoutExpired:
                self.kill_family(name)

    def log_file(self, name: str) -> Path:
        """Return the log of a program."""
        return self._folder / f"{name}.log"

    def log(self, name: str) -> str:
        """Return what a program has said, in all its lives."""
        return self.log_file(name).read_text(errors="replace")


def send_all(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to processes, of which some may have ended meanwhile."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
