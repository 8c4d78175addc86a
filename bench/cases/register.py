"""`register`: how long it takes to register tasks in bulk, from a file and over the API, and to find them unchanged."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import processes
from bench.arena import Arena
from bench.cpu import MEBIBYTE
from bench.failures import MeasurementFailed
from bench.figures import Case, Sample
from bench.stage import Stage
from platform_scheduler.embedded import services
from platform_scheduler.embedded.ports import LOOPBACK, free_port
from platform_scheduler.embedded.programs import Program
from platform_scheduler.embedded.services import MANAGE
from platform_scheduler.embedded.waiting import wait_until
from scheduler import clock

# Registers what stands in a file of records, as often as it is called; returns the CPU seconds of our own processes.
Register = Callable[[Path], float]

REQUEST_SECONDS = 120
SECONDS_TO_START = 60
TOKEN = "bench"  # noqa: S105 - of a database that is dropped when the measurement ends

_ANNOUNCE = b"""
INSERT INTO scheduler_handlers (task_class, description, schema, defaults, schedules, version, queues, node_id, seen_at)
VALUES ('platform.noop', '', '{"type": "object"}', '{}', '[]', '', '["default"]', 'bench', clock_timestamp())
"""
_LET_IN = b"""
INSERT INTO scheduler_tokens (name, secret_hash, role, created_at)
VALUES ('bench', encode(sha256(%s), 'hex'), 'editor', clock_timestamp())
"""


@contextmanager
def by_file(arena: Arena) -> Iterator[Register]:
    """Lend what runs `register_tasks`, its start included."""
    yield lambda file: arena.run(_command(file)).cpu_seconds


@contextmanager
def by_request(arena: Arena) -> Iterator[Register]:
    """Lend what sends one bulk request to a web service that runs already."""
    arena.connection.execute(_LET_IN, (TOKEN.encode(),))
    port = free_port()
    with arena.peer(services.web(host=LOOPBACK, port=port)):
        if not wait_until(lambda: _answers(port), seconds=SECONDS_TO_START):
            raise MeasurementFailed("The web service does not answer.")
        yield lambda file: _sent(arena, port, file)


def _command(file: Path) -> Program:
    return processes.command("register", MANAGE, "register_tasks", str(file), "--mode", "upsert")


def _answers(port: int) -> bool:
    try:
        return _asked(port, "GET", "/health/ready")[0] == HTTPStatus.OK
    except OSError:
        return False


def _sent(arena: Arena, port: int, file: Path) -> float:
    body = f'{{"mode": "upsert", "tasks": [{",".join(file.read_text(encoding="utf-8").splitlines())}]}}'
    arena.meter.start()
    status, answer = _asked(port, "POST", "/api/v1/tasks/bulk", body.encode())
    if status != HTTPStatus.OK or json.loads(answer)["failed"]:
        raise MeasurementFailed(f"The bulk request was answered {status}: {answer[:300]!r}")
    return arena.meter.spent()["peer"]


def _asked(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    with closing(HTTPConnection(LOOPBACK, port, timeout=REQUEST_SECONDS)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


WAYS = {"register_tasks": by_file, "POST /tasks/bulk": by_request}


def measure(stage: Stage) -> Iterator[Sample]:
    """Register the same records twice, in an empty table each time; and how much memory ten times as many take."""
    count = stage.size(10_000, 50)
    with TemporaryDirectory(prefix="platform-scheduler-bench-tasks-") as folder:
        file = _written(Path(folder) / "tasks.ndjson", count)
        many = _written(Path(folder) / "many.ndjson", count * stage.size(10, 2))
        for _ in range(stage.repeat):
            sample: dict[str, float] = {}
            for name in WAYS:
                sample |= _timed(stage, name, file, count)
            sample |= _grown(stage, file, many)
            yield sample


def _timed(stage: Stage, name: str, file: Path, count: int) -> Sample:
    figures: dict[str, float] = {}
    with stage.arena() as arena, WAYS[name](arena) as register:
        arena.connection.execute(_ANNOUNCE)
        for what in ("created", "unchanged"):
            arena.meter.start()
            began = clock.monotonic()
            cpu_seconds = register(file)
            figures[f"{name}: {what} s per 1,000"] = (clock.monotonic() - began) / count * 1000
            figures[f"{name}: {what} Python CPU s per 1,000"] = cpu_seconds / count * 1000
            if "postgres" in (spent := arena.meter.spent()):
                figures[f"{name}: {what} PostgreSQL CPU s per 1,000"] = spent["postgres"] / count * 1000
    return figures


def _grown(stage: Stage, few: Path, many: Path) -> Sample:
    """Return how long ten times as many records take, and how much more memory they take at most."""
    peaks: list[float] = []
    seconds = 0.0
    for file in (few, many):
        with stage.arena() as arena:
            arena.connection.execute(_ANNOUNCE)
            began = clock.monotonic()
            peaks.append(arena.run(_command(file)).peak_bytes / MEBIBYTE)
            seconds = clock.monotonic() - began
    return {
        "register_tasks: ten times as many s": seconds,
        "register_tasks: ten times as many take MiB more": peaks[1] - peaks[0],
    }


def _written(file: Path, count: int) -> Path:
    file.write_text("".join(f"{json.dumps(_record(number))}\n" for number in range(count)), encoding="utf-8")
    return file


def _record(number: int) -> dict[str, object]:
    return {
        "name": f"Task {number}",
        "cronExpression": f"{number % 60} {number % 59} {number % 23} * * ?",
        "timeZone": ("UTC", "Europe/Berlin", "America/New_York")[number % 3],
        "taskClass": "platform.noop",
        "taskData": {"number": number},
        "priority": 1 + number % 10,
    }


CASE = Case(
    name="register",
    summary="10,000 tasks registered in bulk, by file and by request, then again unchanged; 100,000 by file",
    measure=measure,
    aims={},
    repeat=3,
)
