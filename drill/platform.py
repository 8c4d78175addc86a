"""A whole platform of real processes for one drill: engines, web, schedulers and workers, in a folder of its own."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.types.json import Jsonb

from drill.client import Answer, send
from drill.definitions import CALENDAR, Closed, Definition, Registered
from drill.engines import Engines
from drill.errors import CannotDrill
from drill.history import NOTES, Note, Row, read_notes, read_rows
from drill.processes import Processes
from platform_scheduler.embedded import services
from platform_scheduler.embedded.ports import LOOPBACK, free_port
from platform_scheduler.embedded.programs import Program
from platform_scheduler.embedded.waiting import wait_until
from scheduler import clock

SECONDS_TO_START = 90
WEB = "web"

_BELIEVE_SHORT = "UPDATE scheduler_tasks SET run_count = 100, expected_ms = 2 WHERE id = ANY(%s)"


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a platform is to be, and how patient."""

    schedulers: int = 2
    workers: int = 2
    children: int = 6
    critical_children: int = 0  # of one more worker, for priority 10 alone
    lease_seconds: int = 8
    republish_after_seconds: int = 15
    environment: Mapping[str, str] = field(default_factory=dict)
    environments: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of single services


class Platform:
    """Everything that runs in one drill. Start, stop and relaunch it from one thread."""

    def __init__(self, folder: Path, size: Size, *, engines: Engines) -> None:
        self.folder = folder
        self.size = size
        self.engines = engines
        self.notes_file = folder / "notes"
        self._token = ""
        self.schedulers = services.names("scheduler", size.schedulers)
        self.workers = services.names("worker", size.workers)
        self.critical_workers = ["worker-critical"] if size.critical_children else []
        self.ports = self._choose_ports()
        self.processes = Processes(folder, environment=self._environment())
        self._origin: datetime | None = None

    def _choose_ports(self) -> dict[str, int]:
        ports: dict[str, int] = {}
        for name in self.names():
            ports[name] = free_port(avoid=frozenset(ports.values()))
        return ports

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "SECRET_KEY": secrets.token_urlsafe(60),
            "DATABASE_URL": self.engines.database_url,
            "REDIS_URL": self.engines.broker_url,
            "DATA_DIR": str(self.folder / "data"),
            "HANDLER_MODULES": "drill.handlers",
            "LEASE_SECONDS": str(self.size.lease_seconds),
            "REPUBLISH_AFTER_SECONDS": str(self.size.republish_after_seconds),
            NOTES: str(self.notes_file),
            **self.size.environment,
        }

    def start(self) -> None:
        """Start all, and wait until it is ready and has announced its handlers. Raises CannotDrill."""
        self.engines.start()
        bootstrap = self.processes.launch(services.bootstrap())
        if bootstrap.wait(SECONDS_TO_START) != 0:
            raise CannotDrill(f"The database cannot be prepared: {self.processes.log('bootstrap')[-2000:]}")
        self._token = (self.folder / "data" / "admin-token").read_text().strip()
        for program in self.programs():
            self.processes.launch(program)
        self.await_ready()
        self.wait_for(lambda: self.call("GET", "/api/v1/handlers").body.get("content"), "handlers are announced")
        with self.engines.connect() as connection:
            self._origin = clock.read(connection) - timedelta(seconds=clock.monotonic())

    def stop(self) -> None:
        """Stop all."""
        self.processes.stop()
        self.engines.stop()

    def now(self) -> datetime:
        """Return the instant by the database's clock, also while it is away: both are clocks of this machine."""
        assert self._origin is not None  # noqa: S101 - read when all had started
        return self._origin + timedelta(seconds=clock.monotonic())

    def names(self) -> list[str]:
        """Return the names of all services."""
        return [WEB, *self.schedulers, *self.workers, *self.critical_workers]

    def await_ready(self, names: Sequence[str] | None = None) -> None:
        """Wait until services are ready. Raises CannotDrill."""
        for name in names or self.names():
            self.wait_for(lambda name=name: self.is_ready(name), f"{name} is ready")  # type: ignore[misc]

    def is_ready(self, name: str) -> bool:
        """Tell whether a service says that it is ready."""
        return self.health(name, "ready")[0]

    def health(self, name: str, probe: str) -> tuple[bool, Mapping[str, Any]]:
        """Ask a service for its health; what does not answer is not well, and says nothing."""
        try:
            answer = send("GET", f"http://{LOOPBACK}:{self.ports[name]}/health/{probe}")
        except OSError:
            return False, {}
        return answer.status == 200, answer.body if isinstance(answer.body, dict) else {}

    def call(self, method: str, path: str, body: object = None) -> Answer:
        """Send a request to the API. Raises OSError where nobody answers."""
        return send(method, f"http://{LOOPBACK}:{self.ports[WEB]}{path}", body, token=self._token)

    def metrics(self, name: str) -> str:
        """Return the metrics of a scheduler or worker as text."""
        return str(send("GET", f"http://{LOOPBACK}:{self.ports[name]}/metrics").body)

    def wait_for(self, condition: Callable[[], object], what: str, *, seconds: float = SECONDS_TO_START) -> None:
        """Wait until a condition holds; nobody who answers is a condition that does not. Raises CannotDrill."""

        def holds() -> object:
            try:
                return condition()
            except (OSError, psycopg.Error, AttributeError):
                return False

        if not wait_until(holds, seconds=seconds, every=0.1):
            raise CannotDrill(f"It did not come to pass within {seconds:.0f} s that {what}.\n{self._complaints()}")

    def keep_calendar(self, closed: Closed) -> None:
        """Store the calendar that tasks of a drill use."""
        with self.engines.connect() as connection:
            connection.execute(
                "INSERT INTO scheduler_calendars (id, name, rules) VALUES (%s, %s, %s)",
                (uuid4(), CALENDAR, Jsonb(closed.rules())),
            )

    def register(self, definitions: Sequence[Definition]) -> list[Registered]:
        """Register tasks. Raises CannotDrill."""
        with self.engines.connect() as connection:
            return [self._register(connection, definition) for definition in definitions]

    def _register(self, connection: psycopg.Connection, definition: Definition) -> Registered:
        answer = self.call("POST", "/api/v1/tasks", definition.body())
        if answer.status != 201:
            raise CannotDrill(f"{definition.body()} is refused: {answer.body}")
        found = connection.execute("SELECT id, created_at FROM scheduler_tasks WHERE id = %s", (answer.body["id"],))
        row = found.fetchone()
        assert row is not None  # noqa: S101 - it was answered that it was created
        return Registered(definition, row[0], row[1])

    def believe_short(self, tasks: Sequence[Registered]) -> None:
        """Have the schedulers believe that runs of these tasks have been short many times."""
        with self.engines.connect() as connection:
            connection.execute(_BELIEVE_SHORT, ([task.task_id for task in tasks],))

    def rows(self) -> list[Row]:
        """Return all of history."""
        with self.engines.connect() as connection:
            return read_rows(connection)

    def notes(self) -> list[Note]:
        """Return what the handlers have noted."""
        return read_notes(self.notes_file)

    def programs(self) -> Iterator[Program]:
        """Describe every service as it is started."""
        programs = [
            services.web(host=LOOPBACK, port=self.ports[WEB]),
            *(services.scheduler(name, health_port=self.ports[name]) for name in self.schedulers),
            *(services.worker(n, health_port=self.ports[n], children=self.size.children) for n in self.workers),
            *(
                services.worker(n, health_port=self.ports[n], children=self.size.critical_children, is_critical=True)
                for n in self.critical_workers
            ),
        ]
        for program in programs:
            yield replace(program, env={**program.env, **self.size.environments.get(program.name, {})})

    def _complaints(self) -> str:
        return "\n".join(f"{name}:\n{self.processes.log(name)[-1500:]}" for name in self.names())


@contextmanager
def running(
    size: Size | None = None, *, keeps: bool = False, engines: Callable[[Path], Engines] = Engines
) -> Iterator[Platform]:
    """A platform that is up, in a folder that is removed at the end unless `keeps`; whatever happens it is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="platform-scheduler-drill-"))
    folder.chmod(0o711)  # as root, PostgreSQL's user has to pass
    platform = Platform(folder, size or Size(), engines=engines(folder))
    try:
        platform.start()
        yield platform
    finally:
        platform.stop()
        if not keeps:
            shutil.rmtree(folder, ignore_errors=True)
