"""One `up` of a test, with real engines and stand-ins for web, scheduler and worker."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import redis

from platform_scheduler.embedded import orphans
from platform_scheduler.embedded.orphans import Sought
from platform_scheduler.embedded.placement import left_behind
from platform_scheduler.embedded.ports import free_port
from platform_scheduler.embedded.postgres import DATABASE, USER
from platform_scheduler.embedded.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 60

# They only answer for their health, so that a failure here is one of the embedded default.
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
import signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests run under nohup
from platform_scheduler.embedded import services, up, watching
from platform_scheduler.embedded.programs import Program
watching.SECONDS_BETWEEN_TRIES = 5
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
        given = ("DATABASE_URL", "REDIS_URL", "BROKER_URL")
        env = {name: value for name, value in os.environ.items() if name not in given}
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


def remove(one: Up) -> None:
    if not one.has_ended:
        one.process.kill()
    one.process.wait()
    orphans.stop(one.sought)
    for folder in (one.data_dir.parent, *left_behind(one.data_dir)):
        shutil.rmtree(folder)
