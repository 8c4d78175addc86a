"""nginx with docker/nginx.conf in front of stand-ins: what goes where, with which headers, and what is asked again."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from platform_scheduler.embedded.ports import free_port, is_free
from platform_scheduler.embedded.programs import shim_command, write_programs
from platform_scheduler.embedded.waiting import wait_until
from tests.acceptance.gateway import gateway, nginx

pytestmark = pytest.mark.acceptance

HOST = "127.0.0.1"
TASK = "/api/v1/tasks/00000000-0000-4000-8000-000000000001"


class StandIn(ThreadingHTTPServer):
    """A process behind the gateway: it tells what it was asked, or takes the request and says nothing, as if killed."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__((HOST, 0), _Handler)
        self.name = name
        self.is_mute = False
        # Of each request its method, and the host that it named.
        self.asked: list[tuple[str, str]] = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65_537)
        understood = bool(self.raw_requestline) and self.parse_request()
        self.close_connection = True
        if not understood:
            return
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.command, self.headers.get("Host", "")))
        if not self.server.is_mute:
            self._tell()

    def _tell(self) -> None:
        facts = {"by": self.server.name, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}}
        body = json.dumps(facts).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


class Front:
    """The gateway with its stand-ins."""

    def __init__(self, port: int, stand_ins: dict[str, StandIn]) -> None:
        self.port = port
        self.stand_ins = stand_ins

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=20)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text else {}

    def count(self, method: str) -> int:
        return sum(asked == method for each in self.stand_ins.values() for asked, _host in each.asked)


@contextmanager
def running(stand_ins: dict[str, StandIn], *, gone: str = "") -> Iterator[Front]:
    """The gateway in front of the stand-ins; the one named `gone` refuses connections."""
    nginx()
    folder = Path(tempfile.mkdtemp(prefix="platform-scheduler-gateway-"))
    folder.chmod(0o711)
    port = free_port()
    ports = {
        kind: [free_port() if name == gone else each.server_port for name, each in stand_ins.items() if kind in name]
        for kind in ("register", "query", "console")
    }
    program = gateway(folder / "nginx", port=port, ports=ports)
    write_programs(folder / "programs.json", [program])
    process = subprocess.Popen(shim_command(folder / "programs.json", "gateway", parent=os.getpid()))
    try:
        assert wait_until(lambda: not is_free(port), seconds=20)
        yield Front(port, stand_ins)
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder)


@pytest.fixture
def stand_ins() -> Iterator[dict[str, StandIn]]:
    """Two of each API service, and a console."""
    made = {name: StandIn(name) for name in ("register-1", "register-2", "query-1", "query-2", "console-1")}
    yield made
    for each in made.values():
        each.shutdown()
        each.server_close()


@pytest.fixture
def front(stand_ins: dict[str, StandIn]) -> Iterator[Front]:
    """The gateway with all of them there."""
    with running(stand_ins) as front:
        yield front


ROUTES = [
    ("GET", "/api/v1/tasks", "query"),
    ("GET", "/api/v1/tasks?status=ACTIVE", "query"),
    ("GET", f"{TASK}/history?size=1", "query"),
    ("GET", "/api/v1/%74asks", "query"),
    ("GET", "/api/v1/executions/1/log", "query"),
    ("GET", "/api/v1/runs/1", "query"),
    ("GET", "/api/v1/stats/overview", "query"),
    ("GET", "/api/v1/sla", "query"),
    ("GET", "/api/v1/forecast?hours=24", "query"),
    ("GET", "/api/v1/stream", "query"),
    ("GET", "/health/ready", "query"),
    ("POST", "/api/v1/tasks", "register"),
    ("PUT", TASK, "register"),
    ("PATCH", TASK, "register"),
    ("DELETE", TASK, "register"),
    ("OPTIONS", "/api/v1/tasks", "register"),
    ("POST", f"{TASK}/trigger", "register"),
    ("POST", f"{TASK}/backfill", "register"),
    ("GET", "/api/v1/operations", "register"),
    ("GET", "/api/v1/operations/1", "register"),
    ("POST", "/api/v1/operations/1/abort", "register"),
    ("POST", "/api/v1/executions/1/cancel", "register"),
    ("POST", "/api/v1/stream", "register"),
    ("GET", "/api/v1/tasksets", "register"),
    ("GET", "/api/v1/nodes", "register"),
    ("GET", "/api/v1/handlers", "register"),
    ("GET", "/api/v1/flow-control", "register"),
    ("GET", "/api/schema/", "register"),
    ("GET", "/api/docs/", "register"),
    ("GET", "/admin/", "console"),
    ("POST", "/admin/login/", "console"),
    ("GET", "/static/admin/css/base.css", "console"),
]


def test_it_leads_each_method_and_path_to_its_service(front: Front):
    answers = [front.ask(method, path)[1] for method, path, _ in ROUTES]

    assert [answer["by"].partition("-")[0] for answer in answers] == [service for _, _, service in ROUTES]
    assert [answer["path"] for answer in answers] == [path for _, path, _ in ROUTES]


def test_it_leads_head_where_it_leads_get(front: Front):
    assert front.ask("HEAD", "/api/v1/tasks") == (200, {})
    assert front.count("HEAD") == 1


def test_it_tells_the_services_who_asked_for_what(front: Front):
    _, answer = front.ask("GET", "/api/v1/tasks", Host="scheduler.example:8443", X_Forwarded_For="192.0.2.7")
    headers = answer["headers"]

    assert (headers["host"], headers["x-forwarded-host"]) == ("scheduler.example:8443", "scheduler.example:8443")
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"]) == ("192.0.2.7, 127.0.0.1", "http")
    assert headers["x-real-ip"] == "127.0.0.1"
    assert len(headers["x-request-id"]) == 32


def test_it_believes_no_clients_scheme(front: Front):
    _, answer = front.ask("GET", "/api/v1/tasks", X_Forwarded_Proto="https")
    assert answer["headers"]["x-forwarded-proto"] == "http"


def test_it_hands_on_a_body_of_unknown_length_with_its_length(front: Front):
    connection = http.client.HTTPConnection(HOST, front.port, timeout=20)
    connection.request("POST", "/api/v1/tasks", iter([b'{"na', b'me": 1}']), encode_chunked=True)
    answer = json.loads(connection.getresponse().read())
    connection.close()

    assert answer["headers"]["content-length"] == "11"


SLOW = {
    "headers": b"GET /api/v1/tasks HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    "bodies": b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
    "chunks": b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
}


@pytest.mark.parametrize("kind", SLOW)
def test_slow_clients_occupy_no_process(front: Front, kind: str):
    with ExitStack() as stack:
        for _ in range(200):
            connection = stack.enter_context(socket.create_connection((HOST, front.port), timeout=20))
            connection.sendall(SLOW[kind])
        statuses = {front.ask("GET", "/api/v1/tasks")[0] for _ in range(10)}
        assert (statuses, front.count("GET"), front.count("POST")) == ({200}, 10, 0)


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)])
def test_it_repeats_only_what_may_be_taken_twice(front: Front, method: str, times: int):
    for stand_in in front.stand_ins.values():
        stand_in.is_mute = True

    status, problem = front.ask(method, TASK, b"{}" if method != "GET" else None)

    assert (status, problem["type"]) == (502, "urn:platform-scheduler:problem:unreachable")
    assert front.count(method) == times


@pytest.mark.parametrize(("method", "gone"), [("GET", "query-1"), ("POST", "register-1"), ("PATCH", "register-2")])
def test_it_goes_to_the_other_where_one_is_gone(stand_ins: dict[str, StandIn], method: str, gone: str):
    with running(stand_ins, gone=gone) as front:
        statuses = [front.ask(method, TASK)[0] for _ in range(6)]

    assert statuses == [200] * 6


def test_it_asks_the_other_where_one_has_died_over_a_get(front: Front):
    front.stand_ins["query-1"].is_mute = True
    assert [front.ask("GET", "/api/v1/tasks")[0] for _ in range(6)] == [200] * 6
