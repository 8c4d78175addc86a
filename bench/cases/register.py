"""`register`: how long it takes to register tasks in bulk, and to find them unchanged."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import processes
from bench.arena import Arena
from bench.figures import Case, Sample
from bench.stage import Stage
from platform_scheduler.embedded.services import MANAGE
from scheduler import clock

# Each way to register what stands in a file of records; the API's bulk request is to become one.
Way = Callable[[Arena, Path], None]

_ANNOUNCE = b"""
INSERT INTO scheduler_handlers (task_class, description, schema, defaults, schedules, version, queues, node_id, seen_at)
VALUES ('platform.noop', '', '{"type": "object"}', '{}', '[]', '', '["default"]', 'bench', clock_timestamp())
"""


def register_tasks(arena: Arena, file: Path) -> None:
    """Run the command, its start included."""
    arena.run(processes.command("register", MANAGE, "register_tasks", str(file), "--mode", "upsert"))


WAYS: dict[str, Way] = {"register_tasks": register_tasks}


def measure(stage: Stage) -> Iterator[Sample]:
    """Register the same records twice, in an empty table each time."""
    count = stage.size(5_000, 50)
    with TemporaryDirectory(prefix="platform-scheduler-bench-tasks-") as folder:
        file = Path(folder) / "tasks.ndjson"
        file.write_text("".join(f"{json.dumps(_record(number))}\n" for number in range(count)), encoding="utf-8")
        for _ in range(stage.repeat):
            yield {
                f"{name}: {what} s per 1,000": seconds / count * 1000
                for name, way in WAYS.items()
                for what, seconds in _timed(stage, way, file)
            }


def _timed(stage: Stage, way: Way, file: Path) -> Iterator[tuple[str, float]]:
    with stage.arena() as arena:
        arena.connection.execute(_ANNOUNCE)
        for what in ("created", "unchanged"):
            began = clock.monotonic()
            way(arena, file)
            yield what, clock.monotonic() - began


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
    summary="5,000 tasks registered in bulk, then again unchanged",
    measure=measure,
    aims={},
    repeat=3,
)
