"""A whole platform of real processes: `manage.py up` in an empty data directory, and an HTTP client for it."""

import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg
from django.utils.datastructures import CaseInsensitiveMapping
from psycopg.sql import SQL, Identifier

from drill.client import whole
from platform_scheduler.embedded.ports import free_port
from platform_scheduler.embedded.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


class Answer(dict[str, Any]):
    """A JSON answer with its status and headers."""

    status: int
    headers: Mapping[str, str]


class Platform:
    """One `up`, by its data directory and port."""

    def __init__(self, data_dir: Path, *, options: tuple[str, ...] = (), environment: Mapping[str, str] = {}) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.log = data_dir.parent / f"{data_dir.name}.log"
        self._options = options
        self._environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run `up` and wait until it says that it is."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PORT": str(self.port),
            "DATA_DIR": str(self.data_dir),
            "EXAMPLES": "0",
            **self._environment,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", *self._options],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.wait_for(self.is_ready, seconds=180)

    def stop(self) -> int:
        """Stop it as Ctrl-C does; return its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def is_ready(self) -> bool:
        """Tell whether web answers and some worker has announced its handlers."""
        assert self.process is not None
        assert self.process.poll() is None, f"up has ended:\n{self.log.read_text()[-4000:]}"
        try:
            return self.get("/health/ready").status == 200 and bool(self.get("/api/v1/handlers").get("content"))
        except (OSError, ValueError):
            return False

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def call(self, method: str, path: str, body: str | dict[str, Any] | None = None) -> Answer:
        """Send a request with the admin's token; errors of HTTP are answers too."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return send(f"http://127.0.0.1:{self.port}{path}", method=method, body=body, headers=headers)

    def wait_for(self, condition: Callable[[], T], *, seconds: float) -> T:
        """Wait until `condition()` is true; return what it returned, or fail with the log."""
        seen: list[T] = []

        def is_met() -> bool:
            seen[:] = [condition()]
            return bool(seen[0])

        assert wait_until(is_met, seconds=seconds, every=0.1), (
            f"It did not come to pass within {seconds} s:\n{self.log.read_text()[-4000:]}"
        )
        return seen[0]

    def history(self, task_id: str) -> list[dict[str, Any]]:
        """Return the whole history of a task, oldest slot first."""
        rows: list[dict[str, Any]] = []
        page = 0
        while chunk := self.get(f"/api/v1/tasks/{task_id}/history?page={page}&size=200")["content"]:
            rows += chunk
            page += 1
        return sorted(rows, key=lambda row: (row["scheduledFor"], row["attempt"]))

    def pids(self, role: str) -> list[int]:
        """Return the process ids of the nodes of a role that live, oldest first."""
        nodes = [node for node in self.get("/api/v1/nodes")["content"] if node["role"] == role]
        return [node["pid"] for node in sorted(nodes, key=lambda node: node["startedAt"])]

    def login(self) -> tuple[str, str]:
        """Return the user's name and password that `up` has made."""
        text = (self.data_dir / "admin-login").read_text()
        name, password = text.split()[-2:]
        return name, password

    def connect(self) -> psycopg.Connection:
        """Open a connection to the database, for what no endpoint writes."""
        lines = shlex.split((self.data_dir / "environment").read_text(), comments=True)
        (url,) = (line.partition("=")[2] for line in lines if line.startswith("DATABASE_URL="))
        return psycopg.connect(url, autocommit=True)

    @property
    def token(self) -> str:
        """Return the token of the admin that `up` has made."""
        return (self.data_dir / "admin-token").read_text().strip()


@contextmanager
def outside_servers() -> Iterator[dict[str, str]]:
    """The environment that leads `up` to outside servers and a database of its own there; empty without such servers.

    `make test-external` sets TEST_EXTERNAL; otherwise `up` brings its own.
    """
    if not os.environ.get("TEST_EXTERNAL"):
        yield {}
        return
    url = urlsplit(os.environ["TEST_DATABASE_URL"])
    name = f"platform_scheduler_{secrets.token_hex(4)}"
    with psycopg.connect(url.geturl(), autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        try:
            yield {"DATABASE_URL": url._replace(path=f"/{name}").geturl(), "REDIS_URL": os.environ["TEST_REDIS_URL"]}
        finally:
            connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@contextmanager
def running(data_dir: Path, **arguments: Any) -> Iterator[Platform]:
    """A platform that is up, and is stopped at the end whatever happened."""
    platform = Platform(data_dir, **arguments)
    try:
        platform.start()
        yield platform
    finally:
        if platform.process is not None:
            platform.stop()


@contextmanager
def two_of_each() -> Iterator[Platform]:
    """A platform of two schedulers and two workers, on outside servers where there are any; nothing of it stays."""
    # Not pytest's own folder: as root PostgreSQL runs as another user, who must be able to pass through.
    folder = Path(tempfile.mkdtemp(prefix="platform-scheduler-acceptance-"))
    folder.chmod(0o711)
    options = ("--schedulers", "2", "--worker-processes", "2")
    try:
        with outside_servers() as environment:
            with running(folder / "data", options=options, environment=environment) as platform:
                yield platform
    finally:
        shutil.rmtree(folder)


def send(url: str, *, method: str, body: object = None, headers: Mapping[str, str]) -> Answer:
    """Send a request, its body as JSON unless it is text already; errors of HTTP are answers too.

    Raises OSError where there is no answer, BrokenOff, which is one, where it is not whole.
    """
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    request = urllib.request.Request(  # noqa: S310 - our own address
        url,
        method=method,
        data=None if text is None else text.encode(),
        headers={"Content-Type": "application/json", **headers},
    )
    return whole(lambda: _exchange(request))


def _exchange(request: urllib.request.Request) -> Answer:
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - the same
            return _answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers, error.read())


def _answer(status: int, headers: Any, body: bytes) -> Answer:
    answer = Answer(json.loads(body) if body and "json" in headers.get("Content-Type", "") else {})
    answer.status = status
    answer.headers = CaseInsensitiveMapping(headers.items())  # granian writes them in lower case
    return answer
