"""Every settings profile boots in a process of its own, serves what is its to serve, and refuses unsafe settings."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from platform_scheduler.embedded.ports import free_port

ROOT = Path(__file__).parents[2]
WEB = ["all", "register", "query", "console"]
PROFILES = [*WEB, "scheduler", "worker"]

PROBE = """
import django, json
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("check")
client = Client(SERVER_NAME="localhost")
asked = [
    ("get", "/health/live"), ("get", "/health/ready"), ("get", "/metrics"),
    ("options", "/api/v1/tasks"), ("options", "/api/v1/handlers"), ("options", "/api/v1/executions"),
    ("options", "/api/schema/"), ("get", "/admin/login/"),
]
answers = [getattr(client, method)(path) for method, path in asked]
print(json.dumps([[answer.status_code, answer.headers.get("Allow", "")] for answer in answers]))
"""

OPEN, CLOSED, GONE = [200, ""], [401, "GET, HEAD, OPTIONS"], [404, ""]
# The tests' own database is migrated under another name: this one answers and is empty.
NOT_MIGRATED = [503, ""]
PROBES = [OPEN, NOT_MIGRATED, CLOSED]
TASKS = [401, "GET, HEAD, OPTIONS, POST"]
READS = CLOSED

SERVED = {
    "all": [*PROBES, TASKS, READS, READS, READS, OPEN],
    "register": [*PROBES, TASKS, READS, READS, READS, GONE],
    "query": [*PROBES, TASKS, READS, READS, READS, GONE],
    "console": [*PROBES, GONE, GONE, GONE, GONE, OPEN],
}

# Who answers a method with 405, and what it says of the path then.
REFUSALS = """
import django, json
django.setup()
from django.test import Client
from rest_framework.test import APIRequestFactory, force_authenticate
from django.urls import resolve
from scheduler.tokens import Caller
from scheduler.models import ApiToken
answers = []
for method, path in json.loads(%r):
    request = APIRequestFactory().generic(method, path)
    force_authenticate(request, user=ApiToken(), token=Caller("edda", "admin", None, None))
    view = resolve(path)
    answer = view.func(request, *view.args, **view.kwargs)
    answers.append([answer.status_code, answer.headers.get("Allow", "")])
print(json.dumps(answers))
"""
LOADED = """
import django, json, sys
from importlib import import_module
django.setup()
for module in %r:
    import_module(module)
from django.core.checks import run_checks
assert not run_checks()
heavy = ["platform_scheduler.console.site", "platform_scheduler.urls.composition"]
print(json.dumps([name for name in heavy if name in sys.modules]))
"""
READY = """
import gc, json, sys
import platform_scheduler.wsgi
from django.conf import settings
print(json.dumps([settings.ROOT_URLCONF in sys.modules, gc.isenabled(), gc.get_freeze_count() > 100_000]))
"""
REDIRECTS = """
import django, json
django.setup()
from django.test import Client
client = Client(SERVER_NAME="localhost")
answers = [client.get(path) for path in ("/health/live", "/metrics", "/api/v1/tasks", "/admin/login/")]
answers.append(client.get("/admin/login/", headers={"X-Forwarded-Proto": "https"}))
print(json.dumps([answer.status_code for answer in answers]))
"""
TASK = "/api/v1/tasks/00000000-0000-4000-8000-000000000001"

START = {
    "manage.py": ("manage.py", "check"),
    "celery": ("-m", "celery", "-A", "platform_scheduler", "beat", "-S", "scheduler.beat:BeatScheduler"),
    "celery worker": ("-m", "celery", "-A", "platform_scheduler", "worker", "--concurrency", "1", "--without-mingle"),
    "granian": ("-m", "granian", "--interface", "wsgi", "platform_scheduler.wsgi:application", "--port"),
}


def _environment(profile: str) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": f"platform_scheduler.settings.{profile}",
        "DATABASE_URL": os.environ["TEST_DATABASE_URL"],
        "REDIS_URL": os.environ["TEST_REDIS_URL"],
    }


def _run(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def _answers(code: str, profile: str) -> list[Any]:
    done = _run("-W", "error", "-c", code, environment=_environment(profile))
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


@pytest.mark.parametrize("profile", SERVED)
def test_a_web_profile_serves_its_part(profile: str) -> None:
    assert _answers(PROBE, profile) == SERVED[profile]


@pytest.mark.parametrize(
    ("profile", "method", "path", "allow"),
    [
        ("register", "GET", "/api/v1/tasks", "OPTIONS, POST"),
        ("register", "PATCH", "/api/v1/tasks", "GET, HEAD, OPTIONS, POST"),
        ("register", "POST", f"{TASK}/history", "GET, HEAD, OPTIONS"),
        ("query", "POST", "/api/v1/tasks", "GET, HEAD, OPTIONS"),
        ("query", "GET", f"{TASK}/trigger", "OPTIONS, POST"),
        ("all", "DELETE", "/api/v1/tasks", "GET, HEAD, OPTIONS, POST"),
    ],
)
def test_it_refuses_the_wrong_method_with_all_that_the_path_takes(
    profile: str, method: str, path: str, allow: str
) -> None:
    assert _answers(REFUSALS % json.dumps([[method, path]]), profile) == [[405, allow]]


@pytest.mark.parametrize("profile", WEB)
def test_a_web_server_has_loaded_all_before_the_first_request(profile: str) -> None:
    """That one would wait for it; and the collector, which was off meanwhile, is on and leaves all of it alone."""
    assert _answers(READY, profile) == [True, True, True]


def test_it_redirects_to_tls_all_but_what_comes_past_the_gateway() -> None:
    environment = _environment("all") | {"BEHIND_TLS": "1"}
    done = _run("-W", "error", "-c", REDIRECTS, environment=environment)

    assert json.loads(done.stdout) == [200, 401, 301, 301, 200], done.stderr


@pytest.mark.parametrize(
    ("profile", "modules"),
    [
        ("scheduler", ["celery.bin.beat", "scheduler.beat"]),
        ("worker", ["celery.bin.worker", "workers.tasks", "workers.deliveries", "scheduler.housekeeping"]),
        ("register", ["platform_scheduler.wsgi"]),
        ("query", ["platform_scheduler.wsgi"]),
    ],
)
def test_a_profile_loads_nothing_of_what_others_serve(profile: str, modules: list[str]) -> None:
    """Each process of an installation would take the more memory and time to start, and none would use it."""
    done = _answers(LOADED % modules, profile)
    api = ["platform_scheduler.urls.composition"] if profile in WEB else []
    assert done == api


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_passes_the_checks_for_deployment(profile: str) -> None:
    environment = _environment(profile) | {"BEHIND_TLS": "1"}
    done = _run("manage.py", "check", "--deploy", "--fail-level", "WARNING", environment=environment)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_refuses_a_missing_key(profile: str) -> None:
    done = _run("manage.py", "check", environment=_environment(profile) | {"SECRET_KEY": ""})

    assert done.returncode == 1
    assert done.stderr.startswith("SECRET_KEY is missing or weak")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", "changeme"),
        ("SECRET_KEY", "a" * 60),
        ("SECRET_KEY_FILE", "/nowhere/secret-key"),
        ("DATABASE_URL_FILE", "/"),
        ("SECRET_KEY", "django-insecure-" + "0123456789abcdef" * 4),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "mysql:database"),
        ("REDIS_URL", ""),
        ("REDIS_URL", "amqp://rabbit"),
        ("BROKER_URL", "kafka://rabbit"),
        ("BROKER_URL", "amqp://rabbit:port"),
        ("BROKER_URL", "sentinel://sentinel-1/queue"),
        ("BROKER_URL", "sentinel://sentinel-1;redis://redis"),
        ("REDIS_SENTINEL_MASTER", ""),
        ("HEALTH_PORT", "eighty"),
        ("HEALTH_PORT", "65536"),
        ("METRICS_PORT", "0"),
        ("LOG_LEVEL", "loud"),
        ("LEASE_SECONDS", "6"),
        ("LEASE_SECONDS", "soon"),
        ("REPUBLISH_AFTER_SECONDS", "0"),
        ("AUDIT_KEPT_DAYS", "89"),
        ("TRUSTED_PROXIES", "gateway"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("BUNDLE_MAX", "0"),
        ("BUNDLE_MAX", "21"),
        ("HISTORY_KEPT_DAYS", "9"),
        ("HISTORY_MAX_GB", "0.5"),
        ("HISTORY_MAX_GB", "nan"),
        ("LOG_FORMAT", "xml"),
        ("WATCHDOG_URL", "file:///etc/passwd"),
        ("WATCHDOG_URL", "watchdog.example"),
        ("QUIET_HOURS", "5"),
        ("QUIET_HOURS", "3-3"),
        ("QUIET_HOURS", "22-24"),
    ],
)
def test_it_refuses_unsafe_and_missing_settings_in_one_line(variable: str, value: str) -> None:
    sentinels = {"BROKER_URL": "sentinel://sentinel-1:26379/0"} if "SENTINEL" in variable else {}
    done = _run("manage.py", "check", environment=_environment("all") | sentinels | {variable: value})

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert variable in done.stderr


def test_a_level_may_be_written_in_small_letters() -> None:
    done = _run("manage.py", "check", environment=_environment("all") | {"LOG_LEVEL": "warning"})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("profile", "starter"), [("scheduler", "celery"), ("worker", "celery worker")])
def test_a_process_whose_health_port_is_taken_says_so_and_ends(profile: str, starter: str) -> None:
    """A scheduler without its node would claim nothing for ever, a worker without its reporter lose what it runs."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = _run(*START[starter], environment=_environment(profile) | {"HEALTH_PORT": port})

    assert done.returncode == 1
    assert f"HEALTH_PORT={port} on 127.0.0.1 cannot be had" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("authorities", ["/nowhere/ca.pem", __file__])
def test_a_worker_whose_authorities_cannot_be_read_says_so_and_ends(authorities: str) -> None:
    """Else each task that calls by https fails, with a traceback that names no setting."""
    done = _run(*START["celery worker"], environment=_environment("worker") | {"HTTP_CA_FILE": authorities})

    assert done.returncode == 1
    assert f"HTTP_CA_FILE: {authorities} holds no authorities" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("starter", START)
def test_no_process_starts_with_a_weak_key(starter: str) -> None:
    port = [str(free_port())] if starter == "granian" else []
    done = _run(*START[starter], *port, environment=_environment("all") | {"SECRET_KEY": "changeme"})

    assert done.returncode != 0
    assert "SECRET_KEY is missing or weak" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout


def test_it_reads_secrets_from_files(tmp_path: Path) -> None:
    environment = _environment("all")
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL"):
        file = tmp_path / name
        file.write_text(f"{environment.pop(name)}\n")
        environment[f"{name}_FILE"] = str(file)

    assert _run("manage.py", "check", "--database", "default", environment=environment).returncode == 0


def test_it_refuses_a_weak_key_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("changeme\n")
    done = _run("manage.py", "check", environment=_environment("all") | {"SECRET_KEY_FILE": str(file)})

    assert done.returncode == 1
    assert done.stderr.startswith("SECRET_KEY is missing or weak")


def test_an_empty_variable_is_an_unset_one() -> None:
    empty = dict.fromkeys(
        (
            "METRICS_PORT",
            "HEALTH_PORT",
            "METRICS_OPEN",
            "BEHIND_TLS",
            "LOG_LEVEL",
            "LEASE_SECONDS",
            "BUNDLE_MAX",
            "HISTORY_MAX_GB",
        ),
        "",
    )
    done = _run("manage.py", "check", environment=_environment("all") | empty)
    assert done.returncode == 0, done.stderr
