"""pytest plugin: throw-away PostgreSQL and Valkey for a test run, started before the settings are read."""

import atexit
import fcntl
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TextIO

import pytest

from platform_scheduler.embedded.account import engine_account
from platform_scheduler.embedded.binaries import postgres_binaries, valkey_binary
from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.ports import free_port
from platform_scheduler.embedded.postgres import Cluster, ensure_cluster
from platform_scheduler.embedded.programs import Program, shim_command, write_programs
from platform_scheduler.embedded.valkey import Store
from platform_scheduler.embedded.waiting import wait_until

PREFIX = "platform-scheduler-tests-"
SECONDS_TO_START = 30
SECONDS_TO_STOP = 10


class ThrowAwayServers:
    """The servers of one test run, in a folder of their own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        # Others may pass through: as root, PostgreSQL runs as a user who is not us.
        self.folder.chmod(0o711)
        self._lock = _hold(self.folder)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._programs: dict[str, Program] = {}

    def start(self, *, postgres: bool, valkey: bool) -> None:
        store = self._start_valkey() if valkey else None
        cluster = self._start_postgres() if postgres else None
        if cluster:
            self._await("postgres", cluster.answers)
            cluster.ensure_database()
            os.environ["TEST_DATABASE_URL"] = cluster.url
        if store:
            self._await("valkey", store.pid)
            os.environ["TEST_REDIS_URL"] = store.url

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
        self._launch(cluster.program(throw_away=True))
        return cluster

    def _start_valkey(self) -> Store:
        store = Store(
            binary=valkey_binary(),
            data=self.folder / "valkey",
            port=free_port(),
            password=secrets.token_hex(16),
        )
        store.write_config(throw_away=True)
        self._launch(store.program())
        return store

    def _launch(self, program: Program) -> None:
        self._programs[program.name] = program
        file = self.folder / "programs.json"
        write_programs(file, self._programs.values())
        with self._log(program.name).open("wb") as log:
            process = subprocess.Popen(
                shim_command(file, program.name, parent=os.getpid()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the tests, which still need their servers to end well
            )
        self._processes.append(process)

    def _await(self, name: str, ready: Callable[[], object]) -> None:
        process = self._processes[list(self._programs).index(name)]
        wait_until(lambda: ready() or process.poll() is not None, seconds=SECONDS_TO_START, every=0.02)
        if not ready():
            raise CannotStart(f"The tests' {name} does not start: {self._log(name).read_text()[-2000:]}")

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Start before pytest-django reads the settings: a wrapper precedes every plain hook."""
    os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(60))
    missing = {name for name in ("TEST_DATABASE_URL", "TEST_REDIS_URL") if not os.environ.get(name)}
    if missing and not _is_only_a_question(early_config):
        _start(early_config, missing)  # xdist's workers inherit the environment and find nothing missing
    yield


def _start(config: pytest.Config, missing: set[str]) -> None:
    _remove_leftovers()
    servers = ThrowAwayServers()
    config.add_cleanup(servers.stop)
    atexit.register(servers.stop)
    try:
        servers.start(postgres="TEST_DATABASE_URL" in missing, valkey="TEST_REDIS_URL" in missing)
    except CannotStart as refusal:
        servers.stop()
        raise pytest.UsageError(str(refusal)) from None


def _is_only_a_question(config: pytest.Config) -> bool:
    options = config.known_args_namespace
    return bool(options.help or options.version)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _hold(folder: Path) -> TextIO:
    lock = (folder / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    lock.write("held while the tests run")
    lock.flush()
    return lock


def _remove_leftovers() -> None:
    """Remove the folders of runs that were killed; their servers have ended with them."""
    for lock_file in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/lock"):
        if lock_file.stat().st_size and _is_let_go(lock_file):
            shutil.rmtree(lock_file.parent, ignore_errors=True)


def _is_let_go(lock_file: Path) -> bool:
    try:
        with lock_file.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
