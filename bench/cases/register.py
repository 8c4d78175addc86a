"""`register`: how long it takes to register tasks in bulk, from a file and over the API, and to find them unchanged."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import processes
from bench.arena import Arena
from bench.cpu import MEBIBYTE, largest_bytes
from bench.failures import MeasurementFailed
from bench.figures import Case, Sample, at_most
from bench.processes import Usage
from bench.stage import Stage
from platform_scheduler.embedded import services
from platform_scheduler.embedded.ports import LOOPBACK, free_port
from platform_scheduler.embedded.programs import Program
from platform_scheduler.embedded.services import MANAGE
from platform_scheduler.embedded.waiting import wait_until
from scheduler import clock

# Registers what stands in a file of records, as often as it is called.
Register = Callable[[Path], Usage]

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
    yield lambda file: arena.run(_command(file))


@contextmanager
def by_request(arena: Arena) -> Iterator[Register]:
    """Lend what sends one bulk request to a web service that runs already."""
    arena.connection.execute(_LET_IN, (TOKEN.encode(),))
    port = free_port()
    with arena.peer(services.web(host=LOOPBACK, port=port)) as pids:
        if not wait_until(lambda: _answers(port), seconds=SECONDS_TO_START):
            raise MeasurementFailed("The web service does not answer.")
        yield lambda file: _sent(arena, port, file, pids[0])


def _command(file: Path) -> Program:
    return processes.command("register", MANAGE, "register_tasks", str(file), "--mode", "upsert")


def _answers(port: int) -> bool:
    try:
        return _asked(port, "GET", "/health/ready")[0] == HTTPStatus.OK
    except OSError:
        return False


def _sent(arena: Arena, port: int, file: Path, pid: int) -> Usage:
    body = f'{{"mode": "upsert", "tasks": [{",".join(file.read_text(encoding="utf-8").splitlines())}]}}'
    before = arena.meter.now()["peer"]
    status, answer = _asked(port, "POST", "/api/v1/tasks/bulk", body.encode())
    if status != HTTPStatus.OK or json.loads(answer)["failed"]:
        raise MeasurementFailed(f"The bulk request was answered {status}: {answer[:300]!r}")
    return Usage(arena.meter.now()["peer"] - before, largest_bytes(pid))


def _asked(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    with closing(HTTPConnection(LOOPBACK, port, timeout=REQUEST_SECONDS)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


WAYS = {"register_tasks": by_file, "POST /tasks/bulk": by_request}


def measure(stage: Stage) -> Iterator[Sample]:
    """Register records in an empty table, the same again, then each of them changed; by file ten times as many."""
    few, many = stage.size(10_000, 20), stage.size(100_000, 200)
    with TemporaryDirectory(prefix="platform-scheduler-bench-tasks-") as folder:
        files = {count: _written(Path(folder), count) for count in (few, many)}
        for _ in range(stage.repeat):
            by_file = _measured(stage, "register_tasks", files[many], many)
            by_request = _measured(stage, "POST /tasks/bulk", files[few], few)
            yield {**by_file, **by_request, **_grown(stage, files[few]["created"], by_file)}


def _measured(stage: Stage, way: str, files: Mapping[str, Path], count: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    with stage.arena() as arena, WAYS[way](arena) as register:
        arena.connection.execute(_ANNOUNCE)
        for what, file in files.items():
            row = f"{way}: {what}"
            arena.meter.start()
            began = clock.monotonic()
            usage = register(file)
            figures[f"{row} s"] = clock.monotonic() - began
            figures[f"{row} Python CPU ms per 1,000"] = usage.cpu_seconds / count * 1e6
            if "postgres" in (spent := arena.meter.spent()):
                figures[f"{row} PostgreSQL CPU ms per 1,000"] = spent["postgres"] / count * 1e6
            figures[f"{row} MiB at most"] = usage.peak_bytes / MEBIBYTE
    return figures


def _grown(stage: Stage, few: Path, by_file: Mapping[str, float]) -> Sample:
    """Return how much more memory the many records have taken at most than a tenth of them."""
    with stage.arena() as arena:
        arena.connection.execute(_ANNOUNCE)
        peak = arena.run(_command(few)).peak_bytes / MEBIBYTE
    return {"register_tasks: MiB more than a tenth takes": by_file["register_tasks: created MiB at most"] - peak}


def _written(folder: Path, count: int) -> dict[str, Path]:
    """Write the records, and each of them changed; return what registers them in which order."""
    files = {}
    for name, change in (("created", {}), ("changed", {"priority": 10, "taskData": {"number": -1}})):
        files[name] = folder / f"{name}-{count}.ndjson"
        lines = (json.dumps(_record(number) | change) for number in range(count))
        files[name].write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return {"created": files["created"], "unchanged": files["created"], "changed": files["changed"]}


def _record(number: int) -> dict[str, object]:
    return {
        "name": f"Task {number}",
        "cronExpression": f"{number % 60} {number % 59} {number % 23} * * ?",
        "timeZone": ("UTC", "Europe/Berlin", "America/New_York")[number % 3],
        "taskClass": "platform.noop",
        "taskData": {"number": number},
        "priority": 1 + number % 9,
    }


CASE = Case(
    name="register",
    summary="100,000 tasks registered by file and 10,000 by request: created, then unchanged, then changed",
    measure=measure,
    aims={
        "register_tasks: created s": at_most(20),
        "register_tasks: MiB more than a tenth takes": at_most(50),
        "POST /tasks/bulk: created s": at_most(3),
    },
    repeat=1,
)
