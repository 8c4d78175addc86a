"""One measured platform: its database, its queue, its processes and their CPU."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import psycopg
import redis

from bench import processes
from bench.cpu import Meter
from bench.failures import MeasurementFailed
from bench.queue import Queue
from bench.timeline import Timeline
from platform_scheduler.embedded import services
from platform_scheduler.embedded.ports import free_port
from platform_scheduler.embedded.programs import Program
from platform_scheduler.embedded.waiting import wait_until

POSTMASTERS = ("postgres", "postmaster")


class Arena:
    """A database and a Redis of its own, with the processes that run on them."""

    def __init__(
        self, database_url: str, redis_url: str, *, secret_key: str, folder: Path, say: Callable[[str], None]
    ) -> None:
        self.database_url = database_url
        self.say = say
        self._environment = self.environment(database_url, redis_url, secret_key, folder)
        self._folder = folder
        self._running: dict[str, list[int]] = {"scheduler": [], "worker": [], "peer": []}
        self._store = redis.Redis.from_url(redis_url)
        self.connection = psycopg.connect(database_url, autocommit=True, options="-c timezone=UTC")
        self.queue = Queue(self._store)
        self.timeline = Timeline(self.connection)
        self.meter = self._make_meter()

    @staticmethod
    def environment(database_url: str, redis_url: str, secret_key: str, folder: Path) -> dict[str, str]:
        """Return what the platform's processes are told."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.environ.get("HOME", "/"),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": secret_key,
            "DATA_DIR": str(folder / "data"),
        }

    def close(self) -> None:
        """Close the connections."""
        self.connection.close()
        self._store.close()

    @contextmanager
    def schedulers(self, count: int = 1) -> Iterator[list[int]]:
        """Run so many scheduler processes, ready; lend their process ids."""
        programs = [
            services.scheduler(f"scheduler-{len(self._running['scheduler']) + number}", health_port=free_port())
            for number in range(1, count + 1)
        ]
        with self._all_running("scheduler", programs) as pids:
            yield pids

    @contextmanager
    def workers(self, count: int, *, children: int) -> Iterator[list[int]]:
        """Run so many worker processes with so many children each, ready; lend their process ids."""
        programs = [
            services.worker(f"worker-{number}", health_port=free_port(), children=children)
            for number in range(1, count + 1)
        ]
        with self._all_running("worker", programs) as pids:
            yield pids

    @contextmanager
    def peer(self, program: Program) -> Iterator[list[int]]:
        """Run another program beside ours, to compare with; lend its process id."""
        with self._all_running("peer", [program]) as pids:
            yield pids

    def pids(self) -> list[list[int]]:
        """Return the ids of each running program with what it has started, and of each backend that serves one."""
        programs = [_tree(pid) for pids in self._running.values() for pid in pids]
        if not _postmaster(self.connection.info.backend_pid):
            return programs
        backends = self.connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        return [*programs, *([pid] for (pid,) in backends)]

    def run(self, program: Program) -> processes.Usage:
        """Run a command of the platform to its end and return what it took. Raises CannotStart where it fails."""
        return processes.run_to_end(program, folder=self._folder, environment=self._environment)

    def scalar(self, statement: str, parameters: Mapping[str, object] | None = None) -> float:
        """Return the one number that a statement answers."""
        row = self.connection.execute(statement.encode(), parameters).fetchone()
        return float(row[0]) if row and row[0] is not None else 0.0

    def wait_for_count(self, count: int, condition: str, *, seconds: float) -> None:
        """Wait until so many rows of history meet a condition in SQL. Raises MeasurementFailed."""
        statement = f"SELECT count(*) FROM task_execution_history WHERE {condition}"  # noqa: S608 - our own texts
        # Counting is work too, of the machine that is measured.
        if not wait_until(lambda: self.scalar(statement) >= count, seconds=seconds, every=0.5):
            raise MeasurementFailed(
                f"{self.scalar(statement):.0f} of {count} executions after {seconds:.0f} s: {condition}"
            )

    @contextmanager
    def _all_running(self, kind: str, programs: list[Program]) -> Iterator[list[int]]:
        with ExitStack() as at_the_end:
            pids = [
                at_the_end.enter_context(processes.running(program, folder=self._folder, environment=self._environment))
                for program in programs
            ]
            self._running[kind] += pids
            try:
                yield pids
            finally:
                self._running[kind] = [pid for pid in self._running[kind] if pid not in pids]

    def _make_meter(self) -> Meter:
        postmaster = _postmaster(self.connection.info.backend_pid)
        store = int(self._store.info("server")["process_id"])
        redis_pids = [store] if _is_redis(store) else []
        return Meter(
            {
                "scheduler": lambda: self._running["scheduler"],
                "worker": lambda: self._running["worker"],
                "peer": lambda: self._running["peer"],
                "postgres": lambda: postmaster,
                "redis": lambda: redis_pids,
            }
        )


def _tree(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def _postmaster(backend: int) -> list[int]:
    """Return the process id of PostgreSQL's parent process, nothing where it runs on another machine."""
    try:
        parent = psutil.Process(backend).parent()
    except psutil.NoSuchProcess:
        return []
    return [parent.pid] if parent and parent.name() in POSTMASTERS else []


def _is_redis(pid: int) -> bool:
    try:
        return psutil.Process(pid).name() in ("valkey-server", "redis-server")
    except psutil.NoSuchProcess:
        return False
