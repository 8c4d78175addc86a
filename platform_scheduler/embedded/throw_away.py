"""PostgreSQL and Valkey for one run of tests or measurements, in a temporary folder that goes with them."""

import fcntl
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from .account import engine_account
from .binaries import postgres_binaries, valkey_binary
from .errors import CannotStart
from .ports import free_port
from .postgres import Cluster, ensure_cluster
from .programs import Program, shim_command, write_programs
from .valkey import Store
from .waiting import wait_until

SECONDS_TO_START = 30
SECONDS_TO_STOP = 10


class ThrowAwayServers:
    """The servers of one run; `is_durable` has them write to the disk as `up`'s do, for nothing is kept anyway."""

    def __init__(self, *, prefix: str, is_durable: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=prefix))
        # Others may pass through: as root, PostgreSQL runs as a user who is not us.
        self.folder.chmod(0o711)
        self.cluster: Cluster | None = None
        self.store: Store | None = None
        self._is_durable = is_durable
        self._lock = _hold(self.folder)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._programs: dict[str, Program] = {}

    def start(self, *, postgres: bool = True, valkey: bool = True) -> None:
        """Start them and wait until they answer; raise CannotStart where one does not."""
        if valkey:
            self.store = self._start_valkey()
        if postgres:
            self.cluster = self._start_postgres()
            self._await("postgres", self.cluster.answers)
            self.cluster.ensure_database()
        if self.store:
            self._await("valkey", self.store.pid)

    def stop(self) -> None:
        """Stop what runs and remove the folder; harmless when called again."""
        for process, program in zip(self._processes, self._programs.values(), strict=True):
            process.send_signal(program.stop_signal)
        for process in self._processes:
            _end(process)
        self._processes.clear()
        self._programs.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    def _start_postgres(self) -> Cluster:
        account = engine_account()
        cluster = Cluster(
            binaries=postgres_binaries(account),
            data=self.folder / "postgres",
            port=free_port(),
            password=secrets.token_hex(16),
            account=account,
        )
        ensure_cluster(cluster, throw_away=True)
        self._launch(cluster.program(throw_away=not self._is_durable))
        return cluster

    def _start_valkey(self) -> Store:
        store = Store(
            binary=valkey_binary(),
            data=self.folder / "valkey",
            port=free_port(),
            password=secrets.token_hex(16),
        )
        store.write_config(throw_away=not self._is_durable)
        self._launch(store.program())
        return store

    def _launch(self, program: Program) -> None:
        self._programs[program.name] = program
        file = self.folder / "programs.json"
        write_programs(file, self._programs.values())
        with self._log(program.name).open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 -- our own interpreter and shim
                shim_command(file, program.name, parent=os.getpid()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the starter, who still needs his servers to end well
            )
        self._processes.append(process)

    def _await(self, name: str, ready: Callable[[], object]) -> None:
        process = self._processes[list(self._programs).index(name)]
        wait_until(lambda: ready() or process.poll() is not None, seconds=SECONDS_TO_START, every=0.02)
        if not ready():
            raise CannotStart(f"The throw-away {name} does not start: {self._log(name).read_text()[-2000:]}")

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def remove_leftovers(*, prefix: str) -> None:
    """Remove the folders of runs that were killed; their servers have ended with them."""
    for lock_file in Path(tempfile.gettempdir()).glob(f"{prefix}*/lock"):
        if lock_file.stat().st_size and _is_let_go(lock_file):
            shutil.rmtree(lock_file.parent, ignore_errors=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _hold(folder: Path) -> TextIO:
    lock = (folder / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    lock.write("held while the run lasts")
    lock.flush()
    return lock


def _is_let_go(lock_file: Path) -> bool:
    try:
        with lock_file.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
