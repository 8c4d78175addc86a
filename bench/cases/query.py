"""`query`: how long each read takes in the server, at several sizes of a seeded history, and how that grows."""

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psycopg

from bench import engines, processes, seeding
from bench.arena import Arena
from bench.figures import Case, Sample, at_most
from bench.stage import Stage
from bench.statistics import percentile

# Tasks and executions.
SIZES = ((1_000, 10_000), (100_000, 1_000_000))
SMALL = ((100, 1_000), (200, 2_000))
ROUNDS = 30
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

Timings = dict[str, list[float]]


def measure(stage: Stage) -> Iterator[Sample]:
    """Ask everything of databases that are seeded for it; of the smallest and those that the person has named."""
    rounds, sizes, named = stage.size(ROUNDS, 2), stage.size(SIZES, SMALL), stage.wishes.databases
    for _ in range(stage.repeat):
        asked = {size(*one): _seeded(stage, *one, rounds) for one in sizes[: 1 if named else None]}
        for url in named:
            asked[size(*_rows(url))] = ask(stage, url, rounds=rounds)
        yield figures(asked)


def size(tasks: int, executions: int) -> str:
    """Write how many executions of how many tasks: 10M/100k."""
    return f"{_short(executions)}/{_short(tasks)}"


def _short(count: int) -> str:
    for letter, unit in (("M", 1_000_000), ("k", 1_000)):
        if round(count / unit, 1) >= 1:
            return f"{count / unit:.0f}{letter}"
    return str(count)


def _rows(url: str) -> tuple[int, int]:
    """Return how many tasks and executions a database has, by PostgreSQL's statistics."""
    with psycopg.connect(url) as connection:
        row = connection.execute(_ROWS).fetchone()
    return row if row else (0, 0)


_ROWS = """
SELECT sum(reltuples) FILTER (WHERE relname = 'scheduler_tasks')::bigint,
    sum(greatest(reltuples, 0)) FILTER (WHERE relname <> 'scheduler_tasks')::bigint
FROM pg_class WHERE oid = 'scheduler_tasks'::regclass
    OR oid IN (SELECT relid FROM pg_partition_tree('task_execution_history') WHERE isleaf)
"""


def _seeded(stage: Stage, tasks: int, executions: int, rounds: int) -> Timings:
    with stage.arena() as arena:
        seeding.seed(arena.database_url, tasks=tasks, executions=executions, seed=stage.wishes.seed, say=stage.say)
        return ask(stage, arena.database_url, rounds=rounds)


def ask(stage: Stage, url: str, *, rounds: int) -> Timings:
    """Return the milliseconds of each question by its name, asked in a process of its own."""
    with TemporaryDirectory(prefix=engines.PREFIX) as name:
        folder = Path(name)
        environment = Arena.environment(url, stage.engines.redis_url, stage.secret_key, folder)
        program = processes.command("asking", "-m", "bench.asking", str(rounds), str(folder / "answers"), profile="all")
        processes.run_to_end(program, folder=folder, environment=environment)
        timings: Timings = json.loads((folder / "answers").read_text(encoding="utf-8"))
    return timings


def figures(by_size: dict[str, Timings]) -> Sample:
    """Return p50, p95 and p99 of each question at each size, and the longest p50 beside that of the first size."""
    first, *others = by_size.values()
    figures: dict[str, float] = {}
    for question in first:
        for name, timings in by_size.items():
            ordered = sorted(timings[question])
            figures |= {f"{question}: {name} {of}": percentile(ordered, share) for of, share in SHARES.items()}
        if others:
            longest = max(median(timings[question]) for timings in others)
            figures[f"{question}: growth"] = longest / median(first[question])
    return figures


CASE = Case(
    name="query",
    summary="each read in the server, ms, at 10,000 and 1,000,000 executions, or at 10,000 and of each --database",
    measure=measure,
    aims={"tasks, *p95": at_most(30), "executions, *p95": at_most(30), "history, *p95": at_most(30)}
    | {"metrics, *p95": at_most(20)},
    repeat=1,
    is_grid=True,
)
