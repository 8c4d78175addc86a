"""The platform in pieces: each profile a process of its own, several of each, behind the gateway."""

import os
import re
import secrets
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from platform_scheduler.embedded import services
from platform_scheduler.embedded.ports import free_port
from platform_scheduler.embedded.programs import Program, shim_command, write_programs
from platform_scheduler.embedded.waiting import wait_until
from tests.acceptance.gateway import gateway
from tests.acceptance.platform import Answer, send

HOST = "127.0.0.1"
SECONDS_TO_START = 90
SECONDS_TO_STOP = 30


class Split:
    """Two register, two query, a console, two schedulers, two workers and the gateway, on one database."""

    def __init__(self, folder: Path, database_url: str, **environment: str) -> None:
        self.data_dir = folder / "data"
        self.token = ""
        self.code = services.PROJECT
        self._folder = folder
        self._processes: dict[str, psutil.Popen] = {}
        self._programs: dict[str, Program] = {}
        self.ports = self._choose_ports()
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "SECRET_KEY": secrets.token_urlsafe(60),
            "DATABASE_URL": database_url,
            "REDIS_URL": os.environ["TEST_REDIS_URL"],
            "DATA_DIR": str(self.data_dir),
            **environment,
        }

    @staticmethod
    def _choose_ports() -> dict[str, int]:
        names = ["register-1", "register-2", "query-1", "query-2", "console", "gateway", "query-metrics"]
        ports: dict[str, int] = {}
        for name in [*names, "scheduler-1", "scheduler-2", "worker-1", "worker-2"]:
            ports[name] = free_port(avoid=frozenset(ports.values()))
        return ports

    def start(self) -> None:
        """Prepare the database, start everything, and wait until all is ready and the handlers are announced."""
        self.run(services.bootstrap())
        self.token = (self.data_dir / "admin-token").read_text().strip()
        self._launch(self._services())
        for name in self._processes:
            self.await_ready(name)
        assert wait_until(lambda: self.call("GET", "/api/v1/handlers").get("content"), seconds=SECONDS_TO_START)

    def stop(self) -> None:
        """Ask everything to end, and see to it."""
        for process in self._processes.values():
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        for process in self._processes.values():
            try:
                process.wait(SECONDS_TO_STOP)
            except psutil.TimeoutExpired:
                _kill(process)

    def kill(self, name: str) -> None:
        """Kill a service with all its processes, as a machine that fails would."""
        _kill(self._processes.pop(name))

    def relaunch(self, name: str) -> None:
        """Start a service that was killed anew, as whoever looks after it would."""
        self._launch([self._programs[name]])

    def replace(self, name: str) -> None:
        """Ask a service to end, as a rolling upgrade does, and start it from the code of now."""
        process = self._processes.pop(name)
        process.terminate()
        assert process.wait(SECONDS_TO_STOP) in (0, -signal.SIGTERM), self.log(name)
        self.relaunch(name)
        self.await_ready(name)

    def run(self, program: Program) -> None:
        """Run a command of the platform's to its end."""
        self._launch([program])
        assert self._processes.pop(program.name).wait(SECONDS_TO_START) == 0, self.log(program.name)

    def await_ready(self, name: str) -> None:
        """Wait until a service says that it is ready."""
        assert wait_until(lambda: self._is_ready(name), seconds=SECONDS_TO_START), self.log(name)

    def call(self, method: str, path: str, body: object = None, *, to: str = "gateway", **headers: str) -> Answer:
        """Send a request to the gateway, or past it to a service; with the admin's token unless said otherwise."""
        headers = {"Authorization": f"Bearer {self.token}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return send(f"http://{HOST}:{self.ports[to]}{path}", method=method, body=body, headers=headers)

    def metric(self, name: str, *services: str, to: str = "/metrics", **labels: str) -> float:
        """Return the sum of a metric over services, and over the series that have these labels."""
        texts = [self.text(service, to) for service in services]
        series = re.compile(rf"^platform_scheduler_{name}(\{{.*\}})? (\S+)$", re.MULTILINE)
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        found = [match for text in texts for match in series.findall(text)]
        return sum(float(number) for shown, number in found if all(label in shown for label in wanted))

    def text(self, service: str, path: str) -> str:
        """Return what a service answers, as text."""
        request = urllib.request.Request(
            f"http://{HOST}:{self.ports[service]}{path}", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - the same
            return str(answer.read().decode())

    def log(self, name: str) -> str:
        """Return the end of a service's log."""
        return f"{name}:\n{(self._folder / f'{name}.log').read_text()[-4000:]}"

    def _services(self) -> list[Program]:
        web = ["register-1", "register-2", "query-1", "query-2", "console"]
        return [
            *(self._web(name) for name in web),
            *(services.scheduler(name, health_port=self.ports[name]) for name in ("scheduler-1", "scheduler-2")),
            *(services.worker(name, health_port=self.ports[name], children=2) for name in ("worker-1", "worker-2")),
            gateway(
                self._folder / "nginx",
                port=self.ports["gateway"],
                ports={
                    kind: [port for name, port in self.ports.items() if name in web and name.startswith(kind)]
                    for kind in ("register", "query", "console")
                },
            ),
        ]

    def _web(self, name: str) -> Program:
        """Describe a web service as `up` starts it, under another profile."""
        env = {"DJANGO_SETTINGS_MODULE": f"platform_scheduler.settings.{name.partition('-')[0]}"}
        if name == "query-1":
            env["METRICS_PORT"] = str(self.ports["query-metrics"])
        return replace(services.web(host=HOST, port=self.ports[name]), name=name, env=env)

    def _launch(self, programs: list[Program]) -> None:
        file = self._folder / "programs.json"
        self._programs |= {program.name: program for program in programs}
        write_programs(file, [_from(self.code, program) for program in self._programs.values()])
        for program in programs:
            with (self._folder / f"{program.name}.log").open("ab") as log:
                # Through the shim: when the tests are killed, what they have started ends as well.
                self._processes[program.name] = psutil.Popen(
                    shim_command(file, program.name, parent=os.getpid()),
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

    def _is_ready(self, name: str) -> bool:
        assert self._processes[name].poll() is None, self.log(name)
        try:
            return self.call("GET", "/health/ready", to=name).status == 200
        except OSError:
            return False


def _from(code: Path, program: Program) -> Program:
    """Return a program of the platform's as it is in another folder of its code; nginx is none of them."""
    if program.cwd != services.PROJECT:
        return program
    argv = [str(code / "manage.py") if part == services.MANAGE else part for part in program.argv]
    return replace(program, cwd=code, argv=tuple(argv))


@contextmanager
def own_database() -> Iterator[str]:
    """The URL of an empty database on the tests' server."""
    server = os.environ["TEST_DATABASE_URL"]
    name = f"platform_scheduler_{secrets.token_hex(4)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def _kill(process: psutil.Popen) -> None:
    with suppress(psutil.NoSuchProcess):
        family = [process, *process.children(recursive=True)]
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(family, timeout=SECONDS_TO_STOP)
