"""One version, in platform_scheduler/__init__.py; whatever shows one shows that."""

import json
import re
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from prometheus_client import CollectorRegistry

from platform_scheduler import __version__
from platform_scheduler.documents import document
from scheduler import health
from scheduler.exposition import BuildInfo

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("asked", ["version", "--version"])
def test_it_is_what_manage_py_says(asked: str) -> None:
    said = subprocess.run(
        [sys.executable, "manage.py", asked], cwd=ROOT, env={}, capture_output=True, text=True, check=True
    )

    assert said.stdout == f"{__version__}\n"


def test_it_is_what_the_package_takes() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())

    assert told["project"]["dynamic"] == ["version"]
    assert told["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "platform_scheduler.__version__"}


def test_it_is_the_newest_in_the_changelog() -> None:
    sections = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert next(name for name in sections if name != "Unreleased") == __version__


def test_it_is_what_the_description_of_the_api_says() -> None:
    assert document()["info"]["version"] == __version__


def test_it_is_what_metrics_say() -> None:
    registry = CollectorRegistry()
    registry.register(BuildInfo())

    (build,) = next(iter(registry.collect())).samples

    assert build.labels["version"] == __version__


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_it_is_what_a_web_process_says_of_its_health(nobody: Client, path: str) -> None:
    assert nobody.get(path).json()["version"] == __version__


def test_it_is_what_a_scheduler_or_worker_says_of_its_health() -> None:
    server = health.serve("127.0.0.1", 0, live=lambda: (True, {}))
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/health/live") as answer:
            said = json.load(answer)
    finally:
        server.shutdown()
        server.server_close()

    assert said == {"status": "up", "version": __version__}


def test_it_stands_at_the_foot_of_each_page_for_who_is_logged_in(db: None, client: Client) -> None:
    client.force_login(User.objects.create_superuser("ada"))

    assert f"Platform Scheduler {__version__}" in client.get("/admin/").content.decode()


def test_it_is_not_shown_to_who_is_not(nobody: Client) -> None:
    assert __version__ not in nobody.get("/admin/login/").content.decode()
