"""`query`: how long each read takes in the server, at several sizes of a seeded history, and how that grows."""

import json
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from bench import engines, processes, seeding
from bench.arena import Arena
from bench.figures import Case, Sample, at_most
from bench.stage import Stage
from bench.statistics import percentile

# Tasks and executions.
SIZES = ((1_000, 10_000), (100_000, 1_000_000))
SMALL = ((100, 1_000), (200, 2_000))
ROUNDS = 30

Timings = dict[str, list[float]]


def measure(stage: Stage) -> Iterator[Sample]:
    """Ask everything of databases that are seeded for it, or of the one that the person has named."""
    rounds = stage.size(ROUNDS, 2)
    for _ in range(stage.repeat):
        if stage.wishes.database:
            yield figures({"": ask(stage, stage.wishes.database, rounds=rounds)})
        else:
            sizes = stage.size(SIZES, SMALL)
            yield figures({f"{count:,} ": _seeded(stage, tasks, count, rounds) for tasks, count in sizes})


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
    """Return p50, p95 and p99 of each question at each size, and what it takes at the largest beside the smallest."""
    first, *_, last = [*by_size.values(), *by_size.values()]
    figures: dict[str, float] = {}
    for question in first:
        for size, timings in by_size.items():
            ordered = sorted(timings[question])
            shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
            figures |= {f"{question}: {size}{name}": percentile(ordered, share) for name, share in shares.items()}
        if len(by_size) > 1:
            figures[f"{question}: growth"] = median(last[question]) / median(first[question])
    return figures


CASE = Case(
    name="query",
    summary="each read in the server, ms, at 10,000 and 1,000,000 executions, or of --database",
    measure=measure,
    aims={f"metrics, {window}: 1,000,000 p95": at_most(20) for window in ("24h", "7d", "30d")},
    repeat=1,
    is_grid=True,
)
