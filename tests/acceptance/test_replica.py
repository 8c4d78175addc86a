"""The profile query on a real copy of the database: a hot standby that can be made to lag, and to die."""

import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import psycopg
import pytest

from platform_scheduler.embedded import services
from platform_scheduler.embedded.account import run_as
from platform_scheduler.embedded.ports import LOOPBACK, free_port
from platform_scheduler.embedded.postgres import Cluster
from platform_scheduler.embedded.programs import Program
from platform_scheduler.embedded.throw_away import ThrowAwayServers
from platform_scheduler.embedded.waiting import wait_until
from tests.acceptance.platform import Answer, send

pytestmark = [pytest.mark.acceptance, pytest.mark.anywhere]

SECONDS_TO_START = 60
LAG = "X-Replica-Lag-Seconds"


class Pair(ThrowAwayServers):
    """A primary and its copy, and a register and a query process on them."""

    def __init__(self) -> None:
        super().__init__(prefix="platform-scheduler-replica-")
        self.ports = {"register": free_port(), "query": free_port()}
        self.copy: Cluster | None = None

    def begin(self) -> None:
        """Start everything, and wait until it is ready."""
        self.start(valkey=False)
        assert self.cluster is not None
        self._run(services.bootstrap())
        self.copy = self._make_copy(self.cluster)
        for name in self.ports:
            web = services.web(host=LOOPBACK, port=self.ports[name])
            self._launch(replace(web, name=name, env=self._environment(name)))
        for name in self.ports:
            self._await(name, lambda name=name: _is_ready(f"http://{LOOPBACK}:{self.ports[name]}"))  # type: ignore[misc]

    def on_copy(self, statement: str) -> None:
        """Carry out a statement on the copy."""
        assert self.copy is not None
        with psycopg.connect(self.copy.url, autocommit=True) as connection:
            connection.execute(statement)

    def end(self, name: str) -> None:
        """Kill one of them."""
        self._processes[list(self._programs).index(name)].kill()

    @property
    def token(self) -> str:
        """The admin's token."""
        return (self.folder / "data" / "admin-token").read_text().strip()

    def _make_copy(self, primary: Cluster) -> Cluster:
        data = self.folder / "copy"
        data.mkdir(mode=0o700)
        if primary.account:
            os.chown(data, primary.account.uid, primary.account.gid)
        made = run_as(
            primary.account, str(primary.binaries.bin / "pg_basebackup"), f"--pgdata={data}", f"--dbname={primary.url}",
            "--write-recovery-conf", "--checkpoint=fast", "--no-sync", env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        copy = replace(primary, data=data, port=free_port())
        self._launch(replace(copy.program(throw_away=True), name="copy"))
        self._await("copy", copy.answers)
        return copy

    def _environment(self, name: str) -> dict[str, str]:
        assert self.cluster is not None
        copy = {"QUERY_DATABASE_URL": self.copy.url} if self.copy and name == "query" else {}
        return {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "SECRET_KEY": os.environ["SECRET_KEY"],
            "DATABASE_URL": self.cluster.url,
            "REDIS_URL": os.environ["TEST_REDIS_URL"],
            "DATA_DIR": str(self.folder / "data"),
            "DJANGO_SETTINGS_MODULE": f"platform_scheduler.settings.{name}",
            **copy,
        }

    def _run(self, program: Program) -> None:
        self._launch(replace(program, env=self._environment("all")))
        process = self._processes[-1]
        assert process.wait(SECONDS_TO_START) == 0, self._log(program.name).read_text()[-4000:]


def _ready(url: str) -> Answer:
    return send(f"{url}/health/ready", method="GET", body=None, headers={})


def _is_ready(url: str) -> bool:
    try:
        return _ready(url).status == 200
    except OSError:
        return False


@dataclass
class User:
    """Whoever has a token."""

    pair: Pair
    token: str

    def call(self, method: str, path: str, body: object = None, *, to: str = "query") -> Answer:
        return send(
            f"http://{LOOPBACK}:{self.pair.ports[to]}/api/v1/{path}", method=method, body=body,
            headers={"Authorization": f"Bearer {self.token}"},
        )  # fmt: skip

    def names(self) -> set[str]:
        return {task["name"] for task in self.call("GET", "tasks?size=200")["content"]}


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    pair = Pair()
    try:
        pair.begin()
        yield pair
    finally:
        pair.stop()


@pytest.fixture(scope="module")
def writer(pair: Pair) -> User:
    return User(pair, pair.token)


@pytest.fixture(scope="module")
def reader(pair: Pair, writer: User) -> User:
    made = writer.call("POST", "tokens", {"name": "reader", "role": "viewer"}, to="register")
    return User(pair, made["secret"])


def _register(writer: User) -> tuple[str, str]:
    name = f"Task {secrets.token_hex(4)}"
    body = {"name": name, "taskClass": "platform.noop", "allowUnknownTaskClass": True}
    return name, writer.call("POST", "tasks", body, to="register")["id"]


def test_others_read_what_the_copy_has(writer: User, reader: User) -> None:
    name, _ = _register(writer)

    assert wait_until(lambda: name in reader.names(), seconds=10)
    assert float(reader.call("GET", "tasks").headers[LAG]) < 5


def test_a_copy_that_lags_misleads_neither_who_has_written_nor_who_knows_the_id(
    pair: Pair, writer: User, reader: User
) -> None:
    pair.on_copy("SELECT pg_wal_replay_pause()")
    try:
        name, task_id = _register(writer)

        assert name in writer.names()
        assert name not in reader.names()
        assert reader.call("GET", f"tasks/{task_id}")["name"] == name
        assert wait_until(lambda: float(reader.call("GET", "tasks").headers[LAG]) > 1, seconds=10)
        assert wait_until(lambda: name not in writer.names(), seconds=20)
    finally:
        pair.on_copy("SELECT pg_wal_replay_resume()")
    assert wait_until(lambda: name in reader.names(), seconds=10)


def test_without_the_copy_all_is_read_from_the_primary(pair: Pair, writer: User, reader: User) -> None:
    name, _ = _register(writer)
    pair.end("copy")

    # Each within the ten seconds that `send` waits, however many find out at the same time.
    for _ in range(3):
        with ThreadPoolExecutor(12) as readers:
            assert all(answer.status == 200 for answer in readers.map(lambda _: reader.call("GET", "tasks"), range(12)))
        assert not wait_until(lambda: LAG in reader.call("GET", "tasks").headers, seconds=3)
    assert wait_until(lambda: name in reader.names(), seconds=20)
    assert LAG not in reader.call("GET", "tasks").headers
    ready = _ready(f"http://{LOOPBACK}:{pair.ports['query']}")
    assert (ready.status, ready["checks"]["replica"]) == (200, "down")
