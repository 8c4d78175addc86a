"""`up` with real engines and real signals: started, stopped, killed, started again.

The engines are real; web, scheduler and worker are stand-ins that only answer for their health, so that a
failure here is one of the embedded default. The last tests are about the real ones.
"""

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from django.contrib.auth.models import User

from platform_scheduler.embedded import orphans
from platform_scheduler.embedded.orphans import Sought
from platform_scheduler.embedded.placement import left_behind
from platform_scheduler.embedded.ports import free_port, is_free
from platform_scheduler.embedded.postgres import DATABASE, USER
from platform_scheduler.embedded.waiting import wait_until
from platform_scheduler.management.commands.bootstrap import ensure_login, ensure_token
from scheduler.clock import now
from scheduler.models.access import ApiToken
from scheduler.tokens import authenticate

pytestmark = pytest.mark.acceptance

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 60

STAND_IN = """
import http.server, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""
BOOTSTRAP = 'echo admin secret > "$DATA_DIR/admin-login"; echo token > "$DATA_DIR/admin-token"'
DRIVER = f"""
import sys
from platform_scheduler.embedded import services, up
from platform_scheduler.embedded.programs import Program
def stand_in(name, port, health_port=None):
    return Program(name=name, argv=(sys.executable, "-c", {STAND_IN!r}, str(port)), health_port=health_port)
services.web = lambda *, host, port: stand_in("web", port)
services.scheduler = lambda name, *, health_port: stand_in(name, health_port, health_port)
services.worker = lambda name, *, health_port, children: stand_in(name, health_port, health_port)
up.bootstrap = lambda: Program(name="bootstrap", argv=("/bin/sh", "-c", {BOOTSTRAP!r}))
sys.exit(up.main(sys.argv[1:]))
"""


class Up:
    """One `up` of a test, on a DATA_DIR of its own."""

    def __init__(self, folder: Path, *, command: tuple[str, ...] = ("-c", DRIVER)) -> None:
        self.data_dir = folder / "data"
        self.port = free_port()
        self.output = folder / "output"
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.begin()
        assert wait_until(lambda: "Ready after" in self.said or self.has_ended, seconds=SECONDS)
        assert "Ready after" in self.said, self.said

    def begin(self, *options: str) -> None:
        arguments = ["--data-dir", str(self.data_dir), "--port", str(self.port), "--examples", "0", *options]
        env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *self._command, *arguments],
                cwd=PROJECT,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process
        return self._process

    @property
    def said(self) -> str:
        return self.output.read_text()

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(SECONDS)

    @property
    def state(self):
        return json.loads((self.data_dir / "state.json").read_text())

    @property
    def sought(self) -> Sought:
        return Sought(
            data_dir=self.data_dir,
            postgres_data=(self.data_dir / "postgres").resolve(),
            valkey_data=self.data_dir / "valkey",
        )

    def running(self) -> list[psutil.Process]:
        return [process for processes in orphans.find(self.sought).values() for process in processes]

    def supervisor(self) -> psutil.Process:
        return orphans.find(self.sought)["supervisor"][0]

    def kill(self, victims: str) -> None:
        chosen = {
            "up": [],
            "supervisord": [self.supervisor()],
            "everything": self.running(),
        }[victims]
        for process in chosen:
            with contextlib.suppress(psutil.NoSuchProcess):  # it may die with its supervisor
                process.kill()
        if victims != "supervisord":
            self.process.kill()
        self.process.wait(SECONDS)

    def postgres(self) -> psycopg.Connection:
        state = self.state
        return psycopg.connect(
            host="127.0.0.1",
            port=state["ports"]["postgres"],
            user=USER,
            password=state["postgres_password"],
            dbname=DATABASE,
        )

    def valkey(self) -> redis.Redis:
        state = self.state
        return redis.Redis(port=state["ports"]["valkey"], password=state["valkey_password"], socket_timeout=5)

    def write(self, number: int) -> None:
        with self.postgres() as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (number integer)")
            connection.execute("INSERT INTO kept VALUES (%s)", [number])
        with self.valkey() as client:
            client.rpush("kept", number)
            # Appended to the file at once, but given to the disk once a second: a killed server has lost
            # nothing by then, and a machine without power at most that second.
            assert client.info("persistence")["aof_last_write_status"] == "ok"

    def read(self) -> tuple[list[int], list[int]]:
        with self.postgres() as connection:
            rows = connection.execute("SELECT number FROM kept ORDER BY number").fetchall()
        with self.valkey() as client:
            return [row[0] for row in rows], [int(each) for each in client.lrange("kept", 0, -1)]


@pytest.fixture
def make_up():
    """Make any number of them; whatever a test does, nothing of them outlives it."""
    made: list[Up] = []

    def make(**options) -> Up:
        folder = Path(tempfile.mkdtemp(prefix="platform-scheduler-up-"))
        folder.chmod(0o711)  # as root, PostgreSQL's user has to pass
        made.append(Up(folder, **options))
        return made[-1]

    yield make
    for one in made:
        remove(one)


def remove(one: Up) -> None:
    if not one.has_ended:
        one.process.kill()
    one.process.wait()
    orphans.stop(one.sought)
    for folder in (one.data_dir.parent, *left_behind(one.data_dir)):
        shutil.rmtree(folder)


@pytest.fixture
def up(make_up):
    return make_up()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_starts_and_stops_cleanly(up, number):
    up.start()
    assert up.end(number) == 0
    assert up.running() == []
    assert all(is_free(port) for port in up.state["ports"].values())


def test_it_stops_cleanly_while_it_still_starts(up):
    up.begin()
    assert wait_until(lambda: up.data_dir.is_dir() and orphans.find(up.sought)["supervisor"], seconds=SECONDS)
    assert up.end() == 0
    assert up.running() == []


def test_it_starts_again_on_the_same_ports(up):
    up.start()
    ports = up.state["ports"]
    up.write(1)
    up.end()
    up.start()
    assert up.state["ports"] == ports
    assert up.read() == ([1], [1])
    assert up.end() == 0


@pytest.mark.parametrize("victims", ["up", "supervisord", "everything"])
def test_it_loses_nothing_when_killed(up, victims):
    up.start()
    up.write(1)
    up.kill(victims)
    up.start()
    assert up.read() == ([1], [1])
    assert up.end() == 0
    assert up.running() == []


def test_it_ends_with_a_line_when_its_supervisor_is_killed(up):
    up.start()
    up.kill("supervisord")
    assert up.process.returncode == 1
    assert "✗ supervisord has ended" in up.said
    assert up.running() == []


def test_it_leaves_nothing_running_when_it_is_killed(up):
    up.start()
    up.kill("up")
    assert wait_until(lambda: not up.running(), seconds=SECONDS)


def test_it_restarts_an_engine_that_is_killed(up):
    up.start()
    up.write(1)
    orphans.find(up.sought)["valkey"][0].kill()
    psutil.Process(int((up.data_dir / "postgres/postmaster.pid").read_text().split()[0])).kill()
    assert wait_until(lambda: "postgres has ended and was started again" in up.said, seconds=SECONDS)
    assert wait_until(lambda: "valkey has ended and was started again" in up.said, seconds=SECONDS)
    assert wait_until(lambda: readable(up), seconds=SECONDS)
    assert up.read() == ([1], [1])
    assert up.end() == 0


def readable(up: Up) -> bool:
    with contextlib.suppress(psycopg.OperationalError, redis.ConnectionError):
        return bool(up.read())
    return False


def test_it_says_when_a_program_is_given_up(up):
    up.start()
    up.write(1)
    # The next start of valkey meets a file that it cannot read.
    for file in (up.data_dir / "valkey/appendonlydir").glob("*.incr.aof"):
        file.write_text("garbage\nmore garbage\n")
    orphans.find(up.sought)["valkey"][0].kill()
    assert wait_until(lambda: "valkey has ended too often" in up.said, seconds=SECONDS)
    assert "Bad file format" in up.said
    assert up.end() == 0


def test_it_runs_beside_another(make_up):
    first, second = make_up(), make_up()
    first.start()
    second.start()
    first.write(1)
    second.write(2)
    assert (first.read(), second.read()) == (([1], [1]), ([2], [2]))
    assert first.end() == 0
    assert second.read() == ([2], [2])
    assert second.end() == 0


def test_it_refuses_a_data_dir_that_is_in_use(up, make_up):
    up.start()
    other = make_up()
    other.begin("--data-dir", str(up.data_dir))
    assert other.process.wait(SECONDS) == 1
    assert f"in use by another `up` (process {up.process.pid})" in other.said
    assert up.end() == 0


def test_it_refuses_a_port_that_is_taken(up, make_up):
    up.start()
    other = make_up()
    other.begin("--port", str(up.port))
    assert other.process.wait(SECONDS) == 1
    assert f"✗ Port {up.port} on 127.0.0.1 is taken by" in other.said
    assert up.end() == 0


def test_it_refuses_the_data_of_another_postgresql(up):
    up.start()
    up.end()
    (up.data_dir / "postgres/PG_VERSION").write_text("14\n")
    up.begin()
    assert up.process.wait(SECONDS) == 1
    assert "was made by PostgreSQL 14, this is PostgreSQL" in up.said


def test_it_says_in_one_line_why_a_server_does_not_start(up):
    up.start()
    up.end()
    with (up.data_dir / "postgres/postgresql.conf").open("a") as settings:
        settings.write("no_such_setting = on\n")
    up.begin()
    assert up.process.wait(SECONDS) == 1
    assert "✗ postgres does not start: " in up.said
    assert f"(log: {up.data_dir}/logs/postgres.log)" in up.said
    assert "Traceback" not in up.said
    assert up.running() == []


def test_it_keeps_its_secrets_to_their_owner(up):
    up.start()
    up.end()
    readable_by_others = [
        path.name
        for path in up.data_dir.rglob("*")
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077 and holds_a_secret(path, up.state)
    ]
    assert readable_by_others == []


def holds_a_secret(path: Path, state: dict[str, str]) -> bool:
    text = path.read_bytes()
    return any(state[name].encode() in text for name in ("postgres_password", "valkey_password", "secret_key"))


def test_it_leaves_no_servers_behind_when_a_test_run_is_killed(tmp_path):
    test = tmp_path / "test_it.py"
    test.write_text(
        "import os, signal\n"
        "def test_it():\n"
        "    print(os.environ['TEST_DATABASE_URL'], os.environ['TEST_REDIS_URL'])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TEST_", "PYTEST_"))}
    options = ["-p", "tests.servers", "-p", "no:django", "-c", os.devnull, "--rootdir", str(tmp_path), "-s", "-q"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(test)],
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    ports = [int(url.rsplit(":", 1)[1].split("/")[0]) for url in done.stdout.split()]
    assert len(ports) == 2
    assert wait_until(lambda: all(map(is_free, ports)), seconds=SECONDS)


@pytest.fixture
def real(make_up):
    return make_up(command=("manage.py", "up"))


def ask(url: str, *, token: str) -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        status: int = answer.status
        return status


@pytest.mark.timeout(300)
def test_it_starts_the_whole_platform(real):
    real.begin("--schedulers", "2", "--worker-processes", "2", "--workers", "1")
    assert wait_until(lambda: "Ready after" in real.said or real.has_ended, seconds=120), real.said
    token = (real.data_dir / "admin-token").read_text().strip()
    assert ask(f"http://127.0.0.1:{real.port}/api/v1/tasks", token=token) == 200
    assert token in real.said
    assert (real.data_dir / "admin-login").read_text().strip().replace(" ", " / ") in real.said
    assert [stat.S_IMODE((real.data_dir / name).stat().st_mode) for name in ("admin-token", "admin-login")] == [
        0o600,
        0o600,
    ]
    assert real.end() == 0
    assert real.running() == []


@pytest.mark.django_db
def test_it_makes_a_login_that_works(tmp_path):
    ensure_login(tmp_path / "admin-login")
    user, password = (tmp_path / "admin-login").read_text().split()
    admin = User.objects.get(username=user)
    assert admin.check_password(password)
    assert (admin.is_staff, admin.is_superuser) == (True, True)


@pytest.mark.django_db
def test_it_keeps_a_login_that_it_has_made(tmp_path):
    ensure_login(tmp_path / "admin-login")
    before = (tmp_path / "admin-login").read_text()
    ensure_login(tmp_path / "admin-login")
    assert (tmp_path / "admin-login").read_text() == before


@pytest.mark.django_db
def test_it_makes_another_login_for_another_database(tmp_path):
    (tmp_path / "admin-login").write_text("admin of-an-older-database\n")
    ensure_login(tmp_path / "admin-login")
    _, password = (tmp_path / "admin-login").read_text().split()
    assert User.objects.get(username="admin").check_password(password)


@pytest.mark.django_db
def test_it_makes_a_token_that_works_and_keeps_it(tmp_path):
    ensure_token(tmp_path / "admin-token", now=now())
    secret = (tmp_path / "admin-token").read_text().strip()
    token = authenticate(secret, now())
    assert token
    assert (token.role, token.namespace) == ("admin", None)
    ensure_token(tmp_path / "admin-token", now=now())
    assert (tmp_path / "admin-token").read_text().strip() == secret


@pytest.mark.django_db
def test_it_replaces_a_token_that_no_longer_works(tmp_path):
    ensure_token(tmp_path / "admin-token", now=now())
    ApiToken.objects.update(revoked_at=now())
    ensure_token(tmp_path / "admin-token", now=now())
    assert authenticate((tmp_path / "admin-token").read_text().strip(), now())
