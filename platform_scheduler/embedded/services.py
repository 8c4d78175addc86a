"""The platform's own programs as data: web, schedulers, workers, and the commands that prepare them."""

import sys
from dataclasses import replace
from pathlib import Path

from .programs import Program

PROJECT = Path(__file__).resolve().parents[2]
MANAGE = str(PROJECT / "manage.py")
EXAMPLES_FILE = PROJECT / "examples" / "tasks.yaml"
# Where the examples find the platform unless `up` is told another place; as `make up` does by itself.
EXAMPLES_URL = "http://127.0.0.1:8000"

WEB_WORKERS = 2
# What requests need, and as many for the clients of the live stream as STREAM_CLIENTS lets in.
WEB_THREADS = 64 + 48
# A worker waits for the tasks that it runs; those that take longer are found by their lease and run again.
WORKER_STOP_SECONDS = 20


def names(kind: str, count: int) -> list[str]:
    """Name the programs of a kind: `worker`, or `worker-1`, `worker-2` … where there are several."""
    return [kind] if count == 1 else [f"{kind}-{number}" for number in range(1, count + 1)]


def web(*, host: str, port: int) -> Program:
    """Describe the web server, with all of register, query and console."""
    command = (
        f"granian --interface wsgi --host {host} --port {port} --workers {WEB_WORKERS}"
        f" --blocking-threads {WEB_THREADS} --workers-kill-timeout 5 --respawn-failed-workers"
        " platform_scheduler.wsgi:application"
    )
    return _service("web", command, profile="all")


def scheduler(name: str, *, health_port: int) -> Program:
    """Describe one scheduler: celery beat with our class."""
    command = "celery -A platform_scheduler beat -S scheduler.beat:BeatScheduler"
    return _service(name, command, profile="scheduler", health_port=health_port)


def worker(name: str, *, health_port: int, children: int, is_critical: bool = False) -> Program:
    """Describe one worker with so many children, each running one task at a time; a critical one leaves the rest."""
    queues = "default" if is_critical else "platform,default"
    command = (
        f"celery -A platform_scheduler worker -n {name}@%h -Q {queues} --concurrency {children}"
        " --prefetch-multiplier 1 -O fair --without-gossip --without-mingle --without-heartbeat"
    )
    program = _service(name, command, profile="worker", health_port=health_port, stop_seconds=WORKER_STOP_SECONDS)
    return replace(program, env={**program.env, "WORKER_CRITICAL_ONLY": "1"}) if is_critical else program


def bootstrap() -> Program:
    """Describe the command that brings the database up to date and makes the first login and token."""
    return _manage("bootstrap", "bootstrap")


def write_examples(file: Path, *, url: str) -> None:
    """Write the example tasks with the platform's own address as it is this time."""
    file.write_text(EXAMPLES_FILE.read_text(encoding="utf-8").replace(EXAMPLES_URL, url), encoding="utf-8")


def register_examples(file: Path) -> Program:
    """Describe the command that registers the example tasks."""
    arguments = ("register_tasks", str(file), "--mode", "upsert", "--owner", "examples")
    return _manage("examples", *arguments)


def _manage(name: str, *arguments: str) -> Program:
    return Program(
        name=name,
        argv=(sys.executable, MANAGE, *arguments),
        # It loads no URLs and no pages, of which these commands need none.
        env={"DJANGO_SETTINGS_MODULE": "platform_scheduler.settings.scheduler"},
        cwd=PROJECT,
    )


def _service(
    name: str, command: str, *, profile: str, health_port: int | None = None, stop_seconds: int = 10
) -> Program:
    env = {"DJANGO_SETTINGS_MODULE": f"platform_scheduler.settings.{profile}", "PYTHONUNBUFFERED": "1"}
    if health_port is not None:
        env["HEALTH_PORT"] = str(health_port)
    return Program(
        name=name,
        argv=(sys.executable, "-m", *command.split()),
        env=env,
        cwd=PROJECT,
        stop_seconds=stop_seconds,
        health_port=health_port,
    )
