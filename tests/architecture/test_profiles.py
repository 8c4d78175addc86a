"""Every settings profile boots in a process of its own and serves what is its to serve."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROBE = """
import django, json
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("check")
paths = ["/health/live", "/api/v1/tasks", "/api/v1/handlers", "/api/v1/executions/x", "/api/schema/", "/admin/login/"]
client = Client(SERVER_NAME="localhost")
statuses = {}
for path in paths:
    answer = client.options(path) if path.startswith("/api") else client.get(path)
    statuses[path] = [answer.status_code, answer.headers.get("Allow", "")]
print(json.dumps(statuses))
"""

READS, WRITES = "GET, HEAD, OPTIONS", "OPTIONS, POST"
GONE = [404, ""]
OPEN = [200, ""]

SERVED = {
    "all": [OPEN, [401, "GET, HEAD, OPTIONS, POST"], [401, READS], OPEN],
    "register": [OPEN, [401, WRITES], [401, READS], GONE],
    "query": [OPEN, [401, READS], GONE, GONE],
    "console": [OPEN, GONE, GONE, OPEN],
}


def _environment(profile: str) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": f"platform_scheduler.settings.{profile}",
        "DATABASE_URL": os.environ["TEST_DATABASE_URL"],
        "REDIS_URL": os.environ["TEST_REDIS_URL"],
    }


def _run(code: str, profile: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT, env=_environment(profile), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("profile", SERVED)
def test_a_web_profile_serves_its_part(profile: str) -> None:
    done = _run(PROBE, profile)

    assert done.returncode == 0, done.stderr
    statuses = json.loads(done.stdout.splitlines()[-1])
    assert [
        statuses[path] for path in ("/health/live", "/api/v1/tasks", "/api/v1/handlers", "/admin/login/")
    ] == SERVED[profile]


@pytest.mark.parametrize("profile", ["scheduler", "worker"])
def test_a_profile_without_urls_boots(profile: str) -> None:
    done = _run(
        "import django; django.setup(); from django.core.management import call_command; call_command('check')", profile
    )

    assert done.returncode == 0, done.stderr
