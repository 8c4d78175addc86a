"""The audit of dependencies: nothing known, something known, nobody there. The service is a local one."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / ".ci" / "audit.py"
LOCK = """\
alpha==1.2.3 \\
    --hash=sha256:00
beta-two==4.5 ; sys_platform == 'win32' \\
    --hash=sha256:01
    # via alpha
"""
BOTH = [
    {"package": {"name": "alpha", "ecosystem": "PyPI"}, "version": "1.2.3"},
    {"package": {"name": "beta-two", "ecosystem": "PyPI"}, "version": "4.5"},
]


class Advisories(ThreadingHTTPServer):
    """A service that answers as OSV does, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self, answer: bytes, status: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.status = answer, status
        self.asked: list[tuple[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Advisories

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, json.loads(body)))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


@contextmanager
def advising(results: object, *, status: int = 200) -> Iterator[Advisories]:
    """Such a service, gone afterwards."""
    server = Advisories(json.dumps(results).encode(), status)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock file of two packages."""
    file = tmp_path / "requirements.lock"
    file.write_text(LOCK)
    return file


def audit(lock: Path, server: Advisories, *options: str) -> tuple[int, Sequence[str]]:
    url = f"http://127.0.0.1:{server.server_port}"
    command = [sys.executable, str(SCRIPT), *options, str(lock)]
    done = subprocess.run(command, env={"AUDIT_URL": url}, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_it_passes_what_nothing_is_known_against(lock: Path):
    with advising({"results": [{}, {}]}) as server:
        assert audit(lock, server) == (0, ["2 locked packages were audited: no advisories."])
    assert server.asked == [("/v1/querybatch", {"queries": BOTH})]


@pytest.mark.parametrize("options", [(), ("--may-be-left-out",)])
def test_it_names_what_is_known(lock: Path, options: tuple[str, ...]):
    with advising({"results": [{}, {"vulns": [{"id": "PYSEC-1"}, {"id": "GHSA-2"}]}]}) as server:
        status, lines = audit(lock, server, *options)

    assert status == 1
    assert lines == [
        "beta-two 4.5: PYSEC-1, see https://osv.dev/vulnerability/PYSEC-1",
        "beta-two 4.5: GHSA-2, see https://osv.dev/vulnerability/GHSA-2",
        "2 locked packages were audited: 2 advisories.",
    ]


@pytest.mark.parametrize(("options", "status"), [((), 2), (("--may-be-left-out",), 0)])
def test_it_says_in_a_line_that_nobody_answers(lock: Path, options: tuple[str, ...], status: int):
    with advising({}) as server:
        pass
    told, lines = audit(lock, server, *options)

    assert (told, len(lines)) == (status, 1)
    assert lines[0].startswith(f"The audit of dependencies was left out: http://127.0.0.1:{server.server_port} cannot")


@pytest.mark.parametrize(("answer", "status"), [({}, 503), ([], 200), ({"results": [{}]}, 200), ("Sign in", 200)])
def test_an_answer_that_is_none_passes_nothing(lock: Path, answer: object, status: int):
    with advising(answer, status=status) as server:
        assert audit(lock, server)[0] == 2
