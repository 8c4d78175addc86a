"""The throw-away servers of a drill: a PostgreSQL that keeps what it has committed, a Valkey that keeps its file."""

import secrets
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg

from drill.errors import CannotDrill
from drill.processes import Processes
from drill.proxy import Proxy
from platform_scheduler.embedded import postgres, valkey
from platform_scheduler.embedded.account import engine_account
from platform_scheduler.embedded.binaries import postgres_binaries, valkey_binary
from platform_scheduler.embedded.errors import CannotStart
from platform_scheduler.embedded.ports import free_port
from platform_scheduler.embedded.postgres import Cluster, ensure_cluster, remove_stale_lock
from platform_scheduler.embedded.programs import Program
from platform_scheduler.embedded.valkey import Store
from platform_scheduler.embedded.waiting import wait_until

SECONDS_TO_START = 60
# The database of a drill may lie on a small disk, to see it full.
LITTLE_WAL = ("-c", "max_wal_size=96MB", "-c", "min_wal_size=64MB")
DATABASE = postgres.NAME
BROKER = valkey.NAME


class Engines:
    """Both servers of a drill; the services reach the broker through the proxy. Raises CannotDrill."""

    def __init__(self, folder: Path, *, database_folder: Path | None = None) -> None:
        self._processes = Processes(folder, environment={})
        account = engine_account()
        ports = [free_port()]
        while len(ports) < 3:
            ports.append(free_port(avoid=frozenset(ports)))
        try:
            self._cluster = Cluster(
                binaries=postgres_binaries(account),
                data=(database_folder or folder) / "postgres",
                port=ports[0],
                password=secrets.token_hex(16),
                account=account,
            )
            self._store = Store(
                binary=valkey_binary(), data=folder / "valkey", port=ports[1], password=secrets.token_hex(16)
            )
            ensure_cluster(self._cluster, throw_away=True)
        except CannotStart as refusal:
            raise CannotDrill(str(refusal)) from None
        self._store.write_config()
        self.proxy = Proxy(ports[2], target=ports[1])
        self._through_proxy = replace(self._store, port=ports[2])

    @property
    def database_url(self) -> str:
        """The URL of the platform's database."""
        return self._cluster.url

    @property
    def broker_url(self) -> str:
        """The URL by which the services reach the broker, through the proxy."""
        return self._through_proxy.url

    @property
    def database_folder(self) -> Path:
        """Where PostgreSQL keeps its data."""
        return self._cluster.data

    def start(self) -> None:
        """Start both, and wait until they answer. Raises CannotDrill."""
        self.start_database()
        self.start_broker()
        self._cluster.ensure_database()

    def stop(self) -> None:
        """Stop both."""
        self._processes.stop()
        self.proxy.stop()

    def start_database(self) -> None:
        """Start PostgreSQL, after a crash too, and wait until it answers. Raises CannotDrill."""
        remove_stale_lock(self._cluster)
        self._start(durable(self._cluster.program(throw_away=True)), self._cluster.answers)

    def start_broker(self, *, is_empty: bool = False) -> None:
        """Start Valkey with the data of its last life, or with none, and wait until it answers. Raises CannotDrill."""
        if is_empty:
            shutil.rmtree(self._store.data / "appendonlydir", ignore_errors=True)
        self._start(self._store.program(), lambda: self._store.pid() is not None)

    def crash_database(self) -> None:
        """End PostgreSQL at once, in the middle of whatever it does; it repairs itself at its next start."""
        self._processes.ask_to_end(DATABASE, signal.SIGQUIT)
        wait_until(lambda: not self._processes.is_running(DATABASE), seconds=SECONDS_TO_START)

    def kill_broker(self) -> None:
        """Kill Valkey."""
        self._processes.kill(BROKER)

    def freeze_broker(self) -> None:
        """Stop Valkey where it stands: connections stay open, nobody answers."""
        self._processes.ask_to_end(BROKER, signal.SIGSTOP)

    def thaw_broker(self) -> None:
        """Let Valkey go on."""
        self._processes.ask_to_end(BROKER, signal.SIGCONT)

    def connect(self) -> psycopg.Connection:
        """Open a connection for the drill itself."""
        return psycopg.connect(self.database_url, autocommit=True, application_name="drill", connect_timeout=5)

    def _start(self, program: Program, answers: Callable[[], bool]) -> None:
        process = self._processes.launch(program)
        wait_until(lambda: answers() or process.poll() is not None, seconds=SECONDS_TO_START, every=0.02)
        if not answers():
            raise CannotDrill(f"{program.name} does not start: {self._processes.log(program.name)[-2000:]}")


def durable(program: Program) -> Program:
    """Have commits reach the system before they are answered: a server that is killed may lose none."""
    return replace(
        program, argv=(*program.argv, "-c", "synchronous_commit=on", "-c", "full_page_writes=on", *LITTLE_WAL)
    )
